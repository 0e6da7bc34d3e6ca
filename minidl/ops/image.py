"""Images: Keras's names for functions of `jax.image`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from minidl import config
from minidl.ops.operation import operation

METHODS = {
    "nearest": "nearest",
    "bilinear": "linear",
    "bicubic": "cubic",
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}


@operation
def resize(
    images: Any,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    data_format: str | None = None,
) -> Any:
    """Images of another (height, width)."""
    if interpolation not in METHODS:
        raise ValueError(f"resize: interpolation must be one of {sorted(METHODS)}, got {interpolation!r}.")
    shape = list(images.shape)
    first = images.ndim - 3 if (data_format or config.image_data_format()) == "channels_last" else images.ndim - 2
    shape[first : first + 2] = size
    return jax.image.resize(images, shape, METHODS[interpolation], antialias=antialias)


@operation
def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Any:
    """Images of one channel, by the weights of the three colours (ITU-R BT.601)."""
    axis = -1 if (data_format or config.image_data_format()) == "channels_last" else -3
    weights = jnp.asarray([0.2989, 0.5870, 0.1140], images.dtype)
    gray = jnp.tensordot(images, weights, axes=(axis, 0))
    return jnp.expand_dims(gray, axis)
