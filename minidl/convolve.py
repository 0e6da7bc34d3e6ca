"""Convolution and pooling of arrays, each in the form that is fast where it runs.

XLA has operations for both, and on a GPU or TPU they are the best there is. On the CPU its convolution is several
times slower inside a loop, where training runs, than outside it. So there a convolution is one product of matrices: the
patches that the kernel looks at, side by side, times the kernel (as in "im2col"; Chellapilla et al., 2006).
A pooling there is the maximum or sum of as many shifted slices as the window has places. Barriers between these parts
keep XLA from fusing them, where it would compute one part many times; the train step asks for them to be kept
(`compiler_options` in training/step.py).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from minidl.products import NARROW, matmul

Pads = list[tuple[int, int]]
_MANY = 2**27  # numbers in the patches of a convolution: above, they would take more memory than they save time


def conv(
    x: Any,
    kernel: Any,
    strides: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
    channels_last: bool = True,
    groups: int = 1,
    bias: Any = None,
) -> Any:
    """The convolution (cross-correlation) of images with a kernel.

    Args:
        x: (batch, *sizes, channels), or (batch, channels, *sizes).
        kernel: (*window, channels / groups, filters).
        strides: one for each axis of the window.
        padding: zeros before and behind each axis.
        dilation: the distance between the places of the window.
        channels_last: which of the two shapes x has.
        groups: into how many groups channels and filters are split.
        bias: (filters,), added to each place; or None.

    Returns:
        (batch, *new sizes, filters), or (batch, filters, *new sizes).

    >>> conv(jnp.ones((1, 4, 1)), jnp.ones((3, 1, 2)), [1], [(0, 0)], [1]).shape
    (1, 2, 2)
    """
    window = kernel.shape[:-2]
    sizes = out_sizes(spatial(x, channels_last), window, strides, padding, dilation)
    if jax.default_backend() != "cpu" or x.shape[0] * math.prod((*sizes, *window)) * kernel.shape[-2] * groups > _MANY:
        outputs = _xla_conv(x, kernel, strides, padding, dilation, channels_last, groups)
        shape = (-1,) if channels_last else (-1, *(1,) * len(window))
        return outputs if bias is None else outputs + bias.reshape(shape)
    if not channels_last:
        last = conv(jnp.moveaxis(x, 1, -1), kernel, strides, padding, dilation, True, groups, bias)
        return jnp.moveaxis(last, -1, 1)
    patches = _patches(_padded(lax.optimization_barrier(x), padding, 0), window, strides, dilation, sizes)
    filters = kernel.shape[-1]
    if groups == 1 and bias is not None and patches.shape[-1] < NARROW:
        # As one more place, where there is always 1: its gradient then takes no second pass over the output's.
        patches = jnp.concatenate([patches, jnp.ones((*patches.shape[:-1], 1), patches.dtype)], axis=-1)
        return matmul(patches, jnp.concatenate([kernel.reshape(-1, filters), bias[None]]))
    if groups == 1:
        outputs = matmul(patches, kernel.reshape(-1, filters))
    else:
        places, channels = math.prod(window), kernel.shape[-2]
        grouped = patches.reshape(-1, places, groups, channels)
        split = kernel.reshape(places, channels, groups, filters // groups)
        outputs = jnp.einsum("npgc,pcgf->ngf", grouped, split).reshape(*patches.shape[:-1], filters)
    return outputs if bias is None else outputs + bias


def conv_transpose(
    x: Any, kernel: Any, strides: Sequence[int], padding: Pads, dilation: Sequence[int], channels_last: bool = True
) -> Any:
    """The transpose of a convolution: what its gradient does to the output.

    Args:
        x: (batch, *sizes, channels), or (batch, channels, *sizes).
        kernel: (*window, filters, channels).
        strides: by how much each axis grows.
        padding: zeros before and behind each axis, after strides - 1 zeros were put between its entries.
        dilation: the distance between the places of the window.
        channels_last: which of the two shapes x has.
    """
    turned = jnp.flip(kernel, range(kernel.ndim - 2)).swapaxes(-1, -2)
    inner = [(0, 0, stride - 1) for stride in strides]
    amounts = [(0, 0, 0), *inner, (0, 0, 0)] if channels_last else [(0, 0, 0), (0, 0, 0), *inner]
    spread = lax.pad(x, jnp.zeros((), x.dtype), amounts)
    return conv(spread, turned, [1] * len(strides), padding, dilation, channels_last)


def depthwise_conv(
    x: Any, kernel: Any, strides: Sequence[int], padding: Pads, dilation: Sequence[int], channels_last: bool = True
) -> Any:
    """A convolution of each channel on its own.

    Args:
        x: (batch, *sizes, channels), or (batch, channels, *sizes).
        kernel: (*window, channels, multiplier).
        strides: one for each axis of the window.
        padding: zeros before and behind each axis.
        dilation: the distance between the places of the window.
        channels_last: which of the two shapes x has.

    Returns:
        (batch, *new sizes, channels * multiplier), or with that in front of the sizes.
    """
    window, (channels, multiplier) = kernel.shape[:-2], kernel.shape[-2:]
    if jax.default_backend() != "cpu":
        flat = kernel.reshape(*window, 1, channels * multiplier)
        return _xla_conv(x, flat, strides, padding, dilation, channels_last, channels)
    if not channels_last:
        return jnp.moveaxis(depthwise_conv(jnp.moveaxis(x, 1, -1), kernel, strides, padding, dilation), -1, 1)
    sizes = out_sizes(x.shape[1:-1], window, strides, padding, dilation)
    weights = kernel.reshape(-1, channels, multiplier)
    slices = _slices(_padded(x, padding, 0), window, strides, dilation, sizes)
    total = sum(part[..., None] * weights[i] for i, part in enumerate(slices))
    return total.reshape(*total.shape[:-2], channels * multiplier)


def max_pool(x: Any, window: Sequence[int], strides: Sequence[int], padding: Pads, channels_last: bool = True) -> Any:
    """The maximum of each window; its gradient goes to the first place that has it."""
    lowest = -jnp.inf if jnp.issubdtype(x.dtype, jnp.floating) else jnp.iinfo(x.dtype).min
    if jax.default_backend() != "cpu":
        return _reduce_window(x, lowest, lax.max, window, strides, padding, channels_last)

    if not channels_last:
        return jnp.moveaxis(max_pool(jnp.moveaxis(x, 1, -1), window, strides, padding), -1, 1)
    if tuple(window) == tuple(strides) and not any(map(any, padding)):
        out_sizes(x.shape[1:-1], window, strides, padding, [1] * len(window))
        return _block_max(x, tuple(window))
    return _pooled(x, lowest, _larger, window, strides, padding)


def average_pool(
    x: Any, window: Sequence[int], strides: Sequence[int], padding: Pads, channels_last: bool = True
) -> Any:
    """The mean of each window, padding not counted."""
    if jax.default_backend() != "cpu":
        total = _reduce_window(x, 0.0, lax.add, window, strides, padding, channels_last)
    else:
        last = x if channels_last else jnp.moveaxis(x, 1, -1)
        total = _pooled(last, 0.0, jnp.add, window, strides, padding)
        total = total if channels_last else jnp.moveaxis(total, -1, 1)
    counts: Any = np.ones((), "float32")
    for size, width, stride, (before, behind) in zip(spatial(x, channels_last), window, strides, padding):
        begin = np.arange(0, size + before + behind - width + 1, stride) - before
        axis = np.minimum(begin + width, size) - np.maximum(begin, 0)
        counts = counts[..., None] * axis.astype("float32")
    shape = (*counts.shape, 1) if channels_last else counts.shape
    return total / jnp.asarray(counts.reshape(shape), x.dtype)


def pads(
    padding: str, sizes: Sequence[int], window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Pads:
    """Zeros before and behind each axis for "valid", "same" or "causal" (all of them before).

    >>> pads("same", [5], [3], [2], [1]), pads("causal", [5], [3], [1], [2])
    ([(1, 1)], [(4, 0)])
    """
    amounts = []
    for size, width, stride, distance in zip(sizes, window, strides, dilation):
        reach = (width - 1) * distance + 1
        if padding == "valid":
            amounts.append((0, 0))
        elif padding == "causal":
            amounts.append((reach - 1, 0))
        else:
            total = max((-(-size // stride) - 1) * stride + reach - size, 0)
            amounts.append((total // 2, total - total // 2))
    return amounts


def transposed_pads(
    padding: str,
    window: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    output_padding: Sequence[int] | None,
) -> Pads:
    """The padding of `conv_transpose` for "valid" and "same"; what output_padding adds is behind."""
    amounts = []
    for axis, (width, stride, distance) in enumerate(zip(window, strides, dilation)):
        reach = (width - 1) * distance + 1
        added = None if output_padding is None else output_padding[axis]
        if padding == "valid":
            amounts.append((reach - 1, reach - 1 + (max(reach, stride) - reach if added is None else added)))
        else:
            total = stride + reach - 2 if added is None else reach + reach % 2 - 2 + added
            before = min(total // 2 + total % 2, reach - 1)
            amounts.append((before, total - before))
    return amounts


def spatial(x: Any, channels_last: bool) -> tuple[int, ...]:
    """The sizes of the axes that are neither batch nor channels."""
    return x.shape[1:-1] if channels_last else x.shape[2:]


def out_sizes(
    sizes: Sequence[int], window: Sequence[int], strides: Sequence[int], padding: Pads, dilation: Sequence[int]
) -> list[int]:
    """How many places a window has along each axis.

    Raises:
        ValueError: none along one of them.
    """
    found = [
        (size + sum(both) - (width - 1) * distance - 1) // stride + 1
        for size, width, stride, both, distance in zip(sizes, window, strides, padding, dilation)
    ]
    if min(found, default=1) < 1:
        raise ValueError(
            f"A window of size {tuple(window)} does not fit into an input with the sizes {tuple(sizes)}: the output "
            "would have none left. Take a smaller window, or padding='same'."
        )
    return found


def _patches(
    x: Any, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int], sizes: Sequence[int]
) -> Any:
    """What each place of the window meets, side by side: (batch, *sizes, places * channels).

    One axis after the other, so that longer and longer rows are copied. Each is computed once, not for each slice of
    it; and so is the sum of the slices' gradients, not for each use.
    """
    for axis in reversed(range(len(window))):
        x = lax.optimization_barrier(x)
        length = (sizes[axis] - 1) * strides[axis] + 1
        begins = [place * dilation[axis] for place in range(window[axis])]
        parts = [lax.slice_in_dim(x, begin, begin + length, strides[axis], axis + 1) for begin in begins]
        *others, channels = parts[0].shape
        x = jnp.stack(parts, axis=-2).reshape(*others, len(parts) * channels) if len(parts) > 1 else parts[0]
    return x


def _slices(
    x: Any, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int], sizes: Sequence[int]
) -> Iterator[Any]:
    """For each place of the window, row by row, what it meets: (batch, *sizes, channels)."""
    for places in itertools.product(*map(range, window)):
        begin = [place * distance for place, distance in zip(places, dilation)]
        end = [first + (size - 1) * stride + 1 for first, size, stride in zip(begin, sizes, strides)]
        yield lax.slice(x, (0, *begin, 0), (x.shape[0], *end, x.shape[-1]), (1, *strides, 1))


def _padded(x: Any, padding: Pads, value: Any) -> Any:
    if not any(map(any, padding)):
        return x
    return lax.pad(x, jnp.asarray(value, x.dtype), [(0, 0, 0), *((a, b, 0) for a, b in padding), (0, 0, 0)])


def _pooled(x: Any, empty: Any, join: Any, window: Sequence[int], strides: Sequence[int], padding: Pads) -> Any:
    """Each window's places, joined two by two; channels last."""
    ones = [1] * len(window)
    sizes = out_sizes(x.shape[1:-1], window, strides, padding, ones)
    return functools.reduce(join, _slices(_padded(x, padding, empty), window, strides, ones, sizes))


