"""The core layers: Input, Dense, Activation, Identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl import activations, constraints, initializers, regularizers
from minidl.core import array_metadata, dtypes
from minidl.core.symbolic import KerasTensor, Node
from minidl.core.typing import Array, Config, DType, Identifier, PyTree, Shape
from minidl.kernels import matmul
from minidl.layers.base import Layer
from minidl.layers.lora import LowRank


class InputLayer(Layer):
    """The input of a model: its shape and dtype.

    Args:
        shape: the shape of one example, without the batch.
        batch_size: the size of the batch, if it is fixed.
        dtype: the dtype of the input, default `floatx()`.
        sparse: must be False: sparse tensors are not supported.
        ragged: must be False: ragged tensors are not supported.
        batch_shape: the shape with the batch, instead of `shape` and `batch_size`.
        input_tensor: a symbolic tensor to use as the input, instead of a new one. Other arguments must match it.
        optional: whether the input may be None.
        name: default "input_layer".

    Raises:
        ValueError: no shape or two shapes, an invalid shape, or an input_tensor that is not a symbolic tensor or
            does not match the other arguments.

    Example:
    >>> InputLayer((28, 28)).batch_shape
    (None, 28, 28)
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: DType | None = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name)
        shape = kwargs.pop("input_shape", shape)  # their names in Keras 2
        batch_shape = kwargs.pop("batch_input_shape", batch_shape)
        if kwargs:
            raise TypeError(f"InputLayer: unknown arguments {sorted(kwargs)}.")
        if input_tensor is not None:
            _require_match(input_tensor, shape, batch_shape, batch_size, dtype, sparse)
            shape, batch_shape, batch_size, dtype = None, input_tensor.shape, None, input_tensor.dtype
        if shape is not None and batch_shape is not None:
            raise ValueError(f"Input: give either shape or batch_shape, got {shape} and {batch_shape}.")
        if batch_shape is not None and batch_size is not None:
            raise ValueError("Input: give either batch_size or batch_shape, which includes the batch size.")
        if shape is None and batch_shape is None:
            raise ValueError("Input: no shape given. Give `shape`, the shape of one example without the batch.")
        if sparse or ragged:
            raise ValueError("Input: sparse and ragged tensors are not supported; give dense arrays.")
        sizes = batch_shape if shape is None else shape
        if not isinstance(sizes, (list, tuple)) or not all(s is None or _is_size(s) for s in sizes):
            raise ValueError(f"Input: shape must be a tuple of sizes (None where unknown), got {sizes!r}.")
        sizes = tuple(None if size is None else int(size) for size in sizes)
        self.batch_shape = sizes if shape is None else (batch_size, *sizes)
        self._input_dtype = dtypes.canonical(dtype)
        self.sparse = self.ragged = False
        self.optional = optional
        tensor = (
            KerasTensor(self.batch_shape, self._input_dtype, name=self.name) if input_tensor is None else input_tensor
        )
        self._nodes.append(Node(self, (), {}, tensor))
        self.built = True

    def call(self, inputs: Any = None) -> Any:
        return inputs

    @property
    def input_dtype(self) -> str:
        return self._input_dtype

    @property
    def dtype(self) -> str:
        """The dtype of the input."""
        return self._input_dtype

    def get_config(self) -> Config:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self._input_dtype,
            "sparse": False,
            "ragged": False,
            "optional": self.optional,
            "name": self.name,
        }


def _require_match(
    tensor: Any,
    shape: Sequence[int | None] | None,
    batch_shape: Sequence[int | None] | None,
    batch_size: int | None,
    dtype: DType | None,
    sparse: bool | None,
) -> None:
    """Raise ValueError for arguments of an input that do not match the given tensor."""
    if not isinstance(tensor, KerasTensor):
        raise ValueError(f"Input: input_tensor must be a symbolic tensor (KerasTensor), got {type(tensor).__name__}.")
    given = {
        "shape": (shape and tuple(shape), tensor.shape[1:]),
        "batch_shape": (batch_shape and tuple(batch_shape), tensor.shape),
        "batch_size": (batch_size, tensor.shape[0] if tensor.shape else None),
        "dtype": (dtype and dtypes.canonical(dtype), tensor.dtype),
        "sparse": (sparse, False),
    }
    for name, (value, own) in given.items():
        if value is not None and value != own:
            raise ValueError(
                f"Input: with `input_tensor` you cannot provide an incompatible `{name}`: got {value}, the tensor's is "
                f"{own}."
            )


