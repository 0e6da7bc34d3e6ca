"""Rescaling: scales and shifts values, such as those of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from minidl import config
from minidl.core.typing import Array, Config
from minidl.layers.preprocessing.lists import ListLayer


class Rescaling(ListLayer):
    """Computes `inputs * scale + offset`, in the compute dtype.

    Integer images are transferred to the device as integers and converted to floats by the layer.

    Args:
        scale: a number, or one for each channel.
        offset: a number, or one for each channel.
        **kwargs: see `Layer`.

    Input shape: any.
    Output shape: the same.

    Example:
    >>> Rescaling(1 / 255)(np.array([[0, 255]], "uint8"))
    Array([[0., 1.]], dtype=float32)
    """

    def __init__(self, scale: float | Sequence[float], offset: float | Sequence[float] = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Array) -> Array:
        scale, offset = (self._for_channels(value, inputs.ndim) for value in (self.scale, self.offset))
        return inputs.astype(self.compute_dtype) * scale + offset

    def _for_channels(self, value: float | Sequence[float], ndim: int) -> Array:
        """The value as an array; one for each channel is along their axis."""
        array = jnp.asarray(value, self.compute_dtype)
        if array.ndim == 1 and ndim >= 3 and config.image_data_format() == "channels_first":
            return array.reshape(-1, 1, 1)
        return array

    def get_config(self) -> Config:
        return {**super().get_config(), "scale": _plain(self.scale), "offset": _plain(self.offset)}


def _plain(value: Any) -> Any:
    return np.asarray(value).tolist() if isinstance(value, (np.ndarray, np.generic)) else value
