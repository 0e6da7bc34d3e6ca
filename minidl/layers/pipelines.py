"""Layers in graphs of TensorFlow, such as a function that `tf.data.Dataset.map` was given.

TensorFlow traces such a function with tensors that have no values. A call of a layer becomes a node of its graph that
calls the layer on each element's arrays; so its weights are those of that moment, and a random layer draws anew each
time. The node has no gradient. TensorFlow is never imported: where the program has not done it, there is no graph.
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

# One call of a layer at a time: two that read its seed at the same time would draw the same numbers.
_locks: weakref.WeakKeyDictionary[Any, threading.Lock] = weakref.WeakKeyDictionary()


def in_graph(inputs: Any) -> bool:
    """Whether the inputs of a call are tensors of a graph that TensorFlow is tracing.

    >>> in_graph(np.ones(3))
    False
    """
    tf = sys.modules.get("tensorflow")
    return tf is not None and not tf.executing_eagerly() and any(map(tf.is_tensor, jax.tree.leaves(inputs)))


def call(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The outputs of a layer as tensors of the graph, of the shapes and dtypes that its outputs will have.

    Args:
        layer: the layer. One with `floats_in_graph` gets all arrays in its compute dtype, as in Keras.
        args: of the call: structures of tensors, arrays and other values.
        kwargs: likewise.

    Raises:
        ValueError: a tensor with an unknown number of axes.
    """
    tf = sys.modules["tensorflow"]
    leaves, structure = jax.tree.flatten(structures.ordered((args, kwargs)))
    places = [i for i, leaf in enumerate(leaves) if tf.is_tensor(leaf)]
    tensors = [leaves[i] for i in places]
    if layer.floats_in_graph:
        tensors = [tf.cast(tensor, layer.compute_dtype) for tensor in tensors]

    def given(values: list[Any]) -> Any:
        found = dict(zip(places, values))
        together = [found.get(i, leaf) for i, leaf in enumerate(leaves)]
        return structures.plain(jax.tree.unflatten(structure, together))

    spec_args, spec_kwargs = given([_spec(layer, tensor) for tensor in tensors])
    lock = _locks.setdefault(layer, threading.Lock())
    specs = layer.compute_output_spec(*spec_args, **spec_kwargs)
    expected, outputs = jax.tree.flatten(structures.ordered(specs))

    def compute(*values: np.ndarray) -> list[np.ndarray]:
        args, kwargs = given(list(values))
        with lock:
            return [np.asarray(output) for output in jax.tree.leaves(layer(*args, **kwargs))]

    results = tf.numpy_function(compute, tensors, [tf.as_dtype(spec.dtype) for spec in expected])
    for result, spec in zip(results, expected):
        result.set_shape(spec.shape)
    return structures.plain(jax.tree.unflatten(outputs, results))


def _spec(layer: Any, tensor: Any) -> KerasTensor:
    if tensor.shape.rank is None:
        raise ValueError(
            f"{layer.name}: a tensor in a graph of TensorFlow has an unknown number of axes: {tensor}. Give it a "
            "shape first, with `tensor.set_shape([None, None, 3])` for example."
        )
    return KerasTensor(tuple(tensor.shape), dtypes.canonical(tensor.dtype.name))
