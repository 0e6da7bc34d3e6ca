"""Conv1DTranspose, Conv2DTranspose and Conv3DTranspose: transposed convolution layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp  # noqa: F401, used by the examples

from minidl.core.typing import Array, Config, Identifier, Shape
from minidl.kernels import conv_transpose, transposed_pads
from minidl.layers import weight_options
from minidl.layers.convolution.base import Convolution
from minidl.layers.convolution.plain import require_count
from minidl.layers.data_format import sizes_of


class _ConvTranspose(Convolution):
    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        output_padding: int | Sequence[int] | None = None,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
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
        kind = type(self).__name__
        self.filters = require_count(filters, f"{kind}: filters")
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = sizes_of(output_padding, self.rank, f"{kind}: output_padding", allow_zero=True)
            if any(extra >= stride for extra, stride in zip(self.output_padding, self.strides)):
                raise ValueError(
                    f"{kind}: output_padding must be smaller than strides, got {output_padding} and {strides}."
                )

    def build(self, input_shape: Shape) -> None:
        channels = self.channels_of(input_shape)
        self.kernel = weight_options.make(self, "kernel", (*self.kernel_size, self.filters, channels))
        self.make_bias(self.filters)

    def call(self, inputs: Array) -> Array:
        amounts = transposed_pads(self.padding, self.kernel_size, self.strides, self.dilation_rate, self.output_padding)
        kernel = self.kernel.value
        return self.finish(
            conv_transpose(inputs, kernel, self.strides, amounts, self.dilation_rate, self.channels_last)
        )

    def get_config(self) -> Config:
        return {**super().get_config(), "filters": self.filters, "output_padding": self.output_padding}


class Conv1DTranspose(_ConvTranspose):
    """1D transposed convolution, which upsamples sequences (Zeiler et al., 2010).

    Args:
        filters: number of channels of the output.
        kernel_size: the size of the window: an integer.
        strides: step of the window along each axis.
        padding: "valid" for no padding, "same" for zeros that keep the size at stride 1.
        output_padding: size added to the output's smallest size, less than the stride; None for the default size.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        dilation_rate: distance between the elements of the window.
        activation: name or function applied to the result; None for no activation.
        use_bias: whether to add a bias.
        kernel_initializer: of the kernel, (*kernel_size, filters, channels).
        kernel_regularizer: function of the kernel that is added to the loss.
        kernel_constraint: function applied to the kernel after each update.
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
    >>> Conv1DTranspose(16, 3, strides=2, padding="same")(jnp.ones((4, 10, 8))).shape
    (4, 20, 16)
    """

    rank = 1


class Conv2DTranspose(_ConvTranspose):
    """2D transposed convolution, which upsamples images (Zeiler et al., 2010).

    Args:
        filters: number of channels of the output.
        kernel_size: the size of the window: an integer, or one for each of the 2 axes.
        strides: step of the window along each axis.
        padding: "valid" for no padding, "same" for zeros that keep the size at stride 1.
        output_padding: size added to the output's smallest size, less than the stride; None for the default size.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        dilation_rate: distance between the elements of the window.
        activation: name or function applied to the result; None for no activation.
        use_bias: whether to add a bias.
        kernel_initializer: of the kernel, (*kernel_size, filters, channels).
        kernel_regularizer: function of the kernel that is added to the loss.
        kernel_constraint: function applied to the kernel after each update.
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
    >>> Conv2DTranspose(16, 3, strides=2, padding="same")(jnp.ones((4, 10, 10, 8))).shape
    (4, 20, 20, 16)
    """

    rank = 2


class Conv3DTranspose(_ConvTranspose):
    """3D transposed convolution, which upsamples volumes (Zeiler et al., 2010).

    Args:
        filters: number of channels of the output.
        kernel_size: the size of the window: an integer, or one for each of the 3 axes.
        strides: step of the window along each axis.
        padding: "valid" for no padding, "same" for zeros that keep the size at stride 1.
        output_padding: size added to the output's smallest size, less than the stride; None for the default size.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        dilation_rate: distance between the elements of the window.
        activation: name or function applied to the result; None for no activation.
        use_bias: whether to add a bias.
        kernel_initializer: of the kernel, (*kernel_size, filters, channels).
        kernel_regularizer: function of the kernel that is added to the loss.
        kernel_constraint: function applied to the kernel after each update.
        bias_initializer: of the bias.
        bias_regularizer: function of the bias that is added to the loss.
        bias_constraint: function applied to the bias after each update.
        activity_regularizer: function of the output that is added to the loss.
        **kwargs: see `Layer`.


    Input shape: (batch, depth, height, width, channels), or (batch, channels, depth, height, width).
    Output shape: (batch, new depth, new height, new width, filters), or with the channels first.

    Raises:
        ValueError: sizes that are not positive integers, or an input smaller than the window.

    Example:
    >>> Conv3DTranspose(16, 3, strides=2, padding="same")(jnp.ones((4, 5, 6, 6, 2))).shape
    (4, 10, 12, 12, 16)
    """

    rank = 3