def _is_size(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and bool(value >= 0)


def Input(  # noqa: N802, a function that Keras writes like a class
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: DType | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor for the input of a model: see `InputLayer` for the arguments; `tensor` is its `input_tensor`.

    >>> Input((28, 28)).shape
    (None, 28, 28)
    """
    return InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name).output


class Dense(LowRank):
    """Fully connected layer: `activation(x @ kernel + bias)`.

    Args:
        units: the size of the output's last axis.
        activation: name or function applied to the result; None for no activation.
        use_bias: whether to add a bias.
        kernel_initializer: of the kernel, (features, units).
        bias_initializer: of the bias, (units,).
        kernel_regularizer: function of the kernel that is added to the loss.
        bias_regularizer: function of the bias that is added to the loss.
        activity_regularizer: function of the output that is added to the loss.
        kernel_constraint: function applied to the kernel after each update.
        bias_constraint: function applied to the bias after each update.
        **kwargs: `lora_rank` and `lora_alpha`, see `LowRank`; and see `Layer`.

    Input shape: (batch, ..., features).
    Output shape: (batch, ..., units).

    Raises:
        ValueError: units is not a positive integer, or the last axis of the input has no known size.

    Example:
    >>> import jax.numpy as jnp
    >>> Dense(2)(jnp.ones((4, 3))).shape
    (4, 2)
    """

    def __init__(
        self,
        units: int,
        activation: Identifier = None,
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if isinstance(units, bool) or not isinstance(units, (int, np.integer)) or units <= 0:
            raise ValueError(f"Dense: units must be a positive integer, got {units!r}.")
        self.units = int(units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) < 2:
            raise ValueError(
                f"Dense {self.name!r} takes inputs of shape (batch, ..., features), got {input_shape}. Give a single "
                "feature an axis of its own with x[:, None], a single example with x[None]."
            )
        features = input_shape[-1]
        if features is None:
            raise ValueError(f"Dense {self.name!r}: the last axis of the input needs a known size, got {input_shape}.")
        self._kernel = self.add_weight(
            (features, self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.begin_lora()

    @property
    def kernel(self) -> Any:
        """The kernel, (features, units); AttributeError before the layer is built."""
        return self.weight_or_sum()

    def call(self, inputs: Array) -> Array:
        kernel = self.effective_weight()
        if inputs.shape[-1] != kernel.shape[0]:
            raise ValueError(
                f"Dense {self.name!r} takes {kernel.shape[0]} features (its kernel has shape {kernel.shape}), but the "
                f"last axis of the input has size {inputs.shape[-1]}: such an input is incompatible with the layer. "
                f"Give it the shape (batch, ..., {kernel.shape[0]})."
            )
        outputs = matmul(inputs, kernel)  # (batch, ..., units)
        if self.bias is not None:
            outputs = outputs + self.bias.value
        if self.activation in (None, activations.linear):
            return array_metadata.annotate(outputs, is_linear=True)  # checked by losses that take probabilities
        return self.activation(outputs)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            **self.lora_config(),
        }


class Activation(Layer):
    """Applies an activation function.

    Args:
        activation: name or function.
        **kwargs: see `Layer`.

    Input shape: any.
    Output shape: the same.

    Example:
    >>> import jax.numpy as jnp
    >>> Activation("relu")(jnp.array([-1.0, 2.0]))
    Array([0., 2.], dtype=float32)
    """

    def __init__(self, activation: Identifier, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Array) -> Array:
        return self.activation(inputs)

    def get_config(self) -> Config:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class Identity(Layer):
    """Returns its input unchanged.

    Args:
        **kwargs: see `Layer`.

    Input shape: any, or a structure of arrays.
    Output shape: the same.

    Example:
    >>> import jax.numpy as jnp
    >>> Identity()(jnp.array([3.0]))
    Array([3.], dtype=float32)
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: PyTree) -> PyTree:
        return inputs
