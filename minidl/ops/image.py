"""Image operations: functions of `jax.image` and `jax.scipy.ndimage` under Keras's names."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minidl import config
from minidl.core import dtypes
from minidl.core.typing import Array, ArrayLike
from minidl.ops import core
from minidl.ops.operation import operation

METHODS = {
    "nearest": "nearest",
    "bilinear": "linear",
    "bicubic": "cubic",
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}
ORDERS = {"nearest": 0, "bilinear": 1}  # interpolation -> order of the spline
FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


@operation
def resize(
    images: Array,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Array:
    """Resize images to (height, width); the dtype stays: integers are rounded, and clipped to its limits.

    Args:
        images: an image or a batch of images.
        size: (height, width) of the result.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        antialias: whether to apply an antialiasing filter when downsampling.
        crop_to_aspect_ratio: whether to crop to the aspect ratio of the result first, rather than to distort.
        pad_to_aspect_ratio: whether to pad to the aspect ratio of the result first.
        fill_mode: "constant".
        fill_value: value of the padding.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.

    Raises:
        ValueError: an unknown interpolation or fill_mode, both cropping and padding, or an invalid size.

    Example:
    >>> resize(jnp.ones((4, 8, 3), "uint8"), (4, 4), pad_to_aspect_ratio=True)[:, 0, 0]
    Array([0, 1, 1, 0], dtype=uint8)
    """
    _check_resize(images, size, interpolation, crop_to_aspect_ratio and pad_to_aspect_ratio, fill_mode)
    rows = images.ndim - (3 if (data_format or config.image_data_format()) == "channels_last" else 2)
    resized = images
    if crop_to_aspect_ratio:
        resized = _cropped(images, rows, size)
    elif pad_to_aspect_ratio:
        resized = _padded(images, rows, size, fill_value)
    shape = [*images.shape[:rows], *size, *images.shape[rows + 2 :]]
    resized = jax.image.resize(resized, shape, METHODS[interpolation], antialias=antialias)
    if resized.dtype == images.dtype:
        return resized
    return core.saturate_cast(
        jnp.round(resized) if jnp.issubdtype(images.dtype, jnp.integer) else resized, images.dtype
    )


@operation
def rgb_to_grayscale(images: Array, data_format: str | None = None) -> Array:
    """Convert RGB images to grayscale, with the weights of ITU-R BT.601; integers are truncated."""
    axis = -1 if (data_format or config.image_data_format()) == "channels_last" else -3
    if images.ndim not in (3, 4) or images.shape[axis] not in (1, 3):
        raise ValueError(
            "rgb_to_grayscale takes an image or a batch of images with 3 channels, or with 1, got the shape "
            f"{images.shape} with the channels on axis {axis}."
        )
    if images.shape[axis] == 1:
        return images
    colours = images if dtypes.is_float(images.dtype) else images.astype("float32")
    gray = jnp.tensordot(colours, jnp.asarray([0.2989, 0.5870, 0.1140], colours.dtype), axes=(axis, 0))
    return jnp.expand_dims(gray, axis).astype(images.dtype)


@operation
def map_coordinates(
    inputs: ArrayLike, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: float = 0.0
) -> Array:
    """Interpolate an array at given coordinates.

    Args:
        inputs: an array with n axes.
        coordinates: (n, ...), one row for each axis.
        order: order of the interpolation: 0 (nearest) or 1 (linear).
        fill_mode: how to fill points outside of the array, as in `affine_transform`.
        fill_value: value outside of the array for "constant".

    Raises:
        ValueError: an unknown order or fill_mode, or coordinates with a wrong number of rows.

    Example:
    >>> map_coordinates(jnp.arange(3.0), jnp.asarray([[0.5, 4.0]]), order=1, fill_value=9.0)
    Array([0.5, 9. ], dtype=float32)
    """
    if fill_mode not in FILL_MODES:
        raise ValueError(f"map_coordinates: fill_mode must be one of {FILL_MODES}, got {fill_mode!r}.")
    if order not in ORDERS.values():
        raise ValueError(f"map_coordinates: order must be 0 or 1, got {order!r}.")
    coordinates = jnp.asarray(coordinates)
    if coordinates.ndim < 2 or coordinates.shape[0] != jnp.ndim(inputs):
        raise ValueError(
            f"map_coordinates: coordinates must have the shape ({jnp.ndim(inputs)}, ...), one row for each axis of "
            f"inputs, got {coordinates.shape}."
        )
    return jax.scipy.ndimage.map_coordinates(inputs, coordinates, order, fill_mode, fill_value)


@operation
def affine_transform(
    images: ArrayLike,
    transform: ArrayLike,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """Affine transform of images: pixel (x, y) of the output is input pixel `(a0 x + a1 y + a2, b0 x + b1 y + b2)`.

    Args:
        images: an image or a batch of images.
        transform: `[a0, a1, a2, b0, b1, b2, c0, c1]`, or one row of these for each image; c0 and c1 are taken as 0.
        interpolation: "bilinear" or "nearest".
        fill_mode: how to fill points outside of the image: "constant", "nearest" (a a | a b c | c c),
            "wrap" (b c | a b c | a b), "reflect" (b a | a b c | c b) or "mirror" (c b | a b c | b a).
        fill_value: value outside of the image for "constant".
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.

    Raises:
        ValueError: an unknown interpolation or fill_mode, or arrays of wrong rank.

    Example:
    >>> image = jnp.arange(6.0).reshape(2, 3, 1)
    >>> affine_transform(image, [1, 0, 1, 0, 1, 0, 0, 0])[..., 0]  # shifted to the left by one
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
            "affine_transform takes an image or a batch of images and a transform (8,) or (batch, 8), got shapes "
            f"{images.shape} and {transform.shape}."
        )
    channels = -1 if (data_format or config.image_data_format()) == "channels_last" else -3
    batch = jnp.moveaxis(images if images.ndim == 4 else images[None], channels, -1)
    rows, columns = (jnp.arange(size, dtype="float32") for size in batch.shape[1:3])
    grid = rows[:, None], columns[None, :]
    sample = functools.partial(
        jax.scipy.ndimage.map_coordinates, order=ORDERS[interpolation], mode=fill_mode, cval=fill_value
    )

    def transform_one(image: Array, coefficients: Array) -> Array:
        a0, a1, a2, b0, b1, b2, *_ = coefficients
        y, x = grid
        coordinates = [b0 * x + b1 * y + b2, a0 * x + a1 * y + a2]
        return jax.vmap(lambda channel: sample(channel, coordinates), in_axes=-1, out_axes=-1)(image)

    transforms = jnp.broadcast_to(transform, (batch.shape[0], 8))
    moved = jnp.moveaxis(jax.vmap(transform_one)(batch, transforms), -1, channels)
    return moved if images.ndim == 4 else moved[0]


