"""Masks: which steps of a sequence count.

A mask is a boolean array beside an array of shape (batch, steps, ...), noted by the layer that makes it
(`Embedding(mask_zero=True)`, `Masking`) and carried on from layer to layer by `Layer.__call__` with the three functions
below. Losses and metrics read the mask of the predictions. Outside of compiled functions it is the array's attribute
`_keras_mask`, which may be set too.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import jax

from minidl.core import array_metadata, structures


def get(arrays: Any) -> Any:
    """The masks of an array or a structure of arrays, None where there is none."""
    return structures.map(lambda array: array_metadata.of(array).mask, arrays)


def put(array: Any, mask: Any) -> Any:
    """Note the mask of an array. Gives the array back."""
    return array_metadata.annotate(array, mask=mask)


def fill(kwargs: dict[str, Any], given: dict[str, Any], parameters: Iterable[str]) -> None:
    """Give a call the masks of its inputs, where it takes masks and none were given.

    Args:
        kwargs: of the call; the masks are put here: `mask` if the call has one input, else `query_mask` for an input
            `query`.
        given: argument name -> value of the call, for those that hold arrays.
        parameters: the names that the call takes.
    """
    inputs = {name: value for name, value in given.items() if not name.endswith("mask")}
    for name, value in inputs.items():
        argument = "mask" if len(inputs) == 1 else f"{name}_mask"
        if argument in parameters and argument not in given:
            found = get(value)
            if _any(found):
                kwargs[argument] = found


def carry(layer: Any, inputs: Any, previous: Any, outputs: Any, used: bool) -> None:
    """Note the masks of a layer's outputs, as its `compute_mask` says.

    Args:
        layer: what was called.
        inputs: its first argument.
        previous: the masks of that.
        outputs: what it gave.
        used: whether the layer's `call` takes the mask.

    Warns:
        UserWarning: the inputs have a mask, and the layer neither takes it nor supports masks.
    """
    if not layer.supports_masking:
        if _any(previous) and not used:
            warnings.warn(
                f"Layer {layer.name!r} ({type(layer).__name__}) does not support masking, so the mask of its input "
                "ends here: layers and losses after it count every step.",
                stacklevel=4,
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
