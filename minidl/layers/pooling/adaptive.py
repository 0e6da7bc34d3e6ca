"""Adaptive pooling: pooling to an output of a given size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minidl import ops
from minidl.core.typing import Array, Config
from minidl.layers.base import Layer
from minidl.layers.data_format import data_format_of, sizes_of
from minidl.layers.input_spec import InputSpec


class _AdaptivePooling(Layer):
    """The base of the adaptive pooling layers: `pool` is a function of minidl.ops."""

    rank: int
    pool: Callable[..., Array]

    def __init__(self, output_size: int | Sequence[int], data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.output_size = sizes_of(output_size, self.rank, f"{type(self).__name__}: output_size")
        self.data_format = data_format_of(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def call(self, inputs: Array) -> Array:
        return self.pool(inputs, self.output_size, self.data_format)

    def get_config(self) -> Config:
        return {**super().get_config(), "output_size": self.output_size, "data_format": self.data_format}


class _AdaptiveAveragePooling(_AdaptivePooling):
    pool = staticmethod(ops.adaptive_average_pool)


class _AdaptiveMaxPooling(_AdaptivePooling):
    pool = staticmethod(ops.adaptive_max_pool)


class AdaptiveAveragePooling1D(_AdaptiveAveragePooling):
    """Average pooling to an output of a given size.

    Args:
        output_size: size of the output.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, channels), or (batch, channels, steps).
    Output shape: the same with the sizes of `output_size`.

    Example:
    >>> AdaptiveAveragePooling1D(2)(ops.ones((4, 10, 8))).shape
    (4, 2, 8)
    """

    rank = 1


class AdaptiveAveragePooling2D(_AdaptiveAveragePooling):
    """Average pooling to an output of a given size.

    Args:
        output_size: size of the output: an integer, or one for each axis.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, height, width, channels), or (batch, channels, height, width).
    Output shape: the same with the sizes of `output_size`.

    Example:
    >>> AdaptiveAveragePooling2D(2)(ops.ones((4, 10, 10, 8))).shape
    (4, 2, 2, 8)
    """

    rank = 2


class AdaptiveAveragePooling3D(_AdaptiveAveragePooling):
    """Average pooling to an output of a given size.

    Args:
        output_size: size of the output: an integer, or one for each axis.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, depth, height, width, channels), or (batch, channels, depth, height, width).
    Output shape: the same with the sizes of `output_size`.

    Example:
    >>> AdaptiveAveragePooling3D(2)(ops.ones((4, 5, 6, 6, 2))).shape
    (4, 2, 2, 2, 2)
    """

    rank = 3


class AdaptiveMaxPooling1D(_AdaptiveMaxPooling):
    """Max pooling to an output of a given size.

    Args:
        output_size: size of the output.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, channels), or (batch, channels, steps).
    Output shape: the same with the sizes of `output_size`.

    Example:
    >>> AdaptiveMaxPooling1D(2)(ops.ones((4, 10, 8))).shape
    (4, 2, 8)
    """

    rank = 1


class AdaptiveMaxPooling2D(_AdaptiveMaxPooling):
    """Max pooling to an output of a given size.

    Args:
        output_size: size of the output: an integer, or one for each axis.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, height, width, channels), or (batch, channels, height, width).
    Output shape: the same with the sizes of `output_size`.

    Example:
    >>> AdaptiveMaxPooling2D(2)(ops.ones((4, 10, 10, 8))).shape
    (4, 2, 2, 8)
    """

    rank = 2


class AdaptiveMaxPooling3D(_AdaptiveMaxPooling):
    """Max pooling to an output of a given size.

    Args:
        output_size: size of the output: an integer, or one for each axis.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        **kwargs: see `Layer`.

    Input shape: (batch, depth, height, width, channels), or (batch, channels, depth, height, width).
    Output shape: the same with the sizes of `output_size`.

    Example:
    >>> AdaptiveMaxPooling3D(2)(ops.ones((4, 5, 6, 6, 2))).shape
    (4, 2, 2, 2, 2)
    """

    rank = 3
