"""Max pooling and average pooling over windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp  # noqa: F401, used by the examples

from minidl.core.typing import Array, Config
from minidl.kernels import average_pool, max_pool, pads, spatial
from minidl.layers.base import Layer
from minidl.layers.data_format import data_format_of, sizes_of
from minidl.layers.input_spec import InputSpec


class _Pooling(Layer):
    rank: int

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        kind = type(self).__name__
        self.pool_size = sizes_of(pool_size, self.rank, f"{kind}: pool_size")
        self.strides = sizes_of(pool_size if strides is None else strides, self.rank, f"{kind}: strides")
        self.padding = str(padding).lower()
        if self.padding not in ("valid", "same"):
            raise ValueError(f"{kind}: padding must be 'valid' or 'same', got {padding!r}.")
        self.data_format = data_format_of(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def _pool(self, pool: Callable[..., Array], inputs: Array) -> Array:
        channels_last = self.data_format == "channels_last"
        amounts = pads(self.padding, spatial(inputs, channels_last), self.pool_size, self.strides, [1] * self.rank)
        return pool(inputs, self.pool_size, self.strides, amounts, channels_last)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


class _MaxPooling(_Pooling):
    pool_mode = "max"

    def call(self, inputs: Array) -> Array:
        return self._pool(max_pool, inputs)


class _AveragePooling(_Pooling):
    pool_mode = "average"

    def call(self, inputs: Array) -> Array:
        return self._pool(average_pool, inputs)


class MaxPooling1D(_MaxPooling):
    """1D max pooling: the largest value of each window.

    Args:
        pool_size: the size of the window.
        strides: step of the window along each axis; None for `pool_size`.
        padding: "valid" for no padding, or "same"; padding is left out of the maximum.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        name: see `Layer`.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, channels), or (batch, channels, steps).
    Output shape: the same with smaller sizes.

    Raises:
        ValueError: sizes that are not positive integers, or an input smaller than the window.

    Example:
    >>> MaxPooling1D(2)(jnp.ones((4, 10, 8))).shape
    (4, 5, 8)
    """

    rank = 1


class MaxPooling2D(_MaxPooling):
    """2D max pooling: the largest value of each window.

    Args:
        pool_size: the size of the window.
        strides: step of the window along each axis; None for `pool_size`.
        padding: "valid" for no padding, or "same"; padding is left out of the maximum.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        name: see `Layer`.
        **kwargs: see `Layer`.

    Input shape: (batch, height, width, channels), or (batch, channels, height, width).
    Output shape: the same with smaller sizes.

    Raises:
        ValueError: sizes that are not positive integers, or an input smaller than the window.

    Example:
    >>> MaxPooling2D(2)(jnp.ones((4, 10, 10, 8))).shape
    (4, 5, 5, 8)
    """

    rank = 2


class MaxPooling3D(_MaxPooling):
    """3D max pooling: the largest value of each window.

    Args:
        pool_size: the size of the window.
        strides: step of the window along each axis; None for `pool_size`.
        padding: "valid" for no padding, or "same"; padding is left out of the maximum.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        name: see `Layer`.
        **kwargs: see `Layer`.

    Input shape: (batch, depth, height, width, channels), or (batch, channels, depth, height, width).
    Output shape: the same with smaller sizes.

    Raises:
        ValueError: sizes that are not positive integers, or an input smaller than the window.

    Example:
    >>> MaxPooling3D(2)(jnp.ones((4, 5, 6, 6, 2))).shape
    (4, 2, 3, 3, 2)
    """

    rank = 3


class AveragePooling1D(_AveragePooling):
    """1D average pooling: the mean of each window.

    Args:
        pool_size: the size of the window.
        strides: step of the window along each axis; None for `pool_size`.
        padding: "valid" for no padding, or "same"; padding is left out of the mean.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        name: see `Layer`.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, channels), or (batch, channels, steps).
    Output shape: the same with smaller sizes.

    Raises:
        ValueError: sizes that are not positive integers, or an input smaller than the window.

    Example:
    >>> AveragePooling1D(2)(jnp.ones((4, 10, 8))).shape
    (4, 5, 8)
    """

    rank = 1


class AveragePooling2D(_AveragePooling):
    """2D average pooling: the mean of each window.

    Args:
        pool_size: the size of the window.
        strides: step of the window along each axis; None for `pool_size`.
        padding: "valid" for no padding, or "same"; padding is left out of the mean.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        name: see `Layer`.
        **kwargs: see `Layer`.

    Input shape: (batch, height, width, channels), or (batch, channels, height, width).
    Output shape: the same with smaller sizes.

    Raises:
        ValueError: sizes that are not positive integers, or an input smaller than the window.

    Example:
    >>> AveragePooling2D(2)(jnp.ones((4, 10, 10, 8))).shape
    (4, 5, 5, 8)
    """

    rank = 2


class AveragePooling3D(_AveragePooling):
    """3D average pooling: the mean of each window.

    Args:
        pool_size: the size of the window.
        strides: step of the window along each axis; None for `pool_size`.
        padding: "valid" for no padding, or "same"; padding is left out of the mean.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        name: see `Layer`.
        **kwargs: see `Layer`.

    Input shape: (batch, depth, height, width, channels), or (batch, channels, depth, height, width).
    Output shape: the same with smaller sizes.

    Raises:
        ValueError: sizes that are not positive integers, or an input smaller than the window.

    Example:
    >>> AveragePooling3D(2)(jnp.ones((4, 5, 6, 6, 2))).shape
    (4, 2, 3, 3, 2)
    """

    rank = 3
