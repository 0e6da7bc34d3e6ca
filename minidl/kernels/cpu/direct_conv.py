"""XLA's convolution on the CPU, in forms that are as fast inside a loop as outside.

XLA multiplies by Eigen's library only where the axes of a convolution are in the usual order: (batch, ..., channels)
for images, (..., channels, filters) for kernels. JAX's gradients are in other orders, which XLA reorders outside of
loops; inside a loop, where training runs, it computes them by a plain loop over all numbers, up to eighty times
slower. Here each of the three products, and so every gradient, is in the usual order.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array
from minidl.kernels.compiler import keep_barrier
from minidl.kernels.cpu.products import Geometry, Product, products, same_dtype
from minidl.kernels.windows import Pads, reach


def conv(x: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilation: Sequence[int]) -> Array:
    if x.ndim == 3:
        return conv(*_as_images(x, kernel, strides, padding, dilation))[:, 0]
    return _products()[0](*same_dtype(x, kernel), Geometry.of(x.shape[1:-1], kernel, strides, padding, dilation))


def conv_transpose(x: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilation: Sequence[int]) -> Array:
    """The gradient of a convolution with respect to its input: `padding` is that of `x`, with zeros between its pixels.

    Args:
        x: (batch, *sizes, channels).
        kernel: (*window, filters, channels).
        strides: how many places of the outputs lie between two of the inputs, along each axis.
        padding: zeros before and after each axis.
        dilation: places between the elements of the window.
    """
    if x.ndim == 3:
        return conv_transpose(*_as_images(x, kernel, strides, padding, dilation))[:, 0]
    geometry = Geometry.transposed(x.shape[1:-1], kernel, strides, padding, dilation)
    return _products()[1](*same_dtype(x, kernel), geometry)


def _as_images(
    x: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilation: Sequence[int]
) -> tuple[Array, Array, Sequence[int], Pads, Sequence[int]]:
    """Sequences as images of one row, for which XLA has faster code."""
    return x[:, None], kernel[None], (1, *strides), [(0, 0), *padding], (1, *dilation)


def _outputs(x: Array, kernel: Array, geometry: Geometry) -> Any:
    """(batch, *sizes, channels), (*window, channels, filters) -> (batch, *positions, filters)."""
    return _in_usual_order(x, kernel, geometry.strides, geometry.padding, geometry.dilation)


def _of_input(g: Array, kernel: Array, geometry: Geometry) -> Any:
    """The gradient of the input, of that of the outputs."""
    window = geometry.window
    flipped = jnp.flip(kernel, range(len(window))).swapaxes(-1, -2)
    pads = geometry.padding_back(g.shape[1:-1])
    return _in_usual_order(g, flipped, (1,) * len(window), pads, geometry.dilation, geometry.strides)


def _of_kernel(x: Array, g: Array, geometry: Geometry) -> Any:
    """The gradient of the kernel, of that of the outputs: channels are convolved, and the images summed over."""
    sizes, window, strides, padding, dilation = geometry
    rank, pads = len(window), []
    for axis, size in enumerate(sizes):
        before = padding[axis][0]
        end = reach(window[axis], dilation[axis]) + reach(g.shape[1 + axis], strides[axis]) - 1
        pads.append((before, end - size - before))
    channels = keep_barrier(x.transpose(rank + 1, *range(1, rank + 1), 0))
    filters = keep_barrier(g.transpose(*range(1, rank + 1), 0, rank + 1))
    return _in_usual_order(channels, filters, dilation, pads, strides).transpose(*range(1, rank + 1), 0, rank + 1)


def _in_usual_order(
    x: Array,
    kernel: Array,
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    spread: Sequence[int] | None = None,
) -> Any:
    axes = "DHW"[-len(strides) :]
    order = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
    return lax.conv_general_dilated(x, kernel, strides, padding, spread, dilation, order)


@functools.cache
def _products() -> tuple[Product, Product, Product]:
    return products("direct_conv", _outputs, _of_input, _of_kernel)
