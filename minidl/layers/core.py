"""The layers that most models are made of: Input, Dense, Activation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl import activations, constraints, dtypes, initializers, notes, regularizers
from minidl.layers.base import Layer
from minidl.layers.lora import LowRank
from minidl.products import matmul
from minidl.symbolic import KerasTensor, Node


class InputLayer(Layer):
    """What stands at the beginning of a model: the shape and dtype of its input.

    Args:
        shape: the shape of one example, without the batch.
        batch_size: the size of the batch, if it is fixed.
        dtype: the dtype of the input, default `floatx()`.
        batch_shape: the whole shape, instead of the first two.
        name: default "input_layer".

    Raises:
        ValueError: no shape, two, or one with something in it that is no size.

    Example:
    >>> InputLayer((28, 28)).batch_shape
    (None, 28, 28)
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        batch_shape: Sequence[int | None] | None = None,
        name: str | None = None,
        sparse: bool = False,
        ragged: bool = False,
        optional: bool = False,
    ):
        super().__init__(name=name)
        if (shape is None) == (batch_shape is None):
            raise ValueError(f"Input: give either shape or batch_shape, got shape={shape}, batch_shape={batch_shape}.")
        if batch_shape is not None and batch_size is not None:
            raise ValueError("Input: batch_shape holds the batch size already; give only one of the two.")
        if sparse or ragged:
            raise ValueError("Input: sparse and ragged tensors do not exist in JAX; give dense arrays.")
        sizes = batch_shape if shape is None else shape
        if not isinstance(sizes, (list, tuple)) or not all(s is None or _is_size(s) for s in sizes):
            raise ValueError(f"Input: shape must be a tuple of sizes (None where unknown), got {sizes!r}.")
        sizes = tuple(None if size is None else int(size) for size in sizes)
        self.batch_shape = sizes if shape is None else (batch_size, *sizes)
        self.input_dtype = dtypes.canonical(dtype)
        self.optional = optional
        self._nodes.append(Node(self, (), {}, KerasTensor(self.batch_shape, self.input_dtype, name=self.name)))
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs

    @property
    def dtype(self) -> str:
        """The dtype of the input."""
        return self.input_dtype

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.input_dtype,
            "sparse": False,
            "ragged": False,
            "optional": self.optional,
            "name": self.name,
        }


def _is_size(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and bool(value >= 0)


def Input(  # noqa: N802, a function that Keras writes like a class
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool = False,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor for the input of a model: see `InputLayer` for the arguments.

    >>> Input((28, 28)).shape
    (None, 28, 28)
    """
    if tensor is not None:
        return tensor
    return InputLayer(shape, batch_size, dtype, batch_shape, name, sparse, optional=optional).output


class Dense(LowRank):
    """Fully connected layer: `activation(x @ kernel + bias)`.

    Args:
        units: the size of the output's last axis.
        activation: name or function applied to the result; None for none.
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
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
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

    def build(self, input_shape: Any) -> None:
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

    def call(self, inputs: Any) -> Any:
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
            return notes.write(outputs, "linear", True)  # for the check of losses that take probabilities
        return self.activation(outputs)

    def get_config(self) -> dict[str, Any]:
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

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class Identity(Layer):
    """Gives back what it is given.

    Args:
        **kwargs: see `Layer`.

    Input shape: any, also a structure of arrays.
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

    def call(self, inputs: Any) -> Any:
        return inputs
