"""Notes on arrays: what is known about one besides its values.

A softmax's output has logits behind it, from which a cross-entropy is exact where the
probabilities have saturated; a sequence has a mask. Such knowledge travels beside the arrays, in one table,
so that layers pass plain arrays. A note ends with its array.

The mask of an array that takes attributes is its `_keras_mask` instead, where users of Keras read and set it.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Sequence
from typing import Any

import jax

MASK = "mask"

_table: dict[int, tuple[weakref.ref[Any], dict[str, Any]]] = {}  # by the id of the array


def write(array: Any, kind: str, value: Any) -> Any:
    """Note something about an array (None notes nothing). Gives the array back."""
    if value is None or _outlives(array, value):
        return array
    if kind == MASK and _takes_attributes(array):
        array._keras_mask = value
        return array
    key = id(array)
    entry = _table.get(key)
    if entry is None or entry[0]() is not array:
        entry = _table[key] = weakref.ref(array, functools.partial(_forget, _table, key)), {}
    entry[1][kind] = value
    return array


def read(array: Any, kind: str) -> Any:
    """What was noted about an array, or None."""
    if kind == MASK and _takes_attributes(array):
        return getattr(array, "_keras_mask", None)
    return _notes(array).get(kind)


def of(arrays: Sequence[Any]) -> list[dict[str, Any]]:
    """All that was noted about each of some arrays, to go with them where they become other objects."""
    return [{**_notes(array), MASK: read(array, MASK)} for array in arrays]


def write_all(arrays: Sequence[Any], kept: Sequence[dict[str, Any]]) -> None:
    """Note about each array what `of` gave."""
    for array, facts in zip(arrays, kept, strict=True):
        for kind, value in facts.items():
            write(array, kind, value)


def _notes(array: Any) -> dict[str, Any]:
    entry = _table.get(id(array))
    return entry[1] if entry is not None and entry[0]() is array else {}


def _takes_attributes(array: Any) -> bool:
    """True of JAX's arrays and of symbolic tensors; not of traced arrays and NumPy's."""
    return hasattr(array, "__dict__")


def _forget(table: dict[int, Any], key: int, reference: weakref.ref[Any]) -> None:
    entry = table.get(key)
    if entry is not None and entry[0] is reference:  # else the id belongs to a newer array already
        del table[key]


def _outlives(array: Any, value: Any) -> bool:
    """Whether an array of values would keep a traced one, which is nothing after its function is compiled."""
    return isinstance(value, jax.core.Tracer) and not isinstance(array, jax.core.Tracer)
