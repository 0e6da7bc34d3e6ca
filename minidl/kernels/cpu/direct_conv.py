"""XLA's convolution on the CPU, in forms that are as fast inside a loop as outside.

XLA multiplies by Eigen's library only where the axes of a convolution are in the usual order: (batch, ..., channels)
for images, (..., channels, filters) for kernels. JAX's gradients are in other orders, which XLA reorders outside of
loops; inside a loop, where training runs, it computes them by a plain loop over all numbers, up to eighty times
slower. Here the outputs and the gradient of the input are in the usual order. The gradient of the kernel, a convolution
with a window as large as an image, is a product of matrices instead.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array
from minidl.kernels.compiler import keep_barrier
from minidl.kernels.cpu import columns
from minidl.kernels.cpu.geometry import Geometry
from minidl.kernels.cpu.products import Product, products, same_dtype
from minidl.kernels.cpu.slices import padded, patches_along, patches_of
from minidl.kernels.windows import reach

_FEW_FILTERS, _EVEN = (
    32,
    8,
)  # fewer, and not a multiple of the second: two positions at a time are 1.2 to 2 times as fast
_FEW_CHANNELS = 8  # fewer, with strides: columns between windows as channels are 1.1 to 1.7 times as fast
_MANY = 2**25  # numbers in the copies that the gradient of a kernel is computed from, at a time


def conv(x: Array, kernel: Array, geometry: Geometry) -> Array:
    """(batch, *sizes, channels), (*window, channels, filters) -> (batch, *positions, filters)."""
    if x.ndim == 3:  # XLA has faster code for images of one row
        return conv(x[:, None], kernel[None], geometry.of_one_row())[:, 0]
    return _products()[0](*same_dtype(x, kernel), geometry)


def conv_transpose(x: Array, kernel: Array, geometry: Geometry) -> Array:
    """The gradient of a convolution with respect to its input.

    Args:
        x: (batch, *positions, channels).
        kernel: (*window, filters, channels).
        geometry: of that convolution: `Geometry.transposed`.
    """
    if x.ndim == 3:
        return conv_transpose(x[:, None], kernel[None], geometry.of_one_row())[:, 0]
    return _products()[1](*same_dtype(x, kernel), geometry)


def _outputs(x: Array, kernel: Array, geometry: Geometry) -> Any:
    channels, filters = kernel.shape[-2:]
    if 1 < filters < _FEW_FILTERS and filters % _EVEN and columns.may_join(geometry, 2):
        outputs = _in_usual_order(*columns.joined(x, kernel, geometry, 2))
        return outputs.reshape(len(x), *geometry.positions, filters)
    if channels < _FEW_CHANNELS and geometry.strides[-1] > 1 and geometry.dilation[-1] == 1:
        return _in_usual_order(*columns.joined(x, kernel, geometry, 1))
    return _in_usual_order(x, kernel, geometry)


def _of_input(g: Array, kernel: Array, geometry: Geometry) -> Any:
    """The gradient of the input, of that of the outputs."""
    window = geometry.window
    flipped = jnp.flip(kernel, range(len(window))).swapaxes(-1, -2)
    pads = tuple(geometry.padding_back(g.shape[1:-1]))
    back = Geometry(g.shape[1:-1], window, (1,) * len(window), pads, geometry.dilation)
    if set(geometry.strides) == {1}:
        return _outputs(g, flipped, back)
    return _in_usual_order(g, flipped, back, geometry.strides)


def _of_kernel(x: Array, g: Array, geometry: Geometry) -> Any:
    """The gradient of the kernel, of that of the outputs: a product, summed over groups of images if it is large."""
    (high, wide), images = geometry.window, x.shape[0]
    of_image = (wide * x.size + high * g.size) // max(1, images)
    groups = next((n for n in range(1, images + 1) if images % n == 0 and images // n * of_image <= _MANY), images)
    if groups < 2:
        return _of_some_images(x, g, geometry)
    parts = tuple(array.reshape(groups, images // groups, *array.shape[1:]) for array in (x, g))
    total = jnp.zeros((high, wide, x.shape[-1], g.shape[-1]), jnp.promote_types(x.dtype, "float32"))
    total, _ = lax.scan(lambda total, part: (total + _of_some_images(part[0], part[1], geometry), None), total, parts)
    return total.astype(x.dtype)


def _of_some_images(x: Array, g: Array, geometry: Geometry) -> Any:
    """One product, of copies of `x` for the second axis of the window, and copies of `g` for the first.

    So a window of 3 x 3 needs six copies and not nine. With a stride, which would put zeros into the copies of `g`, it
    is a product for each row of the window. With outputs of few rows, the copies of `g` would be mostly zeros, and all
    nine copies are of `x`.
    """
    (high, wide), (stride, across), (distance, apart) = geometry.window, geometry.strides, geometry.dilation
    channels, filters, rows = x.shape[-1], g.shape[-1], g.shape[1]
    if rows <= 2 * (high - 1) * distance:
        return _contract(patches_of(x, geometry), g).reshape(high, wide, channels, filters)
    x = padded(keep_barrier(x), geometry.padding, 0)
    x = keep_barrier(patches_along(2, x, wide, across, apart, g.shape[2]))
    g = keep_barrier(g)
    begins = [place * distance for place in range(high)]
    if stride > 1 or high == 1:
        parts = [lax.slice_in_dim(x, begin, begin + reach(rows, stride), stride, 1) for begin in begins]
        return jnp.stack([_contract(part, g).reshape(wide, channels, filters) for part in parts])
    below = x.shape[1] - rows
    copies = keep_barrier(jnp.concatenate([padded(g, [(n, below - n), (0, 0)], 0) for n in begins], axis=-1))
    return _contract(x, copies).reshape(wide, channels, high, filters).transpose(2, 0, 1, 3)


def _contract(a: Array, b: Array) -> Array:
    """(*positions, m), (*positions, n) -> (m, n)."""
    return lax.dot_general(a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1]), (((0,), (0,)), ((), ())))


def _in_usual_order(x: Array, kernel: Array, geometry: Geometry, spread: Sequence[int] | None = None) -> Any:
    axes = "DHW"[-len(geometry.window) :]
    order = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
    _, _, strides, padding, dilation = geometry
    return lax.conv_general_dilated(x, kernel, strides, padding, spread, dilation, order)


@functools.cache
def _products() -> tuple[Product, Product, Product]:
    return products("direct_conv", _outputs, _of_input, _of_kernel)
