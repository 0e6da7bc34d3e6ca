"""Geometric transformations: the pixels of the result are interpolated at coordinates of the input."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from minidl import random
from minidl.core.typing import Array, ArrayLike
from minidl.ops.image.filters import filtered
from minidl.ops.image.layout import check_floats, check_images, on_batch
from minidl.ops.operation import operation

__all__ = ["affine_transform", "elastic_transform", "map_coordinates", "perspective_transform"]

ORDERS = {"nearest": 0, "bilinear": 1}  # interpolation -> order of the spline
FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


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
    _check("affine_transform", interpolation, fill_mode)
    if images.ndim not in (3, 4) or transform.ndim not in (1, 2) or transform.shape[-1] != 8:
        raise ValueError(
            "affine_transform takes an image or a batch of images and a transform (8,) or (batch, 8), got shapes "
            f"{images.shape} and {transform.shape}."
        )

    def transformed(batch: Array) -> Array:
        a0, a1, a2, b0, b1, b2, *_ = jnp.broadcast_to(transform, (len(batch), 8)).T[..., None, None]
        y, x = _grid(batch)
        return _sampled(batch, b0 * x + b1 * y + b2, a0 * x + a1 * y + a2, interpolation, fill_mode, fill_value)

    return on_batch(images, data_format, transformed)


@operation
def perspective_transform(
    images: Array,
    start_points: ArrayLike,
    end_points: ArrayLike,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """Perspective transform of images, given by where four points go.

    Pixel (x, y) of the output is pixel (u, v) of the input, `u = (h0 x + h1 y + h2) / (h6 x + h7 y + 1)` and
    `v = (h3 x + h4 y + h5) / (h6 x + h7 y + 1)`. The four pairs of points give linear equations for h.

    Args:
        images: an image or a batch of images.
        start_points: four points (x, y) of the input: (4, 2), or (batch, 4, 2).
        end_points: where they are in the output; the same shape.
        interpolation: "bilinear" or "nearest".
        fill_value: value outside of the image.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.

    Raises:
        ValueError: an unknown interpolation, or arrays of wrong shape.

    Example:
    >>> image = jnp.arange(6.0).reshape(2, 3, 1)
    >>> corners = jnp.asarray([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
    >>> perspective_transform(image, corners, corners[jnp.asarray([1, 0, 3, 2])], "nearest")[..., 0]
    Array([[2., 1., 0.],
           [5., 4., 3.]], dtype=float32)
    """
    check_images("perspective_transform", images)
    _check("perspective_transform", interpolation, "constant")
    start, end = jnp.asarray(start_points, "float32"), jnp.asarray(end_points, "float32")
    if start.shape[-2:] != (4, 2) or start.ndim not in (2, 3) or start.shape != end.shape:
        raise ValueError(
            "perspective_transform: start_points and end_points must both be (4, 2) or (batch, 4, 2), got "
            f"{start.shape} and {end.shape}."
        )
    coefficients = homography(start, end)

    def transformed(batch: Array) -> Array:
        h = jnp.broadcast_to(coefficients, (len(batch), 8)).T[..., None, None]
        y, x = _grid(batch)
        depth = h[6] * x + h[7] * y + 1
        rows, columns = (h[3] * x + h[4] * y + h[5]) / depth, (h[0] * x + h[1] * y + h[2]) / depth
        return _sampled(batch, rows, columns, interpolation, "constant", fill_value)

    return on_batch(images, data_format, transformed)


@operation
def elastic_transform(
    images: Array,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: random.Seed = None,
    data_format: str | None = None,
) -> Array:
    """Elastic deformation: pixels are displaced by smooth random fields.

    Normal noise of standard deviation sigma is blurred by a Gaussian of the same sigma and multiplied by alpha. Both
    coordinates are displaced by one field, as in Keras on JAX. (Simard, Steinkraus, Platt, Best practices for
    convolutional neural networks applied to visual document analysis, 2003.)

    Args:
        images: an image or a batch of images, of floats.
        alpha: strength of the deformation.
        sigma: standard deviation of the noise and of its blur, in pixels.
        interpolation: "bilinear" or "nearest".
        fill_mode: how to fill points outside of the image, as in `affine_transform`.
        fill_value: value outside of the image for "constant".
        seed: an integer or a `SeedGenerator`.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.

    Raises:
        ValueError: an unknown interpolation or fill_mode, integers, or an array that is no image.

    Example:
    >>> elastic_transform(jnp.ones((8, 8, 3)), seed=1).shape
    (8, 8, 3)
    """
    check_images("elastic_transform", images)
    check_floats("elastic_transform", images)
    _check("elastic_transform", interpolation, fill_mode)

    def deformed(batch: Array) -> Array:
        noise = random.normal(batch.shape[:3], dtype=batch.dtype, seed=seed)
        shift = alpha * smooth_field(noise, sigma, sigma)
        return displaced(batch, shift, interpolation, fill_mode, fill_value)

    return on_batch(images, data_format, deformed)


def smooth_field(noise: Array, sigma: Any, largest: float) -> Array:
    """Noise (batch, height, width), scaled by sigma and blurred by a Gaussian of sigma, which is at most `largest`.

    The Gaussian reaches to three sigma, in whole pixels; where sigma is drawn, its window has the size of the largest.
    """
    reach = int(6 * largest) // 2
    distance = jnp.abs(jnp.arange(-reach, reach + 1))
    window = jnp.where(
        distance <= jnp.floor(6 * sigma).astype("int32") // 2, jnp.exp(-0.5 * (distance / sigma) ** 2), 0
    )
    window = (window / window.sum()).astype(noise.dtype)
    return filtered(sigma * noise[..., None], window, window)[..., 0]


def displaced(batch: Array, shift: Array, interpolation: str, fill_mode: str, fill_value: float) -> Array:
    """Images (batch, height, width, channels) with each pixel taken from `shift` (batch, height, width) further."""
    y, x = _grid(batch)
    return _sampled(batch, y + shift, x + shift, interpolation, fill_mode, fill_value)


def _check(where: str, interpolation: str, fill_mode: str) -> None:
    if interpolation not in ORDERS:
        raise ValueError(f"{where}: interpolation must be one of {list(ORDERS)}, got {interpolation!r}.")
    if fill_mode not in FILL_MODES:
        raise ValueError(f"{where}: fill_mode must be one of {FILL_MODES}, got {fill_mode!r}.")


def _grid(batch: Array) -> tuple[Array, Array]:
    """The coordinates of the rows (height, 1) and of the columns (1, width)."""
    rows, columns = (jnp.arange(size, dtype="float32") for size in batch.shape[1:3])
    return rows[:, None], columns[None, :]


def _sampled(batch: Array, rows: Array, columns: Array, interpolation: str, fill_mode: str, fill_value: float) -> Array:
    """Images (batch, height, width, channels) at the coordinates (batch, height, width)."""

    def sample(channel: Array, y: Array, x: Array) -> Array:
        return jax.scipy.ndimage.map_coordinates(channel, [y, x], ORDERS[interpolation], fill_mode, fill_value)

    return jax.vmap(jax.vmap(sample, (-1, None, None), -1))(batch, rows, columns)


def homography(start: Array, end: Array) -> Array:
    """The coefficients (..., 8) that map each of four end points to its start point."""
    (x, y), (u, v) = jnp.moveaxis(end, -1, 0), jnp.moveaxis(start, -1, 0)
    zeros, ones = jnp.zeros_like(x), jnp.ones_like(x)
    equations = [
        jnp.stack([x, y, ones, zeros, zeros, zeros, -u * x, -u * y], -1),
        jnp.stack([zeros, zeros, zeros, x, y, ones, -v * x, -v * y], -1),
    ]
    return jnp.linalg.solve(jnp.concatenate(equations, -2), jnp.concatenate([u, v], -1)[..., None])[..., 0]
