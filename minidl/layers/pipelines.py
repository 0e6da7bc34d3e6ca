"""Layers in TensorFlow graphs, such as in a function that is passed to `tf.data.Dataset.map`.

TensorFlow traces such a function with symbolic tensors. A call of a layer becomes a node of the graph that calls the
layer on the arrays of each element, with the weights of that time and new random numbers. The node has no gradient.
This module never imports TensorFlow: a program that has not imported it has no graph.
"""

from __future__ import annotations

import sys
import threading
import weakref
from typing import Any

import jax
import numpy as np

from minidl.core import dtypes, structures
from minidl.core.symbolic import KerasTensor

# One call of a layer at a time: two that read its seed concurrently would draw the same numbers.
_locks: weakref.WeakKeyDictionary[Any, threading.Lock] = weakref.WeakKeyDictionary()


def in_graph(inputs: Any) -> bool:
    """Whether the inputs of a call are symbolic tensors of a TensorFlow graph.

    >>> in_graph(np.ones(3))
    False
    """
    tf = sys.modules.get("tensorflow")
    return tf is not None and not tf.executing_eagerly() and any(map(tf.is_tensor, jax.tree.leaves(inputs)))


def call(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The outputs of a layer as tensors of the graph, with their shapes and dtypes.

    Args:
        layer: the layer. One with `floats_in_graph` gets all arrays in its compute dtype, as in Keras.
        args: arguments of the call: structures of tensors, arrays and other values.
        kwargs: keyword arguments of the call.

    Raises:
        ValueError: a tensor with an unknown number of axes.
    """
    tf = sys.modules["tensorflow"]
    leaves, structure = jax.tree.flatten(structures.ordered((args, kwargs)))
    indices = [i for i, leaf in enumerate(leaves) if tf.is_tensor(leaf)]
    tensors = [leaves[i] for i in indices]
    if layer.floats_in_graph:
        tensors = [tf.cast(tensor, layer.compute_dtype) for tensor in tensors]

    def arguments(values: list[Any]) -> Any:
        replaced = dict(zip(indices, values))
        merged = [replaced.get(i, leaf) for i, leaf in enumerate(leaves)]
        return structures.plain(jax.tree.unflatten(structure, merged))

    spec_args, spec_kwargs = arguments([_spec(layer, tensor) for tensor in tensors])
    lock = _locks.setdefault(layer, threading.Lock())
    specs = layer.compute_output_spec(*spec_args, **spec_kwargs)
    expected, outputs = jax.tree.flatten(structures.ordered(specs))

    kinds = ["int64" if spec.dtype == "int32" and layer.wide_in_graph else spec.dtype for spec in expected]

    def compute(*values: np.ndarray) -> list[np.ndarray]:
        args, kwargs = arguments(list(values))
        with lock:
            outputs = [np.asarray(output) for output in jax.tree.leaves(layer(*args, **kwargs))]
        return [_in_dtype(output, kind) for output, kind in zip(outputs, kinds)]

    results = tf.numpy_function(compute, tensors, [tf.as_dtype(dtype) for dtype in kinds])
    for result, spec in zip(results, expected):
        result.set_shape(spec.shape)
    return structures.plain(jax.tree.unflatten(outputs, results))


def _in_dtype(output: np.ndarray, kind: str) -> np.ndarray:
    return output.astype(object if kind == "string" else kind)


def _spec(layer: Any, tensor: Any) -> KerasTensor:
    if tensor.shape.rank is None:
        raise ValueError(
            f"{layer.name}: a tensor in a TensorFlow graph has an unknown number of axes: {tensor}. Set its "
            "shape first, with `tensor.set_shape([None, None, 3])` for example."
        )
    return KerasTensor(tuple(tensor.shape), dtypes.canonical(tensor.dtype.name))
