"""A convolution of several neighbouring positions at a time: a group of columns is one column with more channels.

A product of few channels with few filters leaves vector registers half empty. With four output columns as four times as
many filters, and four input columns as one with four times as many channels, it fills them. The reshapes cost nothing,
and there are fewer patches, since neighbouring windows share most of their columns. The price is zeros in the kernel: a
group needs all columns that one of its windows has.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array
from minidl.kernels.cpu.geometry import Geometry
from minidl.kernels.cpu.slices import padded


def may_join(geometry: Geometry, count: int) -> bool:
    """Whether so many neighbouring positions of the last axis can be computed at a time, at the price of few zeros."""
    *_, stride = geometry.strides
    return (
        stride == 1 and geometry.dilation[-1] == 1 and geometry.window[-1] > 2 and geometry.positions[-1] % count == 0
    )


def joined(x: Array, kernel: Array, geometry: Geometry, count: int) -> tuple[Any, Any, Geometry]:
    """An input, kernel and window whose convolution has `count` positions of the last axis in its channels.

    The outputs, (batch, *sizes, positions / count, count * filters), are those of the given convolution but for a
    reshape.

    Args:
        x: (batch, *sizes, channels).
        kernel: (*window, channels, filters).
        geometry: without dilation along the last axis, where the number of positions is a multiple of `count`.
        count: how many positions to compute at a time.
    """
    *_, stride = geometry.strides
    *_, positions = geometry.positions
    columns = count * stride
    groups = -(-(geometry.window[-1] + (count - 1) * stride) // columns)  # that neighbouring windows need
    x = _grouped(x, geometry, positions // count + groups - 1, columns)
    kernel = _repeated(kernel, count, stride, groups)
    none = ((0, 0),) * len(geometry.window)
    strides = (*geometry.strides[:-1], 1)
    return x, kernel, Geometry(x.shape[1:-1], kernel.shape[:-2], strides, none, geometry.dilation)


def _grouped(x: Array, geometry: Geometry, groups: int, columns: int) -> Any:
    """The input, padded, with groups of columns as channels: (batch, *sizes, groups, columns * channels)."""
    *pads, (before, _) = geometry.padding
    *_, size, channels = x.shape
    x = padded(x, [*pads, (before, groups * columns - before - size)], 0)
    return x.reshape(*x.shape[:-2], groups, columns * channels)


def _repeated(kernel: Array, count: int, stride: int, groups: int) -> Any:
    """The kernel once for each position, each time `stride` columns later, among zeros.

    Output shape: (*window, groups, columns * channels, count * filters).
    """
    *window, width, channels, filters = kernel.shape
    columns, none = count * stride, (0, 0, 0)
    zero, others = jnp.zeros((), kernel.dtype), [none] * len(window)
    later = [
        lax.pad(kernel, zero, [*others, (begin, groups * columns - width - begin, 0), none, none])
        for begin in range(0, columns, stride)
    ]
    return jnp.concatenate(later, axis=-1).reshape(*window, groups, columns * channels, count * filters)
