"""Conv1D, Conv2D and Conv3D: convolution layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp  # noqa: F401, used by the examples
import numpy as np

from minidl.core import naming
from minidl.core.typing import Array, Config, Identifier, Shape
from minidl.kernels import conv
from minidl.layers import weight_options
from minidl.layers.convolution.base import Convolution
from minidl.layers.lora import LowRank


class _Conv(Convolution, LowRank):
    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
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
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            activity_regularizer,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.filters = require_count(filters, f"{type(self).__name__}: filters")
        self.groups = require_count(groups, f"{type(self).__name__}: groups")
        if self.filters % self.groups:
            raise ValueError(
                f"{type(self).__name__}: filters must be a multiple of groups, got {filters} filters, {groups} groups."
            )

    def build(self, input_shape: Shape) -> None:
        channels = self.channels_of(input_shape)
        if channels % self.groups:
            raise ValueError(
                f"{type(self).__name__}: the number of channels must be a multiple of groups, got the input shape "
                f"{tuple(input_shape)} and {self.groups} groups."
            )
        self.check_window(input_shape)
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self._kernel = weight_options.make(self, "kernel", shape)
        self.make_bias(self.filters)
        self.begin_lora()

    @property
    def kernel(self) -> Any:
        """The kernel, (*kernel_size, channels / groups, filters); AttributeError before the layer is built."""
        return self.weight_or_sum()

    def convolution_op(self, inputs: Array, kernel: Array) -> Array:
        """The convolution without bias and activation; override it to change the convolution.

        Args:
            inputs: as for `call`.
            kernel: (*kernel_size, channels / groups, filters).
        """
        return self._conv(inputs, kernel, None)

    def call(self, inputs: Array) -> Array:
        if naming.is_own(self.convolution_op):
            bias = None if self.bias is None else self.bias.value
            outputs = self._conv(inputs, self.effective_weight(), bias)
            return outputs if self.activation is None else self.activation(outputs)
        return self.finish(self.convolution_op(inputs, self.effective_weight()))

    def _conv(self, inputs: Array, kernel: Array, bias: Array | None) -> Array:
        amounts = self.pads_for(inputs)
        return conv(inputs, kernel, self.strides, amounts, self.dilation_rate, self.channels_last, self.groups, bias)

    def get_config(self) -> Config:
        return {**super().get_config(), "filters": self.filters, "groups": self.groups, **self.lora_config()}


class Conv1D(_Conv):
    """1D convolution: `activation(conv(x, kernel) + bias)`.

    Args:
        filters: number of channels of the output.
        kernel_size: the size of the window: an integer.
        strides: step of the window along each axis.
        padding: "valid" for no padding, "same" for zeros that keep the size at stride 1, or "causal" for zeros at the
            start only, so that no output depends on later steps.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        dilation_rate: distance between the elements of the window.
        groups: number of groups that channels and filters are split into; each group is convolved separately.
        activation: name or function applied to the result; None for no activation.
        use_bias: whether to add a bias.
        kernel_initializer: of the kernel, (*kernel_size, channels / groups, filters).
        kernel_regularizer: function of the kernel that is added to the loss.
        kernel_constraint: function applied to the kernel after each update.
        bias_initializer: of the bias.
        bias_regularizer: function of the bias that is added to the loss.
        bias_constraint: function applied to the bias after each update.
        activity_regularizer: function of the output that is added to the loss.
        **kwargs: `lora_rank` and `lora_alpha`, see `LowRank`; and see `Layer`.


    Input shape: (batch, steps, channels), or (batch, channels, steps).
    Output shape: (batch, new steps, filters), or with the channels first.

    Raises:
        ValueError: sizes that are not positive integers, or an input smaller than the window.

    Example:
    >>> Conv1D(16, 3, padding="same")(jnp.ones((4, 10, 8))).shape
    (4, 10, 16)
    """

    rank = 1
    paddings = ("valid", "same", "causal")


class Conv2D(_Conv):
    """2D convolution: `activation(conv(x, kernel) + bias)`.

    Args:
        filters: number of channels of the output.
        kernel_size: the size of the window: an integer, or one for each of the 2 axes.
        strides: step of the window along each axis.
        padding: "valid" for no padding, "same" for zeros that keep the size at stride 1.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        dilation_rate: distance between the elements of the window.
        groups: number of groups that channels and filters are split into; each group is convolved separately.
        activation: name or function applied to the result; None for no activation.
        use_bias: whether to add a bias.
        kernel_initializer: of the kernel, (*kernel_size, channels / groups, filters).
        kernel_regularizer: function of the kernel that is added to the loss.
        kernel_constraint: function applied to the kernel after each update.
        bias_initializer: of the bias.
        bias_regularizer: function of the bias that is added to the loss.
        bias_constraint: function applied to the bias after each update.
        activity_regularizer: function of the output that is added to the loss.
        **kwargs: `lora_rank` and `lora_alpha`, see `LowRank`; and see `Layer`.


    Input shape: (batch, height, width, channels), or (batch, channels, height, width).
    Output shape: (batch, new height, new width, filters), or with the channels first.

    Raises:
        ValueError: sizes that are not positive integers, or an input smaller than the window.

    Example:
    >>> Conv2D(16, 3, padding="same")(jnp.ones((4, 10, 10, 8))).shape
    (4, 10, 10, 16)
    """

    rank = 2


class Conv3D(_Conv):
    """3D convolution: `activation(conv(x, kernel) + bias)`.

    Args:
        filters: number of channels of the output.
        kernel_size: the size of the window: an integer, or one for each of the 3 axes.
        strides: step of the window along each axis.
        padding: "valid" for no padding, "same" for zeros that keep the size at stride 1.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        dilation_rate: distance between the elements of the window.
        groups: number of groups that channels and filters are split into; each group is convolved separately.
        activation: name or function applied to the result; None for no activation.
        use_bias: whether to add a bias.
        kernel_initializer: of the kernel, (*kernel_size, channels / groups, filters).
        kernel_regularizer: function of the kernel that is added to the loss.
        kernel_constraint: function applied to the kernel after each update.
        bias_initializer: of the bias.
        bias_regularizer: function of the bias that is added to the loss.
        bias_constraint: function applied to the bias after each update.
        activity_regularizer: function of the output that is added to the loss.
        **kwargs: `lora_rank` and `lora_alpha`, see `LowRank`; and see `Layer`.


    Input shape: (batch, depth, height, width, channels), or (batch, channels, depth, height, width).
    Output shape: (batch, new depth, new height, new width, filters), or with the channels first.

    Raises:
        ValueError: sizes that are not positive integers, or an input smaller than the window.

    Example:
    >>> Conv3D(16, 3, padding="same")(jnp.ones((4, 5, 6, 6, 2))).shape
    (4, 5, 6, 6, 16)
    """

    rank = 3


def require_count(value: Any, name: str) -> int:
    """A positive integer, checked; ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}.")
    return int(value)
