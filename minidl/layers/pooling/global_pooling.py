"""Global pooling: one value for each channel."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from minidl.core.typing import Array, Config
from minidl.layers.base import Layer
from minidl.layers.data_format import data_format_of
from minidl.layers.input_spec import InputSpec


class _GlobalPooling(Layer):
    rank: int

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = data_format_of(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    @property
    def _axes(self) -> tuple[int, ...]:
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def get_config(self) -> Config:
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


class _GlobalMaxPooling(_GlobalPooling):
    def call(self, inputs: Array) -> Array:
        return jnp.max(inputs, axis=self._axes, keepdims=self.keepdims)


class _GlobalAveragePooling(_GlobalPooling):
    def call(self, inputs: Array) -> Array:
        return jnp.mean(inputs, axis=self._axes, keepdims=self.keepdims)


class GlobalMaxPooling1D(_GlobalMaxPooling):
    """Global max pooling of sequences: the largest value of each channel.

    Args:
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        keepdims: whether the pooled axes are kept with size 1.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, channels), or (batch, channels, steps).
    Output shape: (batch, channels).

    Example:
    >>> GlobalMaxPooling1D()(jnp.ones((4, 10, 8))).shape
    (4, 8)
    """

    rank = 1


class GlobalMaxPooling2D(_GlobalMaxPooling):
    """Global max pooling of images: the largest value of each channel.

    Args:
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        keepdims: whether the pooled axes are kept with size 1.
        **kwargs: see `Layer`.

    Input shape: (batch, height, width, channels), or (batch, channels, height, width).
    Output shape: (batch, channels).

    Example:
    >>> GlobalMaxPooling2D()(jnp.ones((4, 10, 10, 8))).shape
    (4, 8)
    """

    rank = 2


class GlobalMaxPooling3D(_GlobalMaxPooling):
    """Global max pooling of volumes: the largest value of each channel.

    Args:
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        keepdims: whether the pooled axes are kept with size 1.
        **kwargs: see `Layer`.

    Input shape: (batch, depth, height, width, channels), or (batch, channels, depth, height, width).
    Output shape: (batch, channels).

    Example:
    >>> GlobalMaxPooling3D()(jnp.ones((4, 5, 6, 6, 2))).shape
    (4, 2)
    """

    rank = 3


class GlobalAveragePooling1D(_GlobalAveragePooling):
    """Global average pooling of sequences: the mean of each channel, over the steps that the mask keeps.

    Args:
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        keepdims: whether the pooled axes are kept with size 1.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, channels), or (batch, channels, steps).
    Output shape: (batch, channels).

    Example:
    >>> GlobalAveragePooling1D()(jnp.ones((4, 10, 8))).shape
    (4, 8)
    """

    rank = 1

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Array, mask: Array | None = None) -> Array:
        if mask is None:
            return super().call(inputs)
        axis = self._axes[0]
        counts = jnp.expand_dims(mask, 2 if axis == 1 else 1).astype(inputs.dtype)
        return jnp.sum(inputs * counts, axis, keepdims=self.keepdims) / jnp.sum(counts, axis, keepdims=self.keepdims)

    def compute_mask(self, inputs: Array, mask: Array | None = None) -> None:
        """None: the output has no steps."""


class GlobalAveragePooling2D(_GlobalAveragePooling):
    """Global average pooling of images: the mean of each channel.

    Args:
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        keepdims: whether the pooled axes are kept with size 1.
        **kwargs: see `Layer`.

    Input shape: (batch, height, width, channels), or (batch, channels, height, width).
    Output shape: (batch, channels).

    Example:
    >>> GlobalAveragePooling2D()(jnp.ones((4, 10, 10, 8))).shape
    (4, 8)
    """

    rank = 2


class GlobalAveragePooling3D(_GlobalAveragePooling):
    """Global average pooling of volumes: the mean of each channel.

    Args:
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        keepdims: whether the pooled axes are kept with size 1.
        **kwargs: see `Layer`.

    Input shape: (batch, depth, height, width, channels), or (batch, channels, depth, height, width).
    Output shape: (batch, channels).

    Example:
    >>> GlobalAveragePooling3D()(jnp.ones((4, 5, 6, 6, 2))).shape
    (4, 2)
    """

    rank = 3
