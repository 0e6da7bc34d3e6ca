"""Images: Keras's names for functions of `jax.image` and `jax.scipy.ndimage`."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

from minidl import config
from minidl.ops.operation import operation

METHODS = {
    "nearest": "nearest",
    "bilinear": "linear",
    "bicubic": "cubic",
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}
ORDERS = {"nearest": 0, "bilinear": 1}  # of the polynomials between pixels
FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


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


@operation
def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Images whose pixel at (x, y) is the one at `(a0 x + a1 y + a2, b0 x + b1 y + b2)` of the given images.

    Args:
        images: an image or a batch of images.
        transform: `[a0, a1, a2, b0, b1, b2, c0, c1]`, or one row of these for each image; c0 and c1 count as 0.
        interpolation: "bilinear" or "nearest".
        fill_mode: what lies outside: "constant", "nearest" (a a | a b c | c c), "wrap" (b c | a b c | a b),
            "reflect" (b a | a b c | c b) or "mirror" (c b | a b c | b a).
        fill_value: what lies outside with "constant".
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.

    Raises:
        ValueError: an unknown interpolation or fill_mode, or arrays of other ranks.

    Example:
    >>> image = jnp.arange(6.0).reshape(2, 3, 1)
    >>> affine_transform(image, [1, 0, 1, 0, 1, 0, 0, 0])[..., 0]  # from one to the right
    Array([[1., 2., 0.],
           [4., 5., 0.]], dtype=float32)
    """
    images, transform = jnp.asarray(images), jnp.asarray(transform, "float32")
    if interpolation not in ORDERS:
        raise ValueError(f"affine_transform: interpolation must be one of {list(ORDERS)}, got {interpolation!r}.")
    if fill_mode not in FILL_MODES:
        raise ValueError(f"affine_transform: fill_mode must be one of {FILL_MODES}, got {fill_mode!r}.")
    if images.ndim not in (3, 4) or transform.ndim not in (1, 2) or transform.shape[-1] != 8:
        raise ValueError(
            "affine_transform takes an image or a batch of images, and 8 numbers or 8 for each image, got shapes "
            f"{images.shape} and {transform.shape}."
        )
    channels = -1 if (data_format or config.image_data_format()) == "channels_last" else -3
    batch = jnp.moveaxis(images if images.ndim == 4 else images[None], channels, -1)
    rows, columns = (jnp.arange(size, dtype="float32") for size in batch.shape[1:3])
    grid = rows[:, None], columns[None, :]
    sample = functools.partial(map_coordinates, order=ORDERS[interpolation], mode=fill_mode, cval=fill_value)

    def one(image: Any, numbers: Any) -> Any:
        a0, a1, a2, b0, b1, b2, *_ = numbers
        y, x = grid
        places = [b0 * x + b1 * y + b2, a0 * x + a1 * y + a2]
        return jax.vmap(lambda channel: sample(channel, places), in_axes=-1, out_axes=-1)(image)

    transforms = jnp.broadcast_to(transform, (batch.shape[0], 8))
    moved = jnp.moveaxis(jax.vmap(one)(batch, transforms), -1, channels)
    return moved if images.ndim == 4 else moved[0]
