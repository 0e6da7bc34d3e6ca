"""Convolution: the base of the convolution layers, with their arguments, bias, activation and config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidl import activations, regularizers
from minidl.core.typing import Array, Config, Identifier
from minidl.kernels.windows import Pads, out_sizes, pads, spatial
from minidl.layers import weight_options
from minidl.layers.base import Layer
from minidl.layers.data_format import data_format_of, sizes_of
from minidl.layers.input_spec import InputSpec


class Convolution(Layer):
    """The base of the convolution layers; the subclasses document the arguments.

    Attributes:
        rank: number of axes of the window.
        weight: prefix of the names of the kernel's options.
    """

    rank: int
    weight = "kernel"
    paddings: tuple[str, ...] = ("valid", "same")

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int],
        padding: str,
        data_format: str | None,
        dilation_rate: int | Sequence[int],
        activation: Identifier,
        use_bias: bool,
        activity_regularizer: Identifier,
        **kwargs: Any,
    ):
        names = [name for name in kwargs if name.rpartition("_")[2] in ("initializer", "regularizer", "constraint")]
        options = {name: kwargs.pop(name) for name in names}
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        kind = type(self).__name__
        self.kernel_size = sizes_of(kernel_size, self.rank, f"{kind}: kernel_size")
        self.strides = sizes_of(strides, self.rank, f"{kind}: strides")
        self.dilation_rate = sizes_of(dilation_rate, self.rank, f"{kind}: dilation_rate")
        self.padding = str(padding).lower()
        if self.padding not in self.paddings:
            raise ValueError(f"{kind}: padding must be one of {self.paddings}, got {padding!r}.")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{kind}: strides {self.strides} and dilation_rate {self.dilation_rate} cannot both be larger than 1."
            )
        self.data_format = data_format_of(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        weight_options.take(self, **options)
        self.bias: Any = None

    @property
    def channels_last(self) -> bool:
        """Whether the channels are the last axis, rather than the one after the batch."""
        return self.data_format == "channels_last"

    def channels_of(self, input_shape: Any) -> int:
        """The number of channels of an input; also sets the layer's input spec to it.

        Raises:
            ValueError: the number of channels is unknown, or the input has another number of axes.
        """
        axis = -1 if self.channels_last else 1
        kind = type(self).__name__
        if len(input_shape) != self.rank + 2:
            raise ValueError(
                f"{kind} takes inputs of {self.rank + 2} axes: batch, {self.rank} of sizes, and channels; got the "
                f"shape {tuple(input_shape)}. Add the axes that are missing, with Reshape or x[..., None]."
            )
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(f"{kind}: the number of channels must be known, got the shape {tuple(input_shape)}.")
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={axis: channels})
        return channels

    def check_window(self, input_shape: Any) -> None:
        """Raise ValueError for an input smaller than the window, as far as its sizes are known."""
        sizes = input_shape[1:-1] if self.channels_last else input_shape[2:]
        known_axes = [i for i, size in enumerate(sizes) if size is not None]
        sizes, *window = [
            [values[i] for i in known_axes] for values in (sizes, self.kernel_size, self.strides, self.dilation_rate)
        ]
        kernel_size, strides, dilation = window
        amounts = pads(self.padding, sizes, *window)
        out_sizes(sizes, kernel_size, strides, amounts, dilation)

    def make_bias(self, size: int) -> None:
        """Add the bias, if the layer uses one."""
        if self.use_bias:
            self.bias = weight_options.make(self, "bias", (size,))

    def pads_for(self, inputs: Array) -> Pads:
        """The zero padding of an input."""
        sizes = spatial(inputs, self.channels_last)
        return pads(self.padding, sizes, self.kernel_size, self.strides, self.dilation_rate)

    def finish(self, outputs: Array) -> Array:
        """Add the bias and apply the activation."""
        if self.bias is not None:
            shape = (-1,) if self.channels_last else (1, -1, *(1,) * self.rank)
            outputs = outputs + self.bias.value.reshape(shape)
        return outputs if self.activation is None else self.activation(outputs)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **weight_options.config(self, self.weight, "bias"),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
        }
