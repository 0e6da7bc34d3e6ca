"""Depthwise convolution on the CPU: a sum of shifted slices, each times its row of the kernel.

The rows of the window are added one after another, with barriers between them: one loop over all of the window does
not use vector instructions, and takes up to thirty times as long. The gradient of the input is the same sum, of the
gradient of the outputs and the flipped kernel.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array
from minidl.kernels.compiler import keep_barrier
from minidl.kernels.cpu.geometry import Geometry
from minidl.kernels.cpu.products import Product, products, same_dtype
from minidl.kernels.cpu.slices import padded, window_slices
from minidl.kernels.windows import Pads, out_sizes, reach


def depthwise_conv(
    x: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilation: Sequence[int], channels_last: bool = True
) -> Any:
    if not channels_last:
        return jnp.moveaxis(depthwise_conv(jnp.moveaxis(x, 1, -1), kernel, strides, padding, dilation), -1, 1)
    geometry = Geometry.of(x, kernel.shape[:-2], strides, padding, dilation)
    x, kernel = same_dtype(x, kernel)
    if x.ndim == 3:
        return _product()(x[:, None], kernel[None], geometry.of_one_row())[:, 0]
    return _product()(x, kernel, geometry)


def _outputs(x: Array, kernel: Array, geometry: Geometry) -> Any:
    """(batch, *sizes, channels), (*window, channels, multiplier) -> (batch, *positions, channels * multiplier)."""
    return _sum_of_slices(padded(x, geometry.padding, 0), kernel, geometry.strides, geometry.dilation)


def _of_input(g: Array, kernel: Array, geometry: Geometry) -> Any:
    """The gradient of the input, of that of the outputs."""
    *window, channels, multiplier = kernel.shape
    spread = [(*pads, stride - 1) for pads, stride in zip(geometry.back(g.shape[1:-1]).padding, geometry.strides)]
    whole = lax.pad(g, jnp.zeros((), g.dtype), [(0, 0, 0), *spread, (0, 0, 0)])
    flipped = jnp.flip(kernel, range(len(window))).reshape(*window, channels * multiplier, 1)
    gradient = _sum_of_slices(whole, flipped, [1] * len(window), geometry.dilation)
    return gradient.reshape(*gradient.shape[:-1], channels, multiplier).sum(-1)


def _of_kernel(x: Array, g: Array, geometry: Geometry) -> Any:
    """The gradient of the kernel, of that of the outputs: a sum over one row of an image at a time.

    The products of a row with all places of the window stay in the cache. They are summed over its pixels at the end.
    """
    _, window, strides, padding, dilation = geometry
    images, height, *others, _ = g.shape
    x = keep_barrier(padded(x, padding, 0))
    channels, multiplier = x.shape[-1], g.shape[-1] // x.shape[-1]

    def add(i: Any, totals: list[Any]) -> list[Any]:
        begin = i // height, i % height * strides[0], *[0] * (x.ndim - 2)
        rows = lax.dynamic_slice(x, begin, (1, reach(window[0], dilation[0]), *x.shape[2:]))[0, :: dilation[0]]
        gradient = lax.dynamic_slice(g, (i // height, i % height, *begin[2:]), (1, 1, *g.shape[2:]))
        gradient = jnp.moveaxis(gradient.reshape(*others, channels, multiplier), -1, 0).astype(start.dtype)
        places = window_slices(rows, window[1:], strides[1:], dilation[1:], others)
        return [total + place[:, None] * gradient for total, place in zip(totals, places)]

    start = jnp.zeros((window[0], multiplier, *others, channels), _sum_dtype(x))
    totals = lax.fori_loop(0, images * height, add, [start] * math.prod(window[1:]))
    sums = [jnp.moveaxis(total, 1, -1).sum(range(1, x.ndim - 2)) for total in totals]
    return jnp.stack(sums, axis=1).reshape(*window, channels, multiplier).astype(x.dtype)


def _sum_of_slices(x: Array, kernel: Array, strides: Sequence[int], dilation: Sequence[int]) -> Any:
    *window, channels, multiplier = kernel.shape
    sizes = out_sizes(x.shape[1:-1], window, strides, [(0, 0)] * len(window), dilation)
    slices = window_slices(keep_barrier(x), window, strides, dilation, sizes)
    total = jnp.zeros((len(x), *sizes, channels, multiplier), _sum_dtype(x))
    for row in kernel.astype(total.dtype).reshape(math.prod(window[:-1]), window[-1], channels, multiplier):
        total = keep_barrier(total + sum(lax.expand_dims(part, [-1]) * weight for weight, part in zip(row, slices)))
    return total.reshape(*total.shape[:-2], channels * multiplier).astype(x.dtype)


def _sum_dtype(x: Array) -> Any:
    """The dtype of long sums: of half precision in float32."""
    return jnp.promote_types(x.dtype, "float32") if jnp.issubdtype(x.dtype, jnp.floating) else x.dtype


@functools.cache
def _product() -> Product:
    return products("depthwise_conv", _outputs, _of_input, _of_kernel)[0]
