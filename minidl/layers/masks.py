"""Masks: which steps of a sequence are valid.

A mask is a boolean array that belongs to an array of shape (batch, steps, ...) as its metadata. It is set by the layer
that computes it (`Embedding(mask_zero=True)`, `Masking`) and propagated from layer to layer by `Layer.__call__`. Losses
and metrics read the mask of the predictions. Outside of compiled functions it is the array's attribute
`_keras_mask`, which may be set too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax

from minidl.core import array_metadata, structures
from minidl.core.tracebacks import warn
from minidl.core.typing import Array, PyTree


def get(arrays: PyTree) -> PyTree:
    """The masks of an array or a structure of arrays, or None."""
    return structures.map(lambda array: array_metadata.of(array).mask, arrays)


def put(array: Array, mask: Array | None) -> Array:
    """Set the mask of an array, and return the array."""
    return array_metadata.annotate(array, mask=mask)


def fill(kwargs: dict[str, Any], given: dict[str, Any], parameters: Iterable[str]) -> None:
    """Add the masks of the inputs to the arguments of a call that takes masks and was given none.

    Args:
        kwargs: arguments of the call, updated in place: `mask` if the call has one input, else `query_mask` for an
            input `query`.
        given: argument name -> value, for the arguments that hold arrays.
        parameters: names of the parameters of `call`.
    """
    inputs = {name: value for name, value in given.items() if not name.endswith("mask")}
    for name, value in inputs.items():
        argument = "mask" if len(inputs) == 1 else f"{name}_mask"
        if argument in parameters and argument not in given:
            mask = get(value)
            if _any(mask):
                kwargs[argument] = mask


def carry(layer: Any, inputs: Any, previous: Any, outputs: Any, used: bool) -> None:
    """Set the masks of a layer's outputs, as computed by its `compute_mask`.

    Args:
        layer: the layer that was called.
        inputs: its first argument.
        previous: its mask.
        outputs: its outputs.
        used: whether the layer's `call` takes the mask.

    Warns:
        UserWarning: the inputs have a mask, and the layer neither takes it nor supports masks.
    """
    if not layer.supports_masking:
        if _any(previous) and not used:
            warn(
                f"Layer {layer.name!r} ({type(layer).__name__}) does not support masking, so the mask of its input "
                "is dropped: the layers and losses after it use every step."
            )
        return
    arrays = jax.tree.leaves(outputs)
    if all(get(array) is not None for array in arrays):
        return
    masks = jax.tree.leaves(layer.compute_mask(inputs, previous), is_leaf=lambda mask: mask is None)
    for array, mask in zip(arrays, masks):
        if get(array) is None:
            put(array, mask)


def _any(masks: Any) -> bool:
    return bool(jax.tree.leaves(masks))
