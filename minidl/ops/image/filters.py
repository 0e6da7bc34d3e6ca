"""Filters: Gaussian blur and Sobel edges, and the structural similarity, which compares blurred images."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from minidl import kernels
from minidl.core import dtypes
from minidl.core.typing import Array, ArrayLike
from minidl.ops.image.layout import channels_axis, check_floats, check_images, on_batch, rows_axis
from minidl.ops.operation import operation

__all__ = ["gaussian_blur", "sobel_edges", "ssim"]


@operation
def gaussian_blur(
    images: Array,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Any = (1.0, 1.0),
    data_format: str | None = None,
) -> Array:
    """Blur images with a Gaussian kernel; the border is padded with zeros.

    Args:
        images: an image or a batch of images, of floats.
        kernel_size: (columns, rows) of the kernel.
        sigma: standard deviation along (columns, rows), in pixels.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.

    Raises:
        ValueError: integers, or an array that is no image.

    Example:
    >>> spot = jnp.zeros((1, 5, 1)).at[0, 2].set(1.0)
    >>> [round(float(x), 3) for x in gaussian_blur(spot, (3, 1), (0.5, 0.5))[0, :, 0]]
    [0.0, 0.107, 0.787, 0.107, 0.0]
    """
    check_images("gaussian_blur", images)
    check_floats("gaussian_blur", images)
    sigma = jnp.asarray(sigma, images.dtype)
    across, down = (gaussian(size, sigma[i], images.dtype) for i, size in enumerate(kernel_size))
    return on_batch(images, data_format, lambda batch: filtered(batch, down, across))


@operation
def sobel_edges(images: Array, data_format: str | None = None) -> Array:
    """Gradients of the intensity at each pixel, by the kernels of Sobel; the border is padded with zeros.

    Args:
        images: (batch, height, width, channels), or with the channels first; floats.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.

    Returns:
        The shape of the images with a further axis of 2: the vertical and the horizontal gradient.

    Raises:
        ValueError: integers, or an array with another number of axes than 4.

    Example:
    >>> ramp = jnp.arange(4.0).reshape(1, 1, 4, 1)
    >>> sobel_edges(ramp)[0, 0, 1:3, 0, 1].tolist()
    [4.0, 4.0]
    """
    if images.ndim != 4:
        raise ValueError(f"sobel_edges takes a batch of images, with 4 axes, got the shape {images.shape}.")
    check_floats("sobel_edges", images)
    smooth, difference = jnp.asarray([1, 2, 1], images.dtype), jnp.asarray([-1, 0, 1], images.dtype)
    vertical = on_batch(images, data_format, lambda batch: filtered(batch, difference, smooth))
    horizontal = on_batch(images, data_format, lambda batch: filtered(batch, smooth, difference))
    return jnp.stack([vertical, horizontal], -1)


@operation
def ssim(
    image1: ArrayLike,
    image2: ArrayLike,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Array:
    r"""Structural similarity of two images: 1 for identical ones.

    $$\frac{(2 \mu_1 \mu_2 + c_1)(2 \sigma_{12} + c_2)}{(\mu_1^2 + \mu_2^2 + c_1)(\sigma_1^2 + \sigma_2^2 + c_2)},
    \quad c_i = (k_i \cdot max\_val)^2$$

    with means, variances and covariance of Gaussian windows, averaged over the windows that lie inside the image and
    over the channels. (Wang, Bovik, Sheikh, Simoncelli, Image quality assessment: from error visibility to structural
    similarity, 2004.)

    Args:
        image1: an image or a batch of images.
        image2: the same shape.
        max_val: the largest value that a pixel can have: 255 for bytes.
        filter_size: rows and columns of the window.
        filter_sigma: standard deviation of the window.
        k1: factor of the constant of the means.
        k2: factor of the constant of the variances.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.

    Returns:
        One number for each image, in the dtype of image1.

    Raises:
        ValueError: arrays that are no images, of different shapes, or smaller than the window.

    Example:
    >>> image = jnp.arange(256.0).reshape(16, 16, 1) / 256
    >>> ssim(image, image)
    Array(1., dtype=float32)
    """
    first, second = jnp.asarray(image1), jnp.asarray(image2)
    for array in (first, second):
        check_images("ssim", array)
    if first.shape != second.shape:
        raise ValueError(f"ssim: the images must have the same shape, got {first.shape} and {second.shape}.")
    rows = rows_axis(first, data_format)
    if min(first.shape[rows : rows + 2]) < filter_size:
        raise ValueError(f"ssim: the images, of shape {first.shape}, are smaller than filter_size={filter_size}.")
    x, y = (array.astype(dtypes.result_type(first.dtype, float)) for array in (first, second))
    window = gaussian(filter_size, filter_sigma, x.dtype)

    def mean(values: Array) -> Array:
        values = jnp.moveaxis(values, channels_axis(data_format), -1)
        return filtered(values if values.ndim == 4 else values[None], window, window, "valid")

    mean1, mean2 = mean(x), mean(y)
    variance1, variance2, covariance = mean(x * x) - mean1**2, mean(y * y) - mean2**2, mean(x * y) - mean1 * mean2
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    likeness = (2 * mean1 * mean2 + c1) * (2 * covariance + c2)
    likeness = likeness / ((mean1**2 + mean2**2 + c1) * (variance1 + variance2 + c2))
    result = likeness.mean((1, 2, 3)).astype(first.dtype)
    return result if first.ndim == 4 else result[0]


def gaussian(size: int, sigma: Any, dtype: Any) -> Array:
    """A Gaussian of the given standard deviation at `size` places around its center, of sum 1."""
    weights = jnp.exp(-0.5 * jnp.square((jnp.arange(size, dtype=dtype) - (size - 1) / 2) / sigma))
    return weights / weights.sum()


def filtered(images: Array, down: Array, across: Array, padding: str = "same") -> Array:
    """Correlate each channel of (batch, height, width, channels) with a kernel along the rows and one along columns.

    A sum of shifted images: XLA's convolution of each channel takes thirty times as long on the CPU.
    """
    for axis, kernel in ((1, down), (2, across)):
        reach = kernel.shape[0] - 1
        if padding == "same":
            margins = [(0, 0)] * 4
            margins[axis] = (reach // 2, reach - reach // 2)
            images = jnp.pad(images, margins)
        images = kernels.materialized(images)
        size = images.shape[axis] - reach
        parts = (lax.slice_in_dim(images, i, i + size, axis=axis) for i in range(reach + 1))
        images = functools.reduce(operator.add, (weight * part for weight, part in zip(kernel, parts)))
    return images
