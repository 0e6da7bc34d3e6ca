"""Valid ranges of a model's inputs: indices that its layers look up in tables, straight from the inputs.

On the device an index out of bounds silently gives NaN, or the last row. While a model is traced, its inputs are
annotated with their index, and a layer that is called on one records here which values it accepts. So the data can be
checked on the host before training starts.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from minidl.core import array_metadata


class Range(NamedTuple):
    """The valid range of one input."""

    leaf: int  # its index among the leaves of all inputs
    low: int
    high: int
    owner: str


_found: contextvars.ContextVar[list[Range] | None] = contextvars.ContextVar("input_ranges", default=None)


def require(array: Any, low: int, high: int, owner: str) -> None:
    """Record which values of an array a layer accepts."""
    found = _found.get()
    if found is not None and (leaf := array_metadata.of(array).input_index) is not None:
        found.append(Range(leaf, low, high, owner))


def carry(array: Any, changed: Any) -> Any:
    """Say that an array holds the values of another one. Gives it back."""
    return array_metadata.annotate(changed, input_index=array_metadata.of(array).input_index)


def of(call: Callable[[Any], Any], inputs: Any) -> list[Range]:
    """The ranges that layers record while a model is traced.

    Args:
        call: the model, as a function of its inputs.
        inputs: their shapes.
    """
    leaves, structure = jax.tree.flatten(inputs)

    def run(arrays: list[Any]) -> Any:
        for index, array in enumerate(arrays):
            array_metadata.annotate(array, input_index=index)
        return jax.tree.leaves(call(jax.tree.unflatten(structure, arrays)))

    found: list[Range] = []
    token = _found.set(found)
    try:
        jax.eval_shape(run, leaves)
    finally:
        _found.reset(token)
    return list(dict.fromkeys(found))
