"""Maximum pooling on the CPU: the elementwise maximum of shifted slices, one per element of the window.

In the gradient, XLA searches each window again for its maximum. Slices are compared with vector
instructions. Where windows do not overlap, the gradient goes to the position of the maximum, which is found
and kept in the pass forward. (Average pooling is three times faster as XLA's own operation.)
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core.typing import Array
from minidl.kernels.compiler import keep_barrier
from minidl.kernels.cpu.slices import padded, window_slices
from minidl.kernels.reference import lowest
from minidl.kernels.windows import Pads, out_sizes


def max_pool(
    x: Array, window: Sequence[int], strides: Sequence[int], padding: Pads, channels_last: bool = True
) -> Array:
    if not channels_last:
        return jnp.moveaxis(max_pool(jnp.moveaxis(x, 1, -1), window, strides, padding), -1, 1)
    if tuple(window) == tuple(strides) and not any(map(any, padding)):
        out_sizes(x.shape[1:-1], window, strides, padding, [1] * len(window))
        return _block_max(x, tuple(window))
    return _pooled(x, lowest(x.dtype), _larger, window, strides, padding)


def _pooled(x: Array, empty: Any, join: Any, window: Sequence[int], strides: Sequence[int], padding: Pads) -> Any:
    """A pairwise reduction over the elements of each window."""
    ones = [1] * len(window)
    sizes = out_sizes(x.shape[1:-1], window, strides, padding, ones)
    return functools.reduce(join, window_slices(padded(x, padding, empty), window, strides, ones, sizes))


def _larger(a: Array, b: Array) -> Any:
    """The maximum; where both are equal, the whole gradient goes to the first argument."""
    return jnp.where((b > a) | jnp.isnan(b), b, a) if jnp.issubdtype(a.dtype, jnp.floating) else jnp.where(b > a, b, a)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _block_max(x: Array, window: tuple[int, ...]) -> Any:
    """The maximum of each window, for windows that do not overlap; remainders at the ends of axes are dropped.

    The derivative uses the first position of the maximum, which is computed with it.
    """
    return functools.reduce(jnp.maximum, _blocks(x, window))


@_block_max.defjvp
def _block_max_derivative(window: tuple[int, ...], primals: Any, tangents: Any) -> Any:
    (x,), (d_x,) = primals, tangents
    places = _blocks(x, window)
    kind = jnp.int8 if len(places) < 128 else jnp.int32
    largest, first = places[0], jnp.zeros(places[0].shape, kind)
    for number, place in enumerate(places[1:], 1):
        first = jnp.where(place > largest, jnp.asarray(number, kind), first)
        largest = jnp.maximum(place, largest)
    largest, first = keep_barrier((largest, first))  # both, once: otherwise recomputed for each element
    width = [n for size in window for n in (1, size)]  # interleaves the axes of blocks and of elements
    numbers = np.arange(len(places), dtype=kind).reshape(*width, 1)
    sides = [n for size, n in zip(x.shape[1:-1], window) for n in (size // n, n)]
    whole = tuple(slice(size // n * n) for size, n in zip(x.shape[1:-1], window))
    if d_x[:, *whole].shape != d_x.shape:
        d_x = keep_barrier(d_x[:, *whole])  # otherwise fused with the padding of the whole gradient
    axes = range(2, 2 * len(window) + 1, 2)
    here = jnp.expand_dims(first, axes) == numbers
    split = d_x.reshape(x.shape[0], *sides, x.shape[-1])
    return largest, jnp.sum(jnp.where(here, split, jnp.zeros((), d_x.dtype)), tuple(axes))


def _blocks(x: Array, window: Sequence[int]) -> list[Any]:
    """For each element of windows that do not overlap, in row-major order, its slice."""
    sizes = [size // width for size, width in zip(x.shape[1:-1], window)]
    return list(window_slices(x, window, window, [1] * len(window), sizes))
