"""SeparableConv1D and SeparableConv2D."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp  # noqa: F401, used by the examples

from minidl.kernels import conv, depthwise_conv
from minidl.layers import weight_options
from minidl.layers.convolution.base import Convolution
from minidl.layers.convolution.plain import require_count


class _SeparableConv(Convolution):
    weight = "depthwise"

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
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

    def build(self, input_shape: Any) -> None:
        channels = self.channels_of(input_shape)
        self.check_window(input_shape)
        own = (*self.kernel_size, channels, self.depth_multiplier)
        across = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.depthwise_kernel = weight_options.make(self, "depthwise_kernel", own, options="depthwise")
        self.pointwise_kernel = weight_options.make(self, "pointwise_kernel", across, options="pointwise")
        self.make_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        ones, none = [1] * self.rank, [(0, 0)] * self.rank
        each = depthwise_conv(
            inputs,
            self.depthwise_kernel.value,
            self.strides,
            self.pads_for(inputs),
            self.dilation_rate,
            self.channels_last,
        )
        return self.finish(conv(each, self.pointwise_kernel.value, ones, none, ones, self.channels_last))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **weight_options.config(self, "pointwise"),
            "filters": self.filters,
            "depth_multiplier": self.depth_multiplier,
        }


class SeparableConv1D(_SeparableConv):
    """Convolves each channel of sequences on its own, then mixes the channels (Chollet, 2017).

    Args:
        filters: the number of filters: of channels of the output.
        kernel_size: the size of the window: an integer.
        strides: how far the window moves.
        padding: "valid" for none, "same" for as many zeros as keep the size at stride 1.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        dilation_rate: the distance between the places of the window.
        depth_multiplier: how many filters each channel has.
        activation: name or function applied to the result; None for none.
        use_bias: whether to add a bias.
        depthwise_initializer: of the first kernel, (*kernel_size, channels, depth_multiplier).
        depthwise_regularizer: function of the first kernel that is added to the loss.
        depthwise_constraint: function applied to the first kernel after each update.
        pointwise_initializer: of the second kernel, (1, ..., channels * depth_multiplier, filters).
        pointwise_regularizer: function of the second kernel that is added to the loss.
        pointwise_constraint: function applied to the second kernel after each update.
        bias_initializer: of the bias.
        bias_regularizer: function of the bias that is added to the loss.
        bias_constraint: function applied to the bias after each update.
        activity_regularizer: function of the output that is added to the loss.
        **kwargs: see `Layer`.


    Input shape: (batch, steps, channels), or (batch, channels, steps).
    Output shape: (batch, new steps, filters), or with the channels in front.

    Raises:
        ValueError: sizes that are not positive integers, or an input that the window does not fit into.

    Example:
    >>> SeparableConv1D(16, 3)(jnp.ones((4, 10, 8))).shape
    (4, 8, 16)
    """

    rank = 1


class SeparableConv2D(_SeparableConv):
    """Convolves each channel of images on its own, then mixes the channels (Chollet, 2017).

    Args:
        filters: the number of filters: of channels of the output.
        kernel_size: the size of the window: an integer, or one for each of the 2 axes.
        strides: how far the window moves.
        padding: "valid" for none, "same" for as many zeros as keep the size at stride 1.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        dilation_rate: the distance between the places of the window.
        depth_multiplier: how many filters each channel has.
        activation: name or function applied to the result; None for none.
        use_bias: whether to add a bias.
        depthwise_initializer: of the first kernel, (*kernel_size, channels, depth_multiplier).
        depthwise_regularizer: function of the first kernel that is added to the loss.
        depthwise_constraint: function applied to the first kernel after each update.
        pointwise_initializer: of the second kernel, (1, ..., channels * depth_multiplier, filters).
        pointwise_regularizer: function of the second kernel that is added to the loss.
        pointwise_constraint: function applied to the second kernel after each update.
        bias_initializer: of the bias.
        bias_regularizer: function of the bias that is added to the loss.
        bias_constraint: function applied to the bias after each update.
        activity_regularizer: function of the output that is added to the loss.
        **kwargs: see `Layer`.


    Input shape: (batch, height, width, channels), or (batch, channels, height, width).
    Output shape: (batch, new height, new width, filters), or with the channels in front.

    Raises:
        ValueError: sizes that are not positive integers, or an input that the window does not fit into.

    Example:
    >>> SeparableConv2D(16, 3)(jnp.ones((4, 10, 10, 8))).shape
    (4, 8, 8, 16)
    """

    rank = 2
