"""HostLayer: the base of layers that work on the host, with NumPy, since JAX has no arrays of text."""

from __future__ import annotations

import abc
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core import dtypes, structures
from minidl.core.host_arrays import DTYPE, HostArray, calls_for
from minidl.core.symbolic import KerasTensor
from minidl.core.text import as_strings, is_text, may_be_text
from minidl.core.typing import Array
from minidl.layers import pipelines
from minidl.layers.base import Layer


class HostLayer(Layer):
    """A layer that is computed on the host, in `compute`.

    It takes arrays, lists, Series and tensors of TensorFlow, of text or numbers. In `fit`, `evaluate` and `predict`,
    what it makes of text is computed before the compiled step, as the data is prepared; what it makes of numbers, by
    a callback out of the step.
    """

    wide_in_graph = True
    takes_numbers = True
    needs_host = True  # also in a compiled function, where it is called back

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.built = True

    @abc.abstractmethod
    def compute(self, inputs: Any) -> np.ndarray:
        """The outputs for NumPy arrays; text is in `bytes` objects. May be called by several threads at once."""

    @property
    @abc.abstractmethod
    def output_dtype(self) -> str:
        """The dtype of the output; "string" for text."""

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if not pipelines.in_graph(inputs):
            inputs = self.as_inputs(inputs)
        return super().__call__(inputs, *args, **kwargs)

    def call(self, inputs: Any) -> Array | np.ndarray:
        leaves = jax.tree.leaves(inputs)
        if any(isinstance(leaf, (HostArray, jax.core.Tracer)) for leaf in leaves):
            return self.call_traced(inputs)
        outputs = self.compute(inputs)
        return np.asarray(as_strings(outputs).tolist(), "U") if is_text(outputs) else jnp.asarray(outputs)

    def call_traced(self, inputs: Any) -> Any:
        """The outputs in a function that is traced."""
        leaves = jax.tree.leaves(inputs)
        shape = self.compute_output_shape(structures.map(lambda leaf: tuple(leaf.shape), inputs))
        if (calls := calls_for(leaves)) is not None:
            return calls.result(self, inputs, shape, self.output_dtype)
        if not self.takes_numbers:
            raise TypeError(f"{self.name!r} takes text, got numbers: {[str(leaf.dtype) for leaf in leaves]}.")
        if self.output_dtype == DTYPE:
            raise ValueError(
                f"{self.name!r} gives text, which a compiled model cannot return. Call the layer on what predict() "
                "returns."
            )
        spec = jax.ShapeDtypeStruct(shape, self.output_dtype)
        return jax.pure_callback(self._compute_for_device, spec, inputs, vmap_method="sequential")

    def as_inputs(self, inputs: Any) -> Any:
        """What a call was given, as arrays: one."""
        return as_host_array(inputs)

    def compute_output_spec(self, inputs: Any) -> KerasTensor:
        """The output as a symbolic tensor."""
        shape = self.compute_output_shape(structures.map(lambda tensor: tuple(tensor.shape), inputs))
        return KerasTensor(shape, self.output_dtype)

    def _to_compute(self, value: Any) -> Any:
        return value

    def _compute_for_device(self, inputs: Any) -> np.ndarray:
        return self.compute(jax.tree.map(np.asarray, inputs)).astype(self.output_dtype)


def as_host_array(value: Any) -> Any:
    """Something as an array that `compute` takes; what is symbolic or traced stays."""
    if isinstance(value, (KerasTensor, HostArray, jax.core.Tracer, np.ndarray)):
        return value
    if hasattr(value, "row_splits") or hasattr(value, "dense_shape"):
        raise TypeError(
            f"Expected a dense array, got a {type(value).__name__}. Convert it: x.to_tensor(), tf.sparse.to_dense(x)."
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"Expected an array, got rows of different lengths; pad them to one length: {error}"
        ) from error
    return array


def integers(layer: Layer, array: np.ndarray) -> np.ndarray:
    """Integers of 64 bits.

    Raises:
        TypeError: they are text, or not numbers.
    """
    if may_be_text(array) or array.dtype.kind not in "biuf":
        raise TypeError(f"{layer.name!r} takes integers, got an array of dtype {array.dtype}.")
    return array.astype("int64")


def integer_dtype() -> str:
    """What integers are on the device."""
    return dtypes.canonical("int64")
