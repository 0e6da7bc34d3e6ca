"""Resizing, cropping, padding and patches: what changes the size of an image."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core.typing import Array, ArrayLike
from minidl.kernels import windows
from minidl.ops import core
from minidl.ops.image.layout import channels_axis, check_images, rows_axis, sizes_of
from minidl.ops.operation import operation

__all__ = [
    "crop_images",
    "extract_patches",
    "extract_patches_3d",
    "pad_images",
    "resize",
    "scale_and_translate",
]

METHODS = {
    "nearest": "nearest",
    "bilinear": "linear",
    "bicubic": "cubic",
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}
RESAMPLING = ("linear", "bilinear", "trilinear", "cubic", "bicubic", "tricubic", "lanczos3", "lanczos5")


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
    rows = rows_axis(images, data_format)
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
def crop_images(
    images: Array,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Crop images; along each axis two of the three sizes are given, and the third follows.

    Args:
        images: an image or a batch of images.
        top_cropping: rows removed at the top.
        left_cropping: columns removed at the left.
        bottom_cropping: rows removed at the bottom.
        right_cropping: columns removed at the right.
        target_height: height of the result.
        target_width: width of the result.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.

    Raises:
        ValueError: not two sizes along an axis, a negative one, or more than the image has.

    Example:
    >>> crop_images(jnp.arange(12).reshape(3, 4, 1), 1, 1, target_height=2, target_width=2)[..., 0]
    Array([[ 5,  6],
           [ 9, 10]], dtype=int32)
    """
    check_images("crop_images", images)
    vertical = {"top_cropping": top_cropping, "bottom_cropping": bottom_cropping, "target_height": target_height}
    horizontal = {"left_cropping": left_cropping, "right_cropping": right_cropping, "target_width": target_width}
    for axis, given in enumerate((vertical, horizontal), rows_axis(images, data_format)):
        size = images.shape[axis]
        before, after = _margins("crop_images", given, size, -1)
        images = jax.lax.slice_in_dim(images, before, size - after, axis=axis)
    return images


