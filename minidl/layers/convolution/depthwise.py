"""DepthwiseConv1D and DepthwiseConv2D."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp  # noqa: F401, used by the examples

from minidl.kernels import depthwise_conv
from minidl.layers import weight_options
from minidl.layers.convolution.base import Convolution
from minidl.layers.convolution.plain import require_count


class _DepthwiseConv(Convolution):
    weight = "depthwise"

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
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

    def build(self, input_shape: Any) -> None:
        channels = self.channels_of(input_shape)
        self.check_window(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = weight_options.make(self, "kernel", shape, options="depthwise")
        self.make_bias(channels * self.depth_multiplier)

    def call(self, inputs: Any) -> Any:
        amounts, kernel = self.pads_for(inputs), self.kernel.value
        return self.finish(
            depthwise_conv(inputs, kernel, self.strides, amounts, self.dilation_rate, self.channels_last)
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "depth_multiplier": self.depth_multiplier}


class DepthwiseConv1D(_DepthwiseConv):
    """Convolves each channel of sequences on its own, with filters of its own.

    Args:
        kernel_size: the size of the window: an integer.
        strides: how far the window moves.
        padding: "valid" for none, "same" for as many zeros as keep the size at stride 1.
        depth_multiplier: how many filters each channel has.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        dilation_rate: the distance between the places of the window.
        activation: name or function applied to the result; None for none.
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
    Output shape: (batch, new steps, channels * depth_multiplier), or with the channels in front.

    Raises:
        ValueError: sizes that are not positive integers, or an input that the window does not fit into.

    Example:
    >>> DepthwiseConv1D(3, depth_multiplier=2)(jnp.ones((4, 10, 8))).shape
    (4, 8, 16)
    """

    rank = 1


class DepthwiseConv2D(_DepthwiseConv):
    """Convolves each channel of images on its own, with filters of its own.

    Args:
        kernel_size: the size of the window: an integer, or one for each of the 2 axes.
        strides: how far the window moves.
        padding: "valid" for none, "same" for as many zeros as keep the size at stride 1.
        depth_multiplier: how many filters each channel has.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        dilation_rate: the distance between the places of the window.
        activation: name or function applied to the result; None for none.
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
    Output shape: (batch, new height, new width, channels * depth_multiplier), or with the channels in front.

    Raises:
        ValueError: sizes that are not positive integers, or an input that the window does not fit into.

    Example:
    >>> DepthwiseConv2D(3, depth_multiplier=2)(jnp.ones((4, 10, 10, 8))).shape
    (4, 8, 8, 16)
    """

    rank = 2
