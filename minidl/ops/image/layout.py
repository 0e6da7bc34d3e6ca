"""Where the axes of an image are, and the checks that image operations share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp

from minidl import config
from minidl.core import dtypes
from minidl.core.typing import Array


def channels_axis(data_format: str | None, spatial: int = 2) -> int:
    """The axis of the channels, counted from the end; None is `minidl.config.image_data_format()`.

    Raises:
        ValueError: neither "channels_last" nor "channels_first".
    """
    data_format = data_format or config.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"data_format must be 'channels_last' or 'channels_first', got {data_format!r}.")
    return -1 if data_format == "channels_last" else -1 - spatial


def rows_axis(images: Array, data_format: str | None) -> int:
    """The axis of the height, counted from the start; the axis of the width is the next."""
    return images.ndim - (3 if channels_axis(data_format) == -1 else 2)


def check_images(where: str, images: Array) -> None:
    """Refuse arrays that are neither an image nor a batch of images."""
    if images.ndim not in (3, 4):
        raise ValueError(f"{where} takes an image or a batch of images, got the shape {images.shape}.")


def check_floats(where: str, images: Array) -> None:
    """Refuse integers, whose rounding would spoil the result."""
    if not dtypes.is_float(images.dtype):
        raise ValueError(
            f"{where} takes floats, got {images.dtype}: convert the images with ops.cast(images, 'float32')."
        )


def on_batch(images: Array, data_format: str | None, function: Callable[[Array], Array]) -> Array:
    """Apply a function of (batch, height, width, channels) to an image or a batch in any data format."""
    channels = channels_axis(data_format)
    batch = jnp.moveaxis(images if images.ndim == 4 else images[None], channels, -1)
    result = jnp.moveaxis(function(batch), -1, channels)
    return result if images.ndim == 4 else result[0]


def sizes_of(value: int | Sequence[int], spatial: int, name: str) -> tuple[int, ...]:
    """One size for each spatial axis, from an integer or as many.

    Raises:
        ValueError: another number of sizes, or one below 1.
    """
    sizes = (value,) * spatial if isinstance(value, int) else tuple(value)
    if len(sizes) != spatial or min(sizes) < 1:
        raise ValueError(f"{name} must be an integer above 0 or {spatial} of them, got {value!r}.")
    return sizes
