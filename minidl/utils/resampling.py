"""Resizing on the host: images of a folder each have a size of their own, for which XLA would compile a program each.

Each axis is resized by itself: a row of the result is a weighted sum of a few rows, its taps. As in `tf.image.resize`,
which Keras reads folders with, the kernel is not widened for smaller results (no antialiasing); only "area" averages.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np


def _lanczos(radius: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.sinc(x) * np.sinc(x / radius)


def _cubic(b: float, c: float) -> Callable[[np.ndarray], np.ndarray]:
    """The family of D. P. Mitchell and A. N. Netravali, "Reconstruction Filters in Computer Graphics", 1988."""

    def kernel(x: np.ndarray) -> np.ndarray:
        x = np.abs(x)
        inner = (12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + 6 - 2 * b
        outer = (-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x + 8 * b + 24 * c
        return np.where(x < 1, inner, outer) / 6

    return kernel


_KERNELS: dict[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {  # name -> radius, weight of a distance
    "bilinear": (1, lambda x: 1 - np.abs(x)),
    "bicubic": (2, _cubic(0, 0.5)),
    "mitchellcubic": (2, _cubic(1 / 3, 1 / 3)),
    "gaussian": (1.5, lambda x: np.exp(-2 * x**2)),
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
}
METHODS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")


def resize(pixels: np.ndarray, size: tuple[int, int], method: str) -> np.ndarray:
    """Resize an image.

    Args:
        pixels: (height, width, channels).
        size: height and width of the result.
        method: one of `METHODS`.

    Returns:
        An array of float32; of the dtype of `pixels` for "nearest".

    >>> resize(np.array([[[0.0], [4.0]]]), (1, 4), "bilinear")[0, :, 0]
    array([0., 1., 3., 4.], dtype=float32)
    """
    if method == "nearest":
        rows, columns = (_centres(old, new).astype(int) for old, new in zip(pixels.shape, size))
        return pixels[rows[:, None], columns]
    for axis in (0, 1):
        if pixels.shape[axis] != size[axis] or method in ("gaussian", "mitchellcubic"):  # these blur
            pixels = _resize_axis(pixels, axis, *_taps(pixels.shape[axis], size[axis], method))
    return pixels.astype("float32", copy=False)


def _resize_axis(pixels: np.ndarray, axis: int, indices: np.ndarray, weights: np.ndarray) -> np.ndarray:
    shape = (-1, 1, 1) if axis == 0 else (-1, 1)
    result = pixels.take(indices[0], axis) * weights[0].reshape(shape)
    for index, weight in zip(indices[1:], weights[1:]):
        part = pixels.take(index, axis)
        result += part * weight.reshape(shape)
    return result


def _centres(old: int, new: int) -> np.ndarray:
    """The places in the old axis of the centres of the new pixels, in old pixels from the edge."""
    return (np.arange(new) + 0.5) * (old / new)


@functools.lru_cache(maxsize=256)
def _taps(old: int, new: int, method: str) -> tuple[np.ndarray, np.ndarray]:
    """For each tap the pixels of the old axis and their weights, both of shape (taps, new)."""
    centres = _centres(old, new) - 0.5
    if method == "area":
        scale = old / new
        starts = np.arange(new) * scale
        indices = np.floor(starts).astype(int) + np.arange(int(np.ceil(scale)) + 1)[:, None]
        weights = np.clip(np.minimum(indices + 1, starts + scale) - np.maximum(indices, starts), 0, None)
    else:
        radius, kernel = _KERNELS[method]
        indices = np.ceil(centres - radius).astype(int) + np.arange(int(2 * radius) + 1)[:, None]
        distances = indices - centres
        weights = np.where(np.abs(distances) < radius, kernel(distances), 0)
    weights = np.where((indices >= 0) & (indices < old), weights, 0)
    used = weights.any(axis=1)
    weights = (weights / weights.sum(axis=0))[used].astype("float32")
    return np.clip(indices[used], 0, old - 1), weights
