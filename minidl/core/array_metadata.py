"""Metadata of arrays: masks, the logits of probabilities, and the like.

The output of a softmax has logits, from which a cross-entropy is exact where the probabilities have saturated; a
sequence has a mask. Metadata is kept in a table of weak references, so that layers pass plain arrays.

The mask of an array that can have attributes is its `_keras_mask` instead, where users of Keras read and set it.
"""

from __future__ import annotations

import dataclasses
import functools
import weakref
from collections.abc import Sequence
from typing import Any

import jax


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["mask", "softmax_logits", "sigmoid_logits"],
    meta_fields=["is_linear", "input_index", "host"],
)
@dataclasses.dataclass(frozen=True)
class ArrayMetadata:
    """The metadata of one array."""

    mask: Any = None  # booleans (batch, steps): which steps are valid
    softmax_logits: Any = None  # the input of the softmax along the last axis
    sigmoid_logits: Any = None  # the input of the sigmoid
    is_linear: bool = False  # whether it is the output of a layer without an activation
    input_index: int | None = None  # the index of the model input that has the same values
    host: Any = None  # how it was computed on the host, in a function that is traced: see host_arrays.py


_NOTHING = ArrayMetadata()
_table: dict[int, tuple[weakref.ref[Any], ArrayMetadata]] = {}  # by the id of the array


def of(array: Any) -> ArrayMetadata:
    """The metadata of an array.

    >>> x = jax.numpy.ones(2)
    >>> of(annotate(x, is_linear=True)).is_linear, of(x + 0).is_linear
    (True, False)
    """
    found = _entry(array)
    if _takes_attributes(array) and (mask := getattr(array, "_keras_mask", None)) is not None:
        return dataclasses.replace(found, mask=mask)
    return found


def annotate(array: Any, **known: Any) -> Any:
    """Add metadata to an array, where a value is not None. Returns the array.

    Args:
        array: the array.
        **known: the fields of `ArrayMetadata`.
    """
    known = {name: value for name, value in known.items() if value is not None and not _outlives(array, value)}
    if "mask" in known and _takes_attributes(array):
        array._keras_mask = known.pop("mask")
    if known:
        key = id(array)
        reference = weakref.ref(array, functools.partial(_forget, _table, key))
        _table[key] = reference, dataclasses.replace(_entry(array), **known)
    return array


def annotate_all(arrays: Sequence[Any], metadata: Sequence[ArrayMetadata]) -> None:
    """Copy metadata to arrays that correspond to others, such as traced ones."""
    for array, known in zip(arrays, metadata, strict=True):
        if known is not _NOTHING:
            annotate(array, **{**vars(known), "is_linear": known.is_linear or None})


def _entry(array: Any) -> ArrayMetadata:
    entry = _table.get(id(array))
    return entry[1] if entry is not None and entry[0]() is array else _NOTHING


def _takes_attributes(array: Any) -> bool:
    """True of JAX arrays and symbolic tensors; False of tracers and NumPy arrays."""
    return hasattr(array, "__dict__")


def _forget(table: dict[int, Any], key: int, reference: weakref.ref[Any]) -> None:
    entry = table.get(key)
    if entry is not None and entry[0] is reference:  # otherwise the id belongs to a newer array
        del table[key]


def _outlives(array: Any, value: Any) -> bool:
    """Whether a concrete array would keep a tracer, which is invalid after its function is traced."""
    return isinstance(value, jax.core.Tracer) and not isinstance(array, jax.core.Tracer)