def _check_resize(images: Array, size: Sequence[int], interpolation: str, crop_and_pad: bool, fill_mode: str) -> None:
    if interpolation not in METHODS:
        raise ValueError(f"resize: interpolation must be one of {sorted(METHODS)}, got {interpolation!r}.")
    if crop_and_pad:
        raise ValueError("resize: crop_to_aspect_ratio and pad_to_aspect_ratio are both True: choose one of them.")
    if fill_mode != "constant":
        raise ValueError(f"resize: fill_mode must be 'constant', got {fill_mode!r}.")
    if len(size) != 2 or min(size) <= 0:
        raise ValueError(f"resize: size must be (height, width), both above 0, got {size!r}.")
    if images.ndim not in (3, 4):
        raise ValueError(f"resize takes an image or a batch of images, got the shape {images.shape}.")


def _fitted(size: Sequence[int], target: Sequence[int]) -> tuple[int, int]:
    """The height for the width of `size`, and the width for its height, in the aspect ratio of the target."""
    return int(size[1] * target[0] / target[1]), int(size[0] * target[1] / target[0])


def _cropped(images: Array, rows: int, target: Sequence[int]) -> Array:
    """Center crop of images to the aspect ratio of the target."""
    size = images.shape[rows : rows + 2]
    for axis, (old, wanted) in enumerate(zip(size, _fitted(size, target)), rows):
        new = max(min(old, wanted), 1)
        first = int((old - new) / 2)
        images = jax.lax.slice_in_dim(images, first, first + new, axis=axis)
    return images


def _padded(images: Array, rows: int, target: Sequence[int], fill_value: float) -> Array:
    """Images padded on all sides to the aspect ratio of the target."""
    size = images.shape[rows : rows + 2]
    amounts = [(0, 0)] * images.ndim
    for axis, (old, wanted) in enumerate(zip(size, _fitted(size, target)), rows):
        amounts[axis] = (int((max(old, wanted) - old) / 2),) * 2
    images = images.astype(jnp.result_type(images.dtype, fill_value))  # a fraction, before the result is rounded
    return jnp.pad(images, amounts, constant_values=fill_value)
