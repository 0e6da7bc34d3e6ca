"""ConvLSTM1D, ConvLSTM2D and ConvLSTM3D: LSTM layers with convolutions in place of matrix products."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax.numpy as jnp

from minidl import random
from minidl.core.typing import Array, Config, Identifier
from minidl.kernels import conv, each_time, out_sizes, pads, spatial
from minidl.layers import weight_options
from minidl.layers.data_format import data_format_of, sizes_of
from minidl.layers.input_spec import InputSpec
from minidl.layers.recurrent.lstm import LSTMCell
from minidl.layers.recurrent.rnn import StandardRNN


class ConvLSTMCell(LSTMCell):
    """One step of the ConvLSTM layers: `LSTMCell` on images, with convolutions in place of matrix products.

    The kernels are (*kernel_size, channels, 4 filters) and (*kernel_size, filters, 4 filters). The convolution of the
    state keeps its size.

    Args:
        rank: how many axes the window has.
        filters: number of channels of the states and the output.
        kernel_size: see `ConvLSTM2D`, as for the next four.
        strides: of the convolution of the inputs.
        padding: of the convolution of the inputs.
        data_format: "channels_last" or "channels_first".
        dilation_rate: of the convolution of the inputs.
        seed: seed of dropout.
        **kwargs: see `LSTMCell`.

    Input shape: an image, and a list of the states h and c.
    Output shape: an image, and the list of the new states.

    Raises:
        ValueError: sizes that are not positive integers, or an input of unknown size.
    """

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        seed: int | None = None,
        **kwargs: Any,
    ):
        # The seed of dropout is drawn before those of the initializers, as in Keras.
        super().__init__(filters, seed=random.make_default_seed() if seed is None else seed, **kwargs)
        self.seed = seed
        self.rank = rank
        self.kernel_size = sizes_of(kernel_size, rank, "ConvLSTM: kernel_size")
        self.strides = sizes_of(strides, rank, "ConvLSTM: strides")
        self.dilation_rate = sizes_of(dilation_rate, rank, "ConvLSTM: dilation_rate")
        self.padding = str(padding).lower()
        if self.padding not in ("valid", "same"):
            raise ValueError(f"ConvLSTM: padding must be 'valid' or 'same', got {padding!r}.")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"ConvLSTM: strides {self.strides} and dilation_rate {self.dilation_rate} cannot both be larger than 1."
            )
        self.data_format = data_format_of(data_format)
        self.implementation = 1  # each gate has its own dropout mask

    @property
    def filters(self) -> int:
        """The number of channels of the state and output."""
        return self.units

    @property
    def gate_axis(self) -> int:  # type: ignore[override]
        """The axis of the channels, along which the gates are concatenated."""
        return -1 if self.channels_last else -self.rank - 1

    @property
    def channels_last(self) -> bool:
        """Whether the channels are the last axis of an image."""
        return self.data_format == "channels_last"

    def build(self, input_shape: Any) -> None:
        if None in input_shape[1:] or len(input_shape) != self.rank + 2:
            raise ValueError(
                f"ConvLSTM takes sequences of images with {self.rank + 1} axes of known sizes, got images of shape "
                f"{tuple(input_shape[1:])}."
            )
        channels = input_shape[self.gate_axis]
        sizes = tuple(input_shape[1:-1] if self.channels_last else input_shape[2:])
        amounts = pads(self.padding, sizes, self.kernel_size, self.strides, self.dilation_rate)
        state_sizes = out_sizes(sizes, self.kernel_size, self.strides, amounts, self.dilation_rate)
        self.image_shape = self._image(sizes, channels)
        self.state_shape = self._image(state_sizes, self.units)
        window, width = self.kernel_size, 4 * self.units
        self.kernel = weight_options.make(self, "kernel", (*window, channels, width))
        self.recurrent_kernel = weight_options.make(
            self, "recurrent_kernel", (*window, self.units, width), options="recurrent"
        )
        self.bias = None
        if self.use_bias:
            self.bias = weight_options.make(self, "bias", (width,), self._initial_bias)

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Zeros for h and c."""
        return [jnp.zeros((batch_size, *self.state_shape), self.compute_dtype) for _ in range(2)]

    def project(self, inputs: Array) -> Array:
        """The convolution of images (..., *image) with the kernel, for all four gates."""
        masks = self._masks[0] if self._masks else None
        kernel = self.kernel.value
        if masks is None:
            projected = self._over_images(inputs, kernel)
        else:
            parts = zip(masks, jnp.split(kernel, 4, axis=-1))
            projected = jnp.concatenate([self._over_images(inputs * m, part) for m, part in parts], self.gate_axis)
        bias = self.bias.value if self.bias is not None else None
        return projected if bias is None else projected + bias.reshape(self._image((1,) * self.rank, -1))

    @property
    def linear(self) -> Callable[[Array, Array], Array]:  # type: ignore[override]
        """The convolution of a state, which keeps its size."""
        return functools.partial(_conv_same, self.channels_last)

    def fused_loop(self) -> None:
        """None: a step convolves its state."""

    def mask_shapes(self, features: int) -> tuple[Any, Any]:
        return self.image_shape, self.state_shape

    def get_config(self) -> Config:
        config = super().get_config()
        del config["units"]
        return {
            **config,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }

    def _image(self, sizes: Any, channels: int) -> tuple[int, ...]:
        return (*sizes, channels) if self.channels_last else (channels, *sizes)

    def _over_images(self, inputs: Array, kernel: Array) -> Array:
        """The convolution of images (batch, *image), or of those of all times at once."""

        def convolved(images: Array) -> Array:
            sizes = spatial(images, self.channels_last)
            amounts = pads(self.padding, sizes, self.kernel_size, self.strides, self.dilation_rate)
            return conv(images, kernel, self.strides, amounts, self.dilation_rate, self.channels_last)

        return convolved(inputs) if inputs.ndim == self.rank + 2 else each_time(convolved, inputs)


