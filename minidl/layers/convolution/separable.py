"""SeparableConv1D and SeparableConv2D: depthwise separable convolution layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp  # noqa: F401, used by the examples

from minidl.core.typing import Array, Config, Identifier, Shape
from minidl.kernels import conv, depthwise_conv
from minidl.layers import weight_options
from minidl.layers.convolution.base import Convolution
from minidl.layers.convolution.plain import require_count


class _SeparableConv(Convolution):
    weight = "depthwise"

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
        activation: Identifier = None,
        use_bias: bool = True,
        depthwise_initializer: Identifier = "glorot_uniform",
        pointwise_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        depthwise_regularizer: Identifier = None,
        pointwise_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        depthwise_constraint: Identifier = None,
        pointwise_constraint: Identifier = None,
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
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.filters = require_count(filters, f"{type(self).__name__}: filters")
        self.depth_multiplier = require_count(depth_multiplier, f"{type(self).__name__}: depth_multiplier")

    def build(self, input_shape: Shape) -> None:
        channels = self.channels_of(input_shape)
        self.check_window(input_shape)
        depthwise_shape = (*self.kernel_size, channels, self.depth_multiplier)
        pointwise_shape = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.depthwise_kernel = weight_options.make(self, "depthwise_kernel", depthwise_shape, options="depthwise")
        self.pointwise_kernel = weight_options.make(self, "pointwise_kernel", pointwise_shape, options="pointwise")
        self.make_bias(self.filters)

    def call(self, inputs: Array) -> Array:
        ones, no_padding = [1] * self.rank, [(0, 0)] * self.rank
        depthwise = depthwise_conv(
            inputs,
            self.depthwise_kernel.value,
            self.strides,
            self.pads_for(inputs),
            self.dilation_rate,
            self.channels_last,
        )
        return self.finish(conv(depthwise, self.pointwise_kernel.value, ones, no_padding, ones, self.channels_last))

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            **weight_options.config(self, "pointwise"),
            "filters": self.filters,
            "depth_multiplier": self.depth_multiplier,
        }


class SeparableConv1D(_SeparableConv):
    """1D separable convolution: a depthwise convolution, then a pointwise one across the channels (Chollet, 2017).

    Args:
        filters: number of channels of the output.
        kernel_size: the size of the window: an integer.
        strides: step of the window along each axis.
        padding: "valid" for no padding, "same" for zeros that keep the size at stride 1.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        dilation_rate: distance between the elements of the window.
        depth_multiplier: number of filters per channel.
        activation: name or function applied to the result; None for no activation.
        use_bias: whether to add a bias.
        depthwise_initializer: of the depthwise kernel, (*kernel_size, channels, depth_multiplier).
        depthwise_regularizer: function of the depthwise kernel that is added to the loss.
        depthwise_constraint: function applied to the depthwise kernel after each update.
        pointwise_initializer: of the pointwise kernel, (1, ..., channels * depth_multiplier, filters).
        pointwise_regularizer: function of the pointwise kernel that is added to the loss.
        pointwise_constraint: function applied to the pointwise kernel after each update.
        bias_initializer: of the bias.
        bias_regularizer: function of the bias that is added to the loss.
        bias_constraint: function applied to the bias after each update.
        activity_regularizer: function of the output that is added to the loss.
        **kwargs: see `Layer`.


    Input shape: (batch, steps, channels), or (batch, channels, steps).
    Output shape: (batch, new steps, filters), or with the channels first.

    Raises:
        ValueError: sizes that are not positive integers, or an input smaller than the window.

    Example:
    >>> SeparableConv1D(16, 3)(jnp.ones((4, 10, 8))).shape
    (4, 8, 16)
    """

    rank = 1


class SeparableConv2D(_SeparableConv):
    """2D separable convolution: a depthwise convolution, then a pointwise one across the channels (Chollet, 2017).

    Args:
        filters: number of channels of the output.
        kernel_size: the size of the window: an integer, or one for each of the 2 axes.
        strides: step of the window along each axis.
        padding: "valid" for no padding, "same" for zeros that keep the size at stride 1.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        dilation_rate: distance between the elements of the window.
        depth_multiplier: number of filters per channel.
        activation: name or function applied to the result; None for no activation.
        use_bias: whether to add a bias.
        depthwise_initializer: of the depthwise kernel, (*kernel_size, channels, depth_multiplier).
        depthwise_regularizer: function of the depthwise kernel that is added to the loss.
        depthwise_constraint: function applied to the depthwise kernel after each update.
        pointwise_initializer: of the pointwise kernel, (1, ..., channels * depth_multiplier, filters).
        pointwise_regularizer: function of the pointwise kernel that is added to the loss.
        pointwise_constraint: function applied to the pointwise kernel after each update.
        bias_initializer: of the bias.
        bias_regularizer: function of the bias that is added to the loss.
        bias_constraint: function applied to the bias after each update.
        activity_regularizer: function of the output that is added to the loss.
        **kwargs: see `Layer`.


    Input shape: (batch, height, width, channels), or (batch, channels, height, width).
    Output shape: (batch, new height, new width, filters), or with the channels first.

    Raises:
        ValueError: sizes that are not positive integers, or an input smaller than the window.

    Example:
    >>> SeparableConv2D(16, 3)(jnp.ones((4, 10, 10, 8))).shape
    (4, 8, 8, 16)
    """

    rank = 2
