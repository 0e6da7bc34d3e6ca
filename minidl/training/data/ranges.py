"""Checks of the values of inputs against the valid ranges of layers: see core/input_ranges.py."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from minidl.core import host_plan, input_ranges
from minidl.core.arrays import LazyRows, SparseRows, device_dtype
from minidl.layers import Embedding, InputLayer
from minidl.training.data.known_inputs import kind_of


def check(call: str, model: Any, x: Any) -> None:
    """Refuse inputs out of the range of a layer that looks them up in a table, or takes integers.

    Memory-mapped files are not checked here.

    Args:
        call: the method, for the error, such as "fit".
        model: a model built for such inputs.
        x: arrays.

    Raises:
        ValueError: values are out of range.
    """
    found = known(model, x)
    leaves = jax.tree.leaves(x) if found else []
    for index, low, high, owner in found:
        array = leaves[index]
        is_computed = isinstance(array, LazyRows) and not isinstance(array, SparseRows)
        if is_computed or isinstance(array, np.memmap) or not array.size:
            continue
        smallest, largest = array.min(), array.max()
        if not low <= smallest <= largest <= high:  # False for NaN, too
            path, _ = jax.tree_util.tree_leaves_with_path(x)[index]
            raise ValueError(
                f"{call}: x{jax.tree_util.keystr(path)} has values from {smallest} to {largest}, but {owner} takes "
                f"{low} to {high}. Check x, or make the layer larger."
            )


def known(model: Any, x: Any) -> list[input_ranges.Range]:
    """The ranges of a model's inputs, traced once per shape of x; most models have none."""
    found, kind = model._known_inputs.ranges, kind_of(x)
    if kind not in found:
        inputs = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((1, *leaf.shape[1:]), device_dtype(leaf)), x)
        limited = any(map(_takes_integers, model._flatten_layers()))
        found[kind] = input_ranges.of(lambda values: call(model, values), inputs) if limited else []
    return found[kind]


def call(model: Any, inputs: Any) -> Any:
    """A call without side effects on variables and losses."""
    with model._keeping([*model.variables, *model.metrics_variables]):
        outputs = model(host_plan.opened(inputs), training=False)
        model._clear_losses()
        return outputs


def _takes_integers(layer: Any) -> bool:
    return isinstance(layer, Embedding) or (isinstance(layer, InputLayer) and "int" in str(layer.dtype))
