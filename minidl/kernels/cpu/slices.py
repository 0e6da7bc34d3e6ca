"""Shifted slices of an array, one for each element of a window, and all of them as patches."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array
from minidl.kernels.compiler import keep_barrier
from minidl.kernels.cpu.geometry import Geometry
from minidl.kernels.windows import reach


def window_slices(
    x: Array, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int], sizes: Sequence[int]
) -> Iterator[Any]:
    """For each element of the window, in row-major order, its slice: (batch, *sizes, channels)."""
    for places in itertools.product(*map(range, window)):
        begin = [place * distance for place, distance in zip(places, dilation)]
        end = [first + (size - 1) * stride + 1 for first, size, stride in zip(begin, sizes, strides)]
        yield lax.slice(x, (0, *begin, 0), (x.shape[0], *end, x.shape[-1]), (1, *strides, 1))


def padded(x: Array, padding: Sequence[tuple[int, int]], value: float) -> Array:
    """The array padded with a value, (batch, *sizes, channels)."""
    if not any(map(any, padding)):
        return x
    return lax.pad(x, jnp.asarray(value, x.dtype), [(0, 0, 0), *((a, b, 0) for a, b in padding), (0, 0, 0)])


def patches_of(x: Array, geometry: Geometry) -> Any:
    """The patches of the input, padded with zeros, with their elements in the channels.

    Output shape: (batch, *positions, elements * channels).

    Patches that overlap are made one axis after the other, so that longer rows are copied. Each is computed once, not
    for each slice of it; and so is the sum of the slices' gradients, not for each use.
    """
    if not geometry.overlaps:
        return _disjoint_patches(x, geometry)
    x = padded(x, geometry.padding, 0)
    along = list(zip(geometry.window, geometry.strides, geometry.dilation, geometry.positions))
    for axis in reversed(range(len(along))):
        x = patches_along(axis + 1, x, *along[axis])
    return x


def patches_along(axis: int, x: Array, width: int, stride: int, distance: int, size: int) -> Any:
    """The patches of a window along one axis, concatenated along the channels."""
    x = keep_barrier(x)
    begins = [place * distance for place in range(width)]
    parts = [lax.slice_in_dim(x, begin, begin + reach(size, stride), stride, axis) for begin in begins]
    *others, channels = parts[0].shape
    return jnp.stack(parts, axis=-2).reshape(*others, width * channels) if width > 1 else parts[0]


def _disjoint_patches(x: Array, geometry: Geometry) -> Any:
    """Each number is in one patch at most: they are blocks of the input, as long as the strides, cut to the window."""
    (batch, *lengths, channels), positions, strides = x.shape, geometry.positions, geometry.strides
    cut = [
        (before, count * stride - length - before, 0)
        for count, stride, length, (before, _) in zip(positions, strides, lengths, geometry.padding)
    ]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *cut, (0, 0, 0)])
    x = x.reshape(batch, *itertools.chain(*zip(positions, strides)), channels)
    for axis, (width, distance) in enumerate(zip(geometry.window, geometry.dilation)):
        x = lax.slice_in_dim(x, 0, reach(width, distance), distance, 2 * axis + 2)
    rank = len(lengths)
    x = x.transpose(0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1)
    return x.reshape(batch, *positions, math.prod(geometry.window) * channels)
