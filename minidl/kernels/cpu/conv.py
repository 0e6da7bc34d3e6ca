"""Convolution on the CPU: one product of matrices.

XLA's convolution is several times slower inside a loop, where training runs, than outside it. So the patches of the
input are concatenated and multiplied by the kernel ("im2col"; Chellapilla et al., 2006). Barriers between the parts
keep XLA from fusing them, which would recompute one part many times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array
from minidl.kernels import reference
from minidl.kernels.compiler import keep_barrier
from minidl.kernels.cpu.matmul import NARROW, matmul
from minidl.kernels.cpu.slices import padded, window_slices
from minidl.kernels.windows import Pads, out_sizes, spatial

_MANY = 2**27  # numbers in the patches; above, the memory is not worth the time


def conv(
    x: Array,
    kernel: Array,
    strides: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
    channels_last: bool = True,
    groups: int = 1,
    bias: Array | None = None,
) -> Array:
    window = kernel.shape[:-2]
    sizes = out_sizes(spatial(x, channels_last), window, strides, padding, dilation)
    if x.shape[0] * math.prod((*sizes, *window)) * kernel.shape[-2] * groups > _MANY:
        return reference.conv(x, kernel, strides, padding, dilation, channels_last, groups, bias)
    if not channels_last:
        last = conv(jnp.moveaxis(x, 1, -1), kernel, strides, padding, dilation, True, groups, bias)
        return jnp.moveaxis(last, -1, 1)
    patches = _patches(padded(keep_barrier(x), padding, 0), window, strides, dilation, sizes)
    filters = kernel.shape[-1]
    if groups == 1 and bias is not None and patches.shape[-1] < NARROW:
        # The bias as one more column, for a feature of 1: its gradient needs no second pass over that of the output.
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
    x: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilation: Sequence[int], channels_last: bool = True
) -> Array:
    spread, flipped = reference.spread(x, kernel, strides, channels_last)
    return conv(spread, flipped, [1] * len(strides), padding, dilation, channels_last)


def depthwise_conv(
    x: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilation: Sequence[int], channels_last: bool = True
) -> Array:
    """A sum of shifted slices, each times its row of the kernel."""
    if not channels_last:
        return jnp.moveaxis(depthwise_conv(jnp.moveaxis(x, 1, -1), kernel, strides, padding, dilation), -1, 1)
    window, (channels, multiplier) = kernel.shape[:-2], kernel.shape[-2:]
    sizes = out_sizes(x.shape[1:-1], window, strides, padding, dilation)
    weights = kernel.reshape(-1, channels, multiplier)
    slices = window_slices(padded(x, padding, 0), window, strides, dilation, sizes)
    total = sum(part[..., None] * weights[i] for i, part in enumerate(slices))
    return total.reshape(*total.shape[:-2], channels * multiplier)


def _patches(
    x: Array, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int], sizes: Sequence[int]
) -> Any:
    """The patches of the input, concatenated along the channels: (batch, *sizes, elements * channels).

    One axis after the other, so that longer rows are copied. Each is computed once, not for each slice of
    it; and so is the sum of the slices' gradients, not for each use.
    """
    for axis in reversed(range(len(window))):
        x = keep_barrier(x)
        length = (sizes[axis] - 1) * strides[axis] + 1
        begins = [place * dilation[axis] for place in range(window[axis])]
        parts = [lax.slice_in_dim(x, begin, begin + length, strides[axis], axis + 1) for begin in begins]
        *others, channels = parts[0].shape
        x = jnp.stack(parts, axis=-2).reshape(*others, len(parts) * channels) if len(parts) > 1 else parts[0]
    return x
