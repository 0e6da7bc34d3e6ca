"""Notes on arrays: what is known about one besides its values.

A softmax's output has logits behind it, from which a cross-entropy is exact where the
probabilities have saturated; a sequence has a mask. Such knowledge travels beside the arrays of one
call, in a table that lives as long as that call, so that layers pass plain arrays.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Sequence
from typing import Any

_Table = dict[tuple[int, str], tuple[Any, Any]]
_table: contextvars.ContextVar[_Table | None] = contextvars.ContextVar("notes", default=None)


@contextlib.contextmanager
def scope() -> Iterator[None]:
    """Notes written inside are readable until the outermost scope ends."""
    if _table.get() is not None:
        yield
        return
    token = _table.set({})
    try:
        yield
    finally:
        _table.reset(token)


def write(array: Any, kind: str, value: Any) -> Any:
    """Note something about an array, if a scope is open. Gives the array back."""
    table = _table.get()
    if table is not None and value is not None:
        table[id(array), kind] = (array, value)  # holding the array keeps its id its own
    return array


def of(arrays: Sequence[Any]) -> list[dict[str, Any]]:
    """All that was noted about each of some arrays, to go with them where they become other objects."""
    table = _table.get() or {}
    return [{kind: value for (key, kind), (_, value) in table.items() if key == id(array)} for array in arrays]


def write_all(arrays: Sequence[Any], kept: Sequence[dict[str, Any]]) -> None:
    """Note about each array what `of` gave."""
    for array, facts in zip(arrays, kept, strict=True):
        for kind, value in facts.items():
            write(array, kind, value)


def read(array: Any, kind: str) -> Any:
    """What was noted about an array, or None."""
    table = _table.get()
    found = table.get((id(array), kind)) if table else None
    return found[1] if found is not None else None
