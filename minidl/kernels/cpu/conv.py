"""Convolution on the CPU: XLA's, or one product of matrices, whichever was measured to be faster.

XLA's convolution is as fast as a product of large matrices where it gets enough channels. With few channels the patches
of the input are concatenated and multiplied by the kernel ("im2col"; Chellapilla et al., 2006), and barriers between
the parts keep XLA from fusing them, which would recompute one part many times. Where windows do not overlap, patches
are blocks of the input, and cost next to nothing. `python -m benchmarks.convolutions` measures both over a grid of
shapes. A convolution of volumes is one of images: XLA has no fast code for three dimensions.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minidl.core.typing import Array
from minidl.kernels import reference
from minidl.kernels.cpu import direct_conv
from minidl.kernels.cpu.depthwise import depthwise_conv
from minidl.kernels.cpu.derivatives import where_differentiated
from minidl.kernels.cpu.matmul import NARROW, matmul
from minidl.kernels.cpu.products import Geometry
from minidl.kernels.cpu.slices import patches_of
from minidl.kernels.windows import Pads, out_sizes, overlap, spatial

_WIDE = 64  # elements of a window; above, patches take long to compile
_MANY = 2**27  # numbers in the patches; above, the memory is not worth the time
_FEW_GROUPS = 32  # more take long to compile
_FEW_CHANNELS = 8  # below, XLA's convolution does not fill the vector registers
_FEW_FILTERS = 32  # below, XLA's convolution of few channels takes up to five times as long as with more filters


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
    sizes = out_sizes(spatial(x, channels_last), kernel.shape[:-2], strides, padding, dilation)
    if not channels_last:
        last = conv(jnp.moveaxis(x, 1, -1), kernel, strides, padding, dilation, True, groups, bias)
        return jnp.moveaxis(last, -1, 1)
    if groups > 1:
        outputs = _grouped(x, kernel, strides, padding, dilation, groups)
        return outputs if bias is None else outputs + bias
    if not overlap(kernel.shape[:-2], strides, dilation):
        return product(x, kernel, strides, padding, dilation, bias)
    if is_product_faster(x.shape[0], sizes, kernel.shape):
        return _of_few_channels(x, kernel, strides, padding, dilation, bias)
    if x.ndim == 5:
        images, kernel = _as_images(x, kernel, strides[0], padding[0], dilation[0], sizes[0])
        outputs = conv(images, kernel, strides[1:], padding[1:], dilation[1:], bias=bias)
        return outputs.reshape(len(x), *sizes, outputs.shape[-1])
    return _direct(x, kernel, strides, padding, dilation, bias)


def _direct(
    x: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilation: Sequence[int], bias: Array | None
) -> Any:
    outputs = direct_conv.conv(x, kernel, strides, padding, dilation)
    return outputs if bias is None else outputs + bias


def _of_few_channels(
    x: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilation: Sequence[int], bias: Array | None
) -> Any:
    """A product where there are gradients, which need the patches; without them only where there are few filters."""
    window = strides, padding, dilation
    trained = lambda x, kernel, bias: product(x, kernel, *window, bias)  # noqa: E731
    if is_product_faster_without_gradients(kernel.shape):
        return trained(x, kernel, bias)
    return where_differentiated(trained, lambda x, kernel, bias: _direct(x, kernel, *window, bias))(x, kernel, bias)


def _as_images(x: Array, kernel: Array, stride: int, padding: tuple[int, int], distance: int, size: int) -> Any:
    """Volumes as images, whose channels are those of all depths of the window; `size` is the depth of the outputs."""
    depth, *window, channels, filters = kernel.shape
    edges = x.shape[2:4]
    pads = [padding, (0, 0), (0, 0)]
    images = patches_of(x, (depth, 1, 1), (stride, 1, 1), pads, (distance, 1, 1), (size, *edges))
    return (
        images.reshape(len(x) * size, *edges, depth * channels),
        jnp.moveaxis(kernel, 0, -3).reshape(*window, depth * channels, filters),
    )


def _grouped(
    x: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilation: Sequence[int], groups: int
) -> Any:
    """Groups of one channel are a depthwise convolution; others are computed one after another, if they are few."""
    *window, channels, filters = kernel.shape
    if channels == 1:
        return depthwise_conv(x, kernel.reshape(*window, groups, filters // groups), strides, padding, dilation)
    if groups <= _FEW_GROUPS:
        pairs = zip(jnp.split(x, groups, axis=-1), jnp.split(kernel, groups, axis=-1))
        return jnp.concatenate([conv(one, own, strides, padding, dilation) for one, own in pairs], axis=-1)
    sizes, places = out_sizes(x.shape[1:-1], window, strides, padding, dilation), math.prod(window)
    if math.prod(x.shape) * places > _MANY:
        return reference.conv(x, kernel, strides, padding, dilation, True, groups)
    patches = patches_of(x, window, strides, padding, dilation, sizes)
    grouped = patches.reshape(len(x), math.prod(sizes), places, groups, channels)
    split = kernel.reshape(places, channels, groups, filters // groups)
    return jnp.einsum("bnpgc,pcgf->bngf", grouped, split).reshape(len(x), *sizes, filters)


def is_product_faster(rows: int, sizes: Sequence[int], kernel: Sequence[int]) -> bool:
    """Whether windows that overlap are faster as a product, with gradients, by `python -m benchmarks.convolutions`.

    Args:
        rows: the number of images.
        sizes: the sizes of the outputs.
        kernel: the shape of the kernel, (*window, channels, filters).
    """
    *window, channels, _ = kernel
    places = math.prod(window)
    if rows * math.prod(sizes) * places * channels > _MANY or places > _WIDE:
        return False
    return channels < _FEW_CHANNELS and len(window) < 3


def is_product_faster_without_gradients(kernel: Sequence[int]) -> bool:
    """Whether the convolutions that are faster as a product with gradients are so in inference, too."""
    return kernel[-1] < _FEW_FILTERS


def product(
    x: Array,
    kernel: Array,
    strides: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
    bias: Array | None = None,
) -> Any:
    """The convolution as a product of patches; arguments as of `conv`, with channels last."""
    window = kernel.shape[:-2]
    sizes = out_sizes(x.shape[1:-1], window, strides, padding, dilation)
    patches = patches_of(x, window, strides, padding, dilation, sizes)
    filters = kernel.shape[-1]
    if bias is not None and patches.shape[-1] < NARROW:
        # The bias as one more column, for a feature of 1: its gradient needs no second pass over that of the output.
        patches = jnp.concatenate([patches, jnp.ones((*patches.shape[:-1], 1), patches.dtype)], axis=-1)
        return matmul(patches, jnp.concatenate([kernel.reshape(-1, filters), bias[None]]))
    outputs = matmul(patches, kernel.reshape(-1, filters))
    return outputs if bias is None else outputs + bias


def conv_transpose(
    x: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilation: Sequence[int], channels_last: bool = True
) -> Array:
    if not channels_last:
        return jnp.moveaxis(conv_transpose(jnp.moveaxis(x, 1, -1), kernel, strides, padding, dilation), -1, 1)
    if not overlap(kernel.shape[:-2], strides, dilation):
        return _disjoint_transpose(x, kernel, strides, padding, dilation)
    if len(strides) < 3:
        return direct_conv.conv_transpose(x, kernel, strides, padding, dilation)
    spread, flipped = reference.spread(x, kernel, strides, channels_last)
    return conv(spread, flipped, [1] * len(strides), padding, dilation)


def _disjoint_transpose(x: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilation: Sequence[int]) -> Any:
    """Where windows do not overlap: one product gives patches of the outputs, which are put in their places."""
    geometry = Geometry.transposed(x.shape[1:-1], kernel, strides, padding, dilation)
    *window, filters, channels = kernel.shape
    patches = matmul(x, kernel.reshape(-1, channels).T)
    of_outputs = functools.partial(
        patches_of,
        window=window,
        strides=strides,
        padding=list(geometry.padding),
        dilation=dilation,
        sizes=x.shape[1:-1],
    )
    outputs = jax.ShapeDtypeStruct((x.shape[0], *geometry.sizes, filters), patches.dtype)
    return jax.linear_transpose(of_outputs, outputs)(patches)[0]
