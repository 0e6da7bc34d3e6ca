"""Dense: the fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl import activations, constraints, initializers, regularizers
from minidl.core import array_metadata
from minidl.core.typing import Array, Config, Identifier, Shape
from minidl.kernels import matmul
from minidl.layers.lora import LowRank


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