def _larger(a: Any, b: Any) -> Any:
    """The maximum, of which the whole gradient goes to the first argument where both are equal."""
    return jnp.where((b > a) | jnp.isnan(b), b, a) if jnp.issubdtype(a.dtype, jnp.floating) else jnp.where(b > a, b, a)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _block_max(x: Any, window: tuple[int, ...]) -> Any:
    """The maximum of each window, where windows stand side by side; what is left at the ends of axes does not count.

    Its derivative picks the first place that has the maximum, which is found and kept with it.
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
    largest, first = lax.optimization_barrier((largest, first))  # together, once: else each place compares all again
    width = [n for size in window for n in (1, size)]  # the axes of a block, between those of the blocks
    numbers = np.arange(len(places), dtype=kind).reshape(*width, 1)
    sides = [n for size, n in zip(x.shape[1:-1], window) for n in (size // n, n)]
    whole = tuple(slice(size // n * n) for size, n in zip(x.shape[1:-1], window))
    if d_x[:, *whole].shape != d_x.shape:
        d_x = lax.optimization_barrier(d_x[:, *whole])  # else each place of the whole gradient is computed with its pad
    axes = range(2, 2 * len(window) + 1, 2)
    here = jnp.expand_dims(first, axes) == numbers
    split = d_x.reshape(x.shape[0], *sides, x.shape[-1])
    return largest, jnp.sum(jnp.where(here, split, jnp.zeros((), d_x.dtype)), tuple(axes))


def _blocks(x: Any, window: Sequence[int]) -> list[Any]:
    """For each place of windows that stand side by side, row by row, what it meets."""
    sizes = [size // width for size, width in zip(x.shape[1:-1], window)]
    return list(_slices(x, window, window, [1] * len(window), sizes))


def _reduce_window(
    x: Any, empty: Any, join: Any, window: Sequence[int], strides: Sequence[int], padding: Pads, channels_last: bool
) -> Any:
    def full(values: Sequence[Any], other: Any) -> list[Any]:
        return [other, *values, other] if channels_last else [other, other, *values]

    out_sizes(spatial(x, channels_last), window, strides, padding, [1] * len(window))
    value = np.asarray(empty, x.dtype)
    return lax.reduce_window(x, value, join, full(window, 1), full(strides, 1), full(padding, (0, 0)))


def _xla_conv(
    x: Any,
    kernel: Any,
    strides: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
    channels_last: bool,
    groups: int,
) -> Any:
    axes = "DHW"[-(x.ndim - 2) :]
    image = f"N{axes}C" if channels_last else f"NC{axes}"
    return lax.conv_general_dilated(
        x,
        kernel,
        strides,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=(image, f"{axes}IO", image),
        feature_group_count=groups,
    )