@operation
def pad_images(
    images: Array,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Pad images with zeros; along each axis two of the three sizes are given, and the third follows.

    Args:
        images: an image or a batch of images.
        top_padding: rows added at the top.
        left_padding: columns added at the left.
        bottom_padding: rows added at the bottom.
        right_padding: columns added at the right.
        target_height: height of the result.
        target_width: width of the result.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.

    Raises:
        ValueError: not two sizes along an axis, a negative one, or a target that is smaller than the image.

    Example:
    >>> pad_images(jnp.ones((1, 2, 1)), 1, 0, target_height=2, target_width=3)[..., 0]
    Array([[0., 0., 0.],
           [1., 1., 0.]], dtype=float32)
    """
    check_images("pad_images", images)
    vertical = {"top_padding": top_padding, "bottom_padding": bottom_padding, "target_height": target_height}
    horizontal = {"left_padding": left_padding, "right_padding": right_padding, "target_width": target_width}
    amounts = [(0, 0)] * images.ndim
    for axis, given in enumerate((vertical, horizontal), rows_axis(images, data_format)):
        amounts[axis] = _margins("pad_images", given, images.shape[axis], 1)
    return jnp.pad(images, amounts)


@operation
def scale_and_translate(
    images: Array,
    output_shape: Sequence[int],
    scale: ArrayLike,
    translation: ArrayLike,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Array:
    """Scale and shift along some axes, and resample: the input at x goes to `scale * x + translation`.

    Coordinates are of pixels whose centers are at 0.5, 1.5, ...; outside of the input there are zeros.

    Args:
        images: any array.
        output_shape: the shape of the result, for all axes.
        scale: one number for each axis in spatial_dims.
        translation: likewise, in pixels of the result.
        spatial_dims: the axes that are scaled.
        method: "linear", "bilinear", "trilinear", "cubic", "bicubic", "tricubic", "lanczos3" or "lanczos5".
        antialias: whether to smooth where the result is smaller.

    Raises:
        ValueError: an unknown method.

    Example:
    >>> scale_and_translate(jnp.asarray([0.0, 1.0]), (4,), [2.0], [0.0], (0,), "linear")
    Array([0.  , 0.25, 0.75, 1.  ], dtype=float32)
    """
    if method not in RESAMPLING:
        raise ValueError(f"scale_and_translate: method must be one of {RESAMPLING}, got {method!r}.")
    scale, translation = jnp.asarray(scale), jnp.asarray(translation)
    shape, axes = tuple(output_shape), tuple(spatial_dims)
    return jax.image.scale_and_translate(images, shape, axes, scale, translation, method, antialias)


@operation
def extract_patches(
    images: Array,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """Cut images or volumes into patches, each flattened along the axis of the channels.

    Args:
        images: (batch, height, width, channels) or one image; with three sizes a volume, with an axis of depth first.
        size: rows and columns of a patch, of volumes (depth, rows, columns); an integer for squares.
        strides: how far patches are apart; None for `size`, patches side by side.
        dilation_rate: distance of the pixels of a patch from each other.
        padding: "valid" or "same", which pads with zeros.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.

    Returns:
        (batch, rows, columns, size * size * channels), or with the channels first.

    Raises:
        ValueError: sizes that do not match the images, an unknown padding, or images smaller than a patch.

    Example:
    >>> extract_patches(jnp.arange(8).reshape(2, 4, 1), 2)
    Array([[[0, 1, 4, 5],
            [2, 3, 6, 7]]], dtype=int32)
    """
    spatial = 2 if isinstance(size, int) else len(size)
    if spatial not in (2, 3):
        raise ValueError(f"extract_patches: size must be an integer, 2 or 3 of them, got {size!r}.")
    return _patches("extract_patches", images, spatial, size, strides, dilation_rate, padding, data_format)


@operation
def extract_patches_3d(
    volumes: Array,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """Cut volumes into patches; see `extract_patches`, with (depth, rows, columns) for every size.

    >>> extract_patches_3d(jnp.ones((4, 4, 4, 1)), 2).shape
    (2, 2, 2, 8)
    """
    return _patches("extract_patches_3d", volumes, 3, size, strides, dilation_rate, padding, data_format)


def _patches(
    where: str,
    images: Array,
    spatial: int,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None,
    dilation_rate: int | Sequence[int],
    padding: str,
    data_format: str | None,
) -> Array:
    """Patches along `spatial` axes: each axis is gathered into (positions, places in the patch)."""
    if images.ndim not in (spatial + 1, spatial + 2):
        raise ValueError(
            f"{where}: patches of {spatial} sizes need {spatial + 1} or {spatial + 2} axes, got {images.shape}."
        )
    if padding not in ("valid", "same"):
        raise ValueError(f"{where}: padding must be 'valid' or 'same', got {padding!r}.")
    channels = channels_axis(data_format, spatial)
    window, dilation = sizes_of(size, spatial, "size"), sizes_of(dilation_rate, spatial, "dilation_rate")
    steps = window if strides is None else sizes_of(strides, spatial, "strides")
    patches = jnp.moveaxis(images, channels, -1)
    first = patches.ndim - 1 - spatial
    sizes = patches.shape[first:-1]
    margins = windows.pads(padding, sizes, window, steps, dilation)
    counts = windows.out_sizes(sizes, window, steps, margins, dilation)
    patches = jnp.pad(patches, [(0, 0)] * first + margins + [(0, 0)])
    for i in reversed(range(spatial)):
        places = steps[i] * np.arange(counts[i])[:, None] + dilation[i] * np.arange(window[i])
        patches = jnp.take(patches, places, axis=first + i)
    # (..., rows, places, columns, places, channels) -> (..., rows, columns, places, places, channels)
    order = [*range(first), *range(first, first + 2 * spatial, 2), *range(first + 1, first + 2 * spatial, 2)]
    patches = patches.transpose(*order, patches.ndim - 1).reshape(*patches.shape[:first], *counts, -1)
    return jnp.moveaxis(patches, -1, channels)


def _margins(where: str, given: dict[str, int | None], size: int, sign: int) -> tuple[int, int]:
    """(before, after) along an axis, from two of before, after and the target `size + sign * (before + after)`."""
    values = list(given.values())
    if values.count(None) != 1:
        raise ValueError(f"{where}: give exactly two of {', '.join(given)}, got {given}.")
    before, after, target = values
    both = (before or 0) + (after or 0) if target is None else sign * (target - size)
    before = both - (after or 0) if before is None else before
    after = both - before if after is None else after
    if min(before, after, size + sign * both, 0 if target is None else target) < 0:
        raise ValueError(f"{where}: sizes must not be negative, got {given} for {size} pixels along this axis.")
    return before, after


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


def aspect_window(size: Sequence[int], target: Sequence[int], crop: bool) -> list[tuple[int, int]]:
    """The window of an image that has the aspect ratio of a target: cropped at its center, or padded on all sides.

    Args:
        size: (height, width) of the image.
        target: (height, width).
        crop: whether the window is in the image, rather than around it.

    Returns:
        (first, length) along the height and the width; the first is negative where the image is padded.

    Example:
    >>> aspect_window((10, 8), (20, 20), crop=True), aspect_window((10, 8), (20, 20), crop=False)
    ([(1, 8), (0, 8)], [(0, 10), (-1, 10)])
    """
    window = []
    for old, wanted in zip(size, (int(size[1] * target[0] / target[1]), int(size[0] * target[1] / target[0]))):
        if crop:
            new = max(min(old, wanted), 1)
            window.append((int((old - new) / 2), new))
        else:
            more = int((max(old, wanted) - old) / 2)
            window.append((-more, old + 2 * more))
    return window


def _cropped(images: Array, rows: int, target: Sequence[int]) -> Array:
    """Center crop of images to the aspect ratio of the target."""
    window = aspect_window(images.shape[rows : rows + 2], target, crop=True)
    for axis, (first, length) in enumerate(window, rows):
        images = jax.lax.slice_in_dim(images, first, first + length, axis=axis)
    return images


def _padded(images: Array, rows: int, target: Sequence[int], fill_value: float) -> Array:
    """Images padded on all sides to the aspect ratio of the target."""
    amounts = [(0, 0)] * images.ndim
    for axis, (first, _) in enumerate(aspect_window(images.shape[rows : rows + 2], target, crop=False), rows):
        amounts[axis] = -first, -first
    images = images.astype(jnp.result_type(images.dtype, fill_value))  # a fraction, before the result is rounded
    return jnp.pad(images, amounts, constant_values=fill_value)
