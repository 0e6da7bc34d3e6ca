"""Rescaling: scales and shifts values, such as those of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

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
        scale, offset = jnp.asarray(self.scale, self.compute_dtype), jnp.asarray(self.offset, self.compute_dtype)
        return inputs.astype(self.compute_dtype) * scale + offset

    def get_config(self) -> Config:
        return {**super().get_config(), "scale": _plain(self.scale), "offset": _plain(self.offset)}


def _plain(value: Any) -> Any:
    return np.asarray(value).tolist() if isinstance(value, (np.ndarray, np.generic)) else value
