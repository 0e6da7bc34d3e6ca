"""Color spaces: grayscale and HSV."""

from __future__ import annotations

import jax.numpy as jnp

from minidl.core import dtypes
from minidl.core.typing import Array
from minidl.ops.image.layout import channels_axis, check_floats, check_images
from minidl.ops.operation import operation

__all__ = ["hsv_to_rgb", "rgb_to_grayscale", "rgb_to_hsv"]


@operation
def rgb_to_grayscale(images: Array, data_format: str | None = None) -> Array:
    """Convert RGB images to grayscale, with the weights of ITU-R BT.601; integers are truncated."""
    axis = channels_axis(data_format)
    if images.ndim not in (3, 4) or images.shape[axis] not in (1, 3):
        raise ValueError(
            "rgb_to_grayscale takes an image or a batch of images with 3 channels, or with 1, got the shape "
            f"{images.shape} with the channels on axis {axis}."
        )
    if images.shape[axis] == 1:
        return images
    colors = images if dtypes.is_float(images.dtype) else images.astype("float32")
    gray = jnp.tensordot(colors, jnp.asarray([0.2989, 0.5870, 0.1140], colors.dtype), axes=(axis, 0))
    return jnp.expand_dims(gray, axis).astype(images.dtype)


@operation
def rgb_to_hsv(images: Array, data_format: str | None = None) -> Array:
    """Convert RGB images to hue, saturation and value.

    With M and m the largest and the smallest channel: `value = M`, `saturation = (M - m) / M`, and the hue, a fraction
    of a full circle, is `(g - b) / 6(M - m)` where red is largest, `1/3 + (b - r) / 6(M - m)` where green is,
    `2/3 + (r - g) / 6(M - m)` where blue is. (A. R. Smith, Color gamut transform pairs, SIGGRAPH 1978.)

    Args:
        images: an RGB image or a batch of RGB images, of floats; for saturations from 0 to 1 not negative.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.

    Returns:
        Images of the same shape; hue and saturation are from 0 to 1, the value has the scale of the images.

    Raises:
        ValueError: integers, or images without 3 channels.

    Example:
    >>> rgb_to_hsv(jnp.asarray([[[0.0, 0.5, 0.0], [0.25, 0.0, 0.5]]])).tolist()
    [[[0.3333333432674408, 1.0, 0.5], [0.75, 1.0, 0.5]]]
    """
    axis = _three_channels("rgb_to_hsv", images, data_format)
    red, green, blue = jnp.moveaxis(jnp.where(jnp.abs(images) < jnp.finfo(images.dtype).eps, 0, images), axis, 0)
    value = jnp.maximum(jnp.maximum(red, green), blue)
    spread = value - jnp.minimum(jnp.minimum(red, green), blue)
    saturation = jnp.where(value > 0, spread / jnp.where(value > 0, value, 1), 0)
    sector, difference = jnp.where(value == green, 1, 2), jnp.where(value == green, blue - red, red - green)
    sector, difference = jnp.where(value == red, 0, sector), jnp.where(value == red, green - blue, difference)
    hue = sector / 3 + difference / (6 * jnp.where(spread > 0, spread, 1))
    hue = jnp.where(spread > 0, jnp.where(hue < 0, hue + 1, hue), 0)
    return jnp.stack([hue.astype(images.dtype), saturation, value], axis)


@operation
def hsv_to_rgb(images: Array, data_format: str | None = None) -> Array:
    """Convert images of hue, saturation and value to RGB, the inverse of `rgb_to_hsv`.

    A channel is `value * (1 - saturation + saturation * c)`, where c, from 0 to 1, says how near the hue is to the
    color of the channel on the circle of hues.

    Args:
        images: an image or a batch of images, of floats; a hue outside of 0 to 1 is taken modulo 1.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.

    Raises:
        ValueError: integers, or images without 3 channels.

    Example:
    >>> hsv_to_rgb(jnp.asarray([[[0.75, 1.0, 0.5]]])).tolist()
    [[[0.25, 0.0, 0.5]]]
    """
    axis = _three_channels("hsv_to_rgb", images, data_format)
    hue, saturation, value = jnp.moveaxis(images, axis, 0)
    sextant = 6 * jnp.mod(hue, 1)
    nearness = [jnp.abs(sextant - 3) - 1, 2 - jnp.abs(sextant - 2), 2 - jnp.abs(sextant - 4)]
    return jnp.stack([value * (1 - saturation + saturation * jnp.clip(c, 0, 1)) for c in nearness], axis)


def _three_channels(where: str, images: Array, data_format: str | None) -> int:
    """The axis of the channels of images of floats with three channels."""
    check_images(where, images)
    check_floats(where, images)
    axis = channels_axis(data_format)
    if images.shape[axis] != 3:
        raise ValueError(
            f"{where} takes images with 3 channels, got the shape {images.shape}, channels on axis {axis}."
        )
    return axis
