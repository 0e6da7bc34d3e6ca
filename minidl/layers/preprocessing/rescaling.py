"""Rescaling: another scale for the values of images."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from minidl import config
from minidl.layers.base import Layer


class Rescaling(Layer):
    """Computes `inputs * scale + offset`, in the compute dtype.

    Integer images travel as they are (one byte a pixel) and become floats here.

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

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs.astype(self.compute_dtype) * self._spread(self.scale) + self._spread(self.offset)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": _plain(self.scale), "offset": _plain(self.offset)}

    def _spread(self, value: Any) -> Any:
        """A number, or one for each channel, where the channels are."""
        value = jnp.asarray(value, self.compute_dtype)
        return value.reshape(-1, 1, 1) if value.ndim == 1 and config.image_data_format() == "channels_first" else value


def _plain(value: Any) -> Any:
    return np.asarray(value).tolist() if isinstance(value, (np.ndarray, np.generic)) else value