def _conv_same(channels_last: bool, state: Array, kernel: Array) -> Array:
    """The convolution with 'same' padding, which keeps the size of the state."""
    window = kernel.shape[:-2]
    ones = (1,) * len(window)
    amounts = pads("same", spatial(state, channels_last), window, ones, ones)
    return conv(state, kernel, ones, amounts, ones, channels_last)


class _ConvLSTM(StandardRNN):
    """The base of the ConvLSTM layers."""

    rank: ClassVar[int]
    cell_type = ConvLSTMCell

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Identifier = "tanh",
        recurrent_activation: Identifier = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        recurrent_initializer: Identifier = "orthogonal",
        bias_initializer: Identifier = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Identifier = None,
        recurrent_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        recurrent_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ):
        super().__init__(locals(), rank=self.rank)
        self.input_spec = InputSpec(ndim=self.rank + 3)


class ConvLSTM1D(_ConvLSTM):
    """LSTM over sequences of 1D arrays, with convolutions in place of matrix products (Shi et al., 2015).

    Args: as for `ConvLSTM2D`; the sizes of the window are an integer.

    Input shape: (batch, steps, width, channels), or (batch, steps, channels, width).
        Steps that a mask (batch, steps) excludes are skipped.
    Output shape: (batch, new width, filters), or (batch, filters, new width); with
        return_sequences the steps follow the batch.

    Raises:
        ValueError: sizes that are not positive integers, inputs of unknown size, or a window larger than the input.

    Example:
    >>> ConvLSTM1D(4, 3)(jnp.ones((2, 5, 8, 3))).shape
    (2, 6, 4)
    """

    rank = 1


class ConvLSTM2D(_ConvLSTM):
    """LSTM over sequences of images, with convolutions in place of matrix products (Shi et al., 2015).

    Args:
        filters: number of channels of the states and outputs.
        kernel_size: the size of the window: an integer, or one for each of the 2 axes.
        strides: stride of the convolution of the inputs; that of the states is 1.
        padding: of the inputs: "valid" for no padding, "same" for zeros that keep the size at stride 1.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        dilation_rate: dilation of the window over the inputs.
        activation: replaces tanh; None for no activation.
        recurrent_activation: replaces sigmoid; None for no activation.
        use_bias: whether to add a bias.
        kernel_initializer: of the kernel, (*kernel_size, channels, 4 filters).
        recurrent_initializer: of the recurrent kernel, (*kernel_size, filters, 4 filters).
        bias_initializer: of the bias, (4 filters,).
        unit_forget_bias: whether the bias of the forget gate is initialized to 1.
        kernel_regularizer: function of the kernel that is added to the loss.
        recurrent_regularizer: function of the recurrent kernel that is added to the loss.
        bias_regularizer: function of the bias that is added to the loss.
        activity_regularizer: function of the output that is added to the loss.
        kernel_constraint: function applied to the kernel after each update.
        recurrent_constraint: function applied to the recurrent kernel after each update.
        bias_constraint: function applied to the bias after each update.
        dropout: fraction of the inputs to drop during training.
        recurrent_dropout: fraction of the states to drop during training.
        seed: seed of dropout.
        return_sequences: whether to return the outputs of all steps instead of the last one.
        return_state: whether to return the last states h and c as well.
        go_backwards: whether to process the sequences in reverse order.
        stateful: whether each batch starts from the last states of the previous batch.
        **kwargs: `unroll` and `zero_output_for_mask`, see `RNN`; and see `Layer`.

    Input shape: (batch, steps, height, width, channels), or (batch, steps, channels, height, width).
        Steps that a mask (batch, steps) excludes are skipped.
    Output shape: (batch, new height, new width, filters), or (batch, filters, new height, new width); with
        return_sequences the steps follow the batch.

    Raises:
        ValueError: sizes that are not positive integers, inputs of unknown size, or a window larger than the input.

    Example:
    >>> ConvLSTM2D(4, 3)(jnp.ones((2, 5, 8, 8, 3))).shape
    (2, 6, 6, 4)
    """

    rank = 2


class ConvLSTM3D(_ConvLSTM):
    """LSTM over sequences of volumes, with convolutions in place of matrix products (Shi et al., 2015).

    Args: as for `ConvLSTM2D`; the sizes of the window are an integer, or one for each of the 3 axes.

    Input shape: (batch, steps, depth, height, width, channels), or (batch, steps, channels, depth, height, width).
        Steps that a mask (batch, steps) excludes are skipped.
    Output shape: (batch, new depth, new height, new width, filters), or with the filters after the batch; with
        return_sequences the steps follow the batch.

    Raises:
        ValueError: sizes that are not positive integers, inputs of unknown size, or a window larger than the input.

    Example:
    >>> ConvLSTM3D(4, 3)(jnp.ones((2, 5, 4, 4, 4, 3))).shape
    (2, 2, 2, 2, 4)
    """

    rank = 3
