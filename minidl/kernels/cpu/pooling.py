"""Pooling on the CPU: of shifted slices, one for each element of the window, with vector instructions.

In the gradient of a maximum, XLA searches each window again. Here the position of the maximum is found and kept in the
pass forward. The gradient goes to that position: where windows overlap, it is a sum of shifted slices of the gradient
of the outputs, each where the position is the slice's own.

The gradient of a mean, where windows do not overlap, is that of the outputs, repeated; XLA's is another sum over
windows. Other means are XLA's own.

Blocks are pooled in an array of their own: where they are flattened next, XLA would compute them, and the activation
before them, for each element of the flat array, without vector instructions (LeNet's `predict`: 1.3 times as fast).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from minidl.core.typing import Array
from minidl.kernels import reference
from minidl.kernels.compiler import keep_barrier
from minidl.kernels.cpu.geometry import Geometry
from minidl.kernels.cpu.products import Product, linear
from minidl.kernels.cpu.slices import padded, window_slices
from minidl.kernels.reference import lowest
from minidl.kernels.windows import Pads

_MANY = 64  # elements of a window; above, its slices take long to compile


def max_pool(
    x: Array, window: Sequence[int], strides: Sequence[int], padding: Pads, channels_last: bool = True
) -> Array:
    if not channels_last:
        return jnp.moveaxis(max_pool(jnp.moveaxis(x, 1, -1), window, strides, padding), -1, 1)
    geometry = Geometry.of(x, window, strides, padding)
    return _block_max(x, geometry) if geometry.is_of_blocks else _max(x, geometry)


def _largest(places: Sequence[Any]) -> tuple[Any, Any]:
    """The elementwise maximum of arrays, and which of them is the first one that has it."""
    kind = jnp.int8 if len(places) < 128 else jnp.int32
    largest, first = places[0], jnp.zeros(places[0].shape, kind)
    for number, place in enumerate(places[1:], 1):
        first = jnp.where(place > largest, jnp.asarray(number, kind), first)
        largest = jnp.maximum(place, largest)
    return keep_barrier((largest, first))  # both, once: otherwise recomputed for each element


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _max(x: Array, geometry: Geometry) -> Any:
    return functools.reduce(jnp.maximum, _places(x, geometry, lowest(x.dtype)))


@_max.defjvp
def _max_derivative(geometry: Geometry, primals: Any, tangents: Any) -> Any:
    (x,), (d_x,) = primals, tangents
    largest, first = _largest(_places(x, geometry, lowest(x.dtype)))
    return largest, _selection()(d_x, first, geometry)


def _places(x: Array, geometry: Geometry, empty: float = 0) -> list[Any]:
    """For each element of the window, in row-major order, its slice of the array, padded with `empty`."""
    x = padded(x, geometry.padding, empty)
    return list(window_slices(x, geometry.window, geometry.strides, geometry.dilation, geometry.positions))


def _selected(x: Array, first: Array, geometry: Geometry) -> Any:
    """The element of each window that `first` names: (batch, *sizes, channels) -> (batch, *positions, channels)."""
    return sum(jnp.where(first == number, place, 0) for number, place in enumerate(_places(x, geometry)))


def _returned(g: Array, first: Array, geometry: Geometry) -> Any:
    """The transposed operation: a number of each window, added to the element that `first` names."""
    pads = geometry.back(g.shape[1:-1]).padding
    spread = [(0, 0, 0), *((*pad, stride - 1) for pad, stride in zip(pads, geometry.strides)), (0, 0, 0)]
    nowhere = jnp.asarray(-1, first.dtype)
    both = keep_barrier((lax.pad(g, jnp.zeros((), g.dtype), spread), lax.pad(first, nowhere, spread)))
    ones = [1] * len(pads)
    slices = zip(*(window_slices(array, geometry.window, ones, geometry.dilation, geometry.sizes) for array in both))
    last = math.prod(geometry.window) - 1
    return sum(jnp.where(first == last - number, g, 0) for number, (g, first) in enumerate(slices))


@functools.cache
def _selection() -> Product:
    return linear("max_pool_selection", _selected, _returned)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _block_max(x: Array, geometry: Geometry) -> Any:
    """The maximum of each window, for windows that do not overlap; remainders at the ends of axes are dropped.

    The derivative uses the first position of the maximum, which is computed with it.
    """
    return keep_barrier(functools.reduce(jnp.maximum, _places(x, geometry)))


@_block_max.defjvp
def _block_max_derivative(geometry: Geometry, primals: Any, tangents: Any) -> Any:
    (x,), (d_x,) = primals, tangents
    places = _places(x, geometry)
    largest, first = _largest(places)
    width = [n for size in geometry.window for n in (1, size)]  # interleaves the axes of blocks and of elements
    numbers = np.arange(len(places), dtype=first.dtype).reshape(*width, 1)
    split, axes = _split(d_x, geometry.window)
    here = jnp.expand_dims(first, axes) == numbers
    return largest, jnp.sum(jnp.where(here, split, jnp.zeros((), d_x.dtype)), axes)


def _split(x: Array, window: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """An array with an axis for the elements of blocks after each axis of blocks, without rests; and the new axes."""
    sides = [n for size, n in zip(x.shape[1:-1], window) for n in (size // n, n)]
    whole = tuple(slice(size // n * n) for size, n in zip(x.shape[1:-1], window))
    if x[:, *whole].shape != x.shape:
        x = keep_barrier(x[:, *whole])  # otherwise fused with the padding of the whole gradient
    return x.reshape(x.shape[0], *sides, x.shape[-1]), tuple(range(2, 2 * len(window) + 1, 2))


def average_pool(
    x: Array, window: Sequence[int], strides: Sequence[int], padding: Pads, channels_last: bool = True
) -> Array:
    if not channels_last:
        return jnp.moveaxis(average_pool(jnp.moveaxis(x, 1, -1), window, strides, padding), -1, 1)
    geometry = Geometry.of(x, window, strides, padding)
    return _block_mean(x, geometry) if geometry.is_of_blocks else reference.average_pool(x, window, strides, padding)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _block_mean(x: Array, geometry: Geometry) -> Any:
    """The mean of each window, for windows that do not overlap."""
    window = geometry.window
    if math.prod(window) > _MANY:
        return reference.average_pool(x, window, window, [(0, 0)] * len(window))
    places = _places(x, geometry)
    return keep_barrier(functools.reduce(jnp.add, places) / len(places))


@_block_mean.defjvp
def _block_mean_derivative(geometry: Geometry, primals: Any, tangents: Any) -> Any:
    (x,), (d_x,) = primals, tangents
    split, axes = _split(d_x, geometry.window)
    return _block_mean(x, geometry), jnp.mean(split, axes)
