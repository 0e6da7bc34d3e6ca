"""XLA's convolution on the CPU, in forms that are as fast inside a loop as outside.

XLA multiplies by Eigen's library only where the axes of a convolution are in the usual order: (batch, ..., channels)
for images, (..., channels, filters) for kernels. JAX's gradients are in other orders, which XLA reorders outside of
loops; inside a loop, where training runs, it computes them by a plain loop over all numbers, up to eighty times
slower. Here the outputs and the gradient of the input are in the usual order, and the gradient of the kernel is a
product of matrices.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array
from minidl.kernels.cpu import columns
from minidl.kernels.cpu.geometry import Geometry
from minidl.kernels.cpu.kernel_gradient import kernel_gradient
from minidl.kernels.cpu.products import Product, products, same_dtype

_EVEN = 8
_FEW_FILTERS = 32  # fewer, and not a multiple of _EVEN: two positions at a time are 1.2 to 2 times as fast
_FEW_CHANNELS = 8  # fewer, with strides: columns between windows as channels are 1.1 to 1.7 times as fast


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
    back = geometry.back(g.shape[1:-1])
    flipped = jnp.flip(kernel, range(len(back.window))).swapaxes(-1, -2)
    if set(geometry.strides) == {1}:
        return _outputs(g, flipped, back)
    return _in_usual_order(g, flipped, back, geometry.strides)


def _in_usual_order(x: Array, kernel: Array, geometry: Geometry, spread: Sequence[int] | None = None) -> Any:
    axes = "DHW"[-len(geometry.window) :]
    order = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
    _, _, strides, padding, dilation = geometry
    return lax.conv_general_dilated(x, kernel, strides, padding, spread, dilation, order)


@functools.cache
def _products() -> tuple[Product, Product, Product]:
    return products("direct_conv", _outputs, _of_input, kernel_gradient)
