"""DepthwiseConv1D and DepthwiseConv2D: depthwise convolution layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp  # noqa: F401, used by the examples

from minidl.core.typing import Array, Config, Identifier, Shape
from minidl.kernels import depthwise_conv
from minidl.layers import weight_options
from minidl.layers.convolution.base import Convolution
from minidl.layers.convolution.plain import require_count


class _DepthwiseConv(Convolution):
    weight = "depthwise"

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Identifier = None,
        use_bias: bool = True,
        depthwise_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        depthwise_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        depthwise_constraint: Identifier = None,
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
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.depth_multiplier = require_count(depth_multiplier, f"{type(self).__name__}: depth_multiplier")

    def build(self, input_shape: Shape) -> None:
        channels = self.channels_of(input_shape)
        self.check_window(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = weight_options.make(self, "kernel", shape, options="depthwise")
        self.make_bias(channels * self.depth_multiplier)

    def call(self, inputs: Array) -> Array:
        amounts, kernel = self.pads_for(inputs), self.kernel.value
        return self.finish(
            depthwise_conv(inputs, kernel, self.strides, amounts, self.dilation_rate, self.channels_last)
        )

    def get_config(self) -> Config:
        return {**super().get_config(), "depth_multiplier": self.depth_multiplier}


class DepthwiseConv1D(_DepthwiseConv):
    """1D depthwise convolution: each channel is convolved separately, with its own filters.

    Args:
        kernel_size: the size of the window: an integer.
        strides: step of the window along each axis.
        padding: "valid" for no padding, "same" for zeros that keep the size at stride 1.
        depth_multiplier: number of filters per channel.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        dilation_rate: distance between the elements of the window.
        activation: name or function applied to the result; None for no activation.
        use_bias: whether to add a bias.
        depthwise_initializer: of the kernel, (*kernel_size, channels, depth_multiplier).
        depthwise_regularizer: function of the kernel that is added to the loss.
        depthwise_constraint: function applied to the kernel after each update.
        bias_initializer: of the bias.
        bias_regularizer: function of the bias that is added to the loss.
        bias_constraint: function applied to the bias after each update.
        activity_regularizer: function of the output that is added to the loss.
        **kwargs: see `Layer`.


    Input shape: (batch, steps, channels), or (batch, channels, steps).
    Output shape: (batch, new steps, channels * depth_multiplier), or with the channels first.

    Raises:
        ValueError: sizes that are not positive integers, or an input smaller than the window.

    Example:
    >>> DepthwiseConv1D(3, depth_multiplier=2)(jnp.ones((4, 10, 8))).shape
    (4, 8, 16)
    """

    rank = 1


class DepthwiseConv2D(_DepthwiseConv):
    """2D depthwise convolution: each channel is convolved separately, with its own filters.

    Args:
        kernel_size: the size of the window: an integer, or one for each of the 2 axes.
        strides: step of the window along each axis.
        padding: "valid" for no padding, "same" for zeros that keep the size at stride 1.
        depth_multiplier: number of filters per channel.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        dilation_rate: distance between the elements of the window.
        activation: name or function applied to the result; None for no activation.
        use_bias: whether to add a bias.
        depthwise_initializer: of the kernel, (*kernel_size, channels, depth_multiplier).
        depthwise_regularizer: function of the kernel that is added to the loss.
        depthwise_constraint: function applied to the kernel after each update.
        bias_initializer: of the bias.
        bias_regularizer: function of the bias that is added to the loss.
        bias_constraint: function applied to the bias after each update.
        activity_regularizer: function of the output that is added to the loss.
        **kwargs: see `Layer`.


    Input shape: (batch, height, width, channels), or (batch, channels, height, width).
    Output shape: (batch, new height, new width, channels * depth_multiplier), or with the channels first.

    Raises:
        ValueError: sizes that are not positive integers, or an input smaller than the window.

    Example:
    >>> DepthwiseConv2D(3, depth_multiplier=2)(jnp.ones((4, 10, 10, 8))).shape
    (4, 8, 8, 16)
    """

    rank = 2
