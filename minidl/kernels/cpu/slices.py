"""Shifted slices of an array, one for each element of a window."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array
from minidl.kernels.windows import Pads


def window_slices(
    x: Array, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int], sizes: Sequence[int]
) -> Iterator[Any]:
    """For each element of the window, in row-major order, its slice: (batch, *sizes, channels)."""
    for places in itertools.product(*map(range, window)):
        begin = [place * distance for place, distance in zip(places, dilation)]
        end = [first + (size - 1) * stride + 1 for first, size, stride in zip(begin, sizes, strides)]
        yield lax.slice(x, (0, *begin, 0), (x.shape[0], *end, x.shape[-1]), (1, *strides, 1))


def padded(x: Array, padding: Pads, value: float) -> Array:
    """The array padded with a value, (batch, *sizes, channels)."""
    if not any(map(any, padding)):
        return x
    return lax.pad(x, jnp.asarray(value, x.dtype), [(0, 0, 0), *((a, b, 0) for a, b in padding), (0, 0, 0)])
