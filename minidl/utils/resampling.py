"""Resizing on the host: images of a folder each have a size of their own, for which XLA would compile a program each.

Each axis is resized by itself: a row of the result is a weighted sum of a few rows, its taps. As in `tf.image.resize`,
which Keras reads folders with, the kernel is not widened for smaller results (no antialiasing); only "area" averages.

OpenCV resizes a photograph by "bilinear" in a third of the time, to numbers that differ by less than 0.001 of 255, and
is used where it is installed. No extra asks for it: it comes in several packages, of which only one may be installed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from minidl.core.memory import scratch
from minidl.core.optional import found


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


def resize(pixels: np.ndarray, size: tuple[int, int], method: str, out: np.ndarray | None = None) -> np.ndarray:
    """Resize an image.

    Args:
        pixels: (height, width, channels).
        size: height and width of the result.
        method: one of `METHODS`.
        out: where the result is written, contiguous; by default in new memory.

    Returns:
        An array of float32; of the dtype of `pixels` for "nearest".

    >>> resize(np.array([[[0.0], [4.0]]]), (1, 4), "bilinear")[0, :, 0]
    array([0., 1., 3., 4.], dtype=float32)
    """
    if method == "nearest":
        rows, columns = (_centres(old, new).astype(int) for old, new in zip(pixels.shape, size))
        if out is None:
            return pixels[rows[:, None], columns]
        out[...] = pixels[rows[:, None], columns]
        return out
    height, width, channels = pixels.shape
    result = np.empty((*size, channels), "float32") if out is None else out
    if method == "bilinear" and height <= 4 * size[0] and (opencv := found("cv2")) is not None:
        values = scratch("values", pixels.shape, "float32")  # of all rows, where the code below takes those it needs
        values[...] = pixels
        opencv.resize(values, size[::-1], dst=result, interpolation=opencv.INTER_LINEAR)
        return result
    blurs = method in ("gaussian", "mitchellcubic")  # these change pixels also where the size stays
    if width == size[1] and not blurs:
        _resize_rows(pixels, *_taps(height, size[0], method), result)
        return result
    if height != size[0] or blurs:
        rows = scratch("rows", (size[0], width, channels), "float32")
        _resize_rows(pixels, *_taps(height, size[0], method), rows)
        pixels = rows
    _resize_columns(pixels, method, result)
    return result


def _resize_rows(pixels: np.ndarray, indices: np.ndarray, weights: np.ndarray, result: np.ndarray) -> None:
    flat, target = pixels.reshape(len(pixels), -1), result.reshape(len(result), -1)
    part = scratch("part of rows", target.shape, "float32")
    for tap, (index, weight) in enumerate(zip(indices, weights)):
        np.multiply(flat.take(index, 0), weight[:, None], out=part if tap else target)
        if tap:
            target += part


def _resize_columns(pixels: np.ndarray, method: str, result: np.ndarray) -> None:
    flat, target = pixels.reshape(len(pixels), -1), result.reshape(len(result), -1)
    part = scratch("part of columns", target.shape, "float32")
    taken = scratch("taken of columns", target.shape, "float32") if flat.dtype == target.dtype else None
    taps = _column_taps(pixels.shape[1], result.shape[1], method, result.shape[2])
    for tap, (index, weight) in enumerate(zip(*taps)):
        found = flat.take(index, 1, out=taken, mode="clip")  # other modes copy `out`
        np.multiply(found, weight, out=part if tap else target)
        if tap:
            target += part


def _centres(old: int, new: int) -> np.ndarray:
    """The places in the old axis of the centres of the new pixels, in old pixels from the edge."""
    return (np.arange(new) + 0.5) * (old / new)


@functools.lru_cache(maxsize=256)
def _column_taps(old: int, new: int, method: str, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """The same for rows of pixels that are taken number by number, which is faster than pixel by pixel."""
    indices, weights = _taps(old, new, method)
    numbers = indices[:, :, None] * channels + np.arange(channels)
    return numbers.reshape(len(indices), -1), weights.repeat(channels, axis=1)


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
