"""Convolution on the CPU: XLA's, or one product of matrices, whichever was measured to be faster.

XLA's convolution is as fast as a product of large matrices where it gets enough channels. With few channels several
positions are computed at a time (`columns`), and the patches of the input are concatenated and multiplied by the kernel
("im2col"; Chellapilla et al., 2006), as they are with strides in training; barriers between the parts keep XLA from
fusing them, which would recompute one part many times. Where windows do not overlap, patches are blocks of the input,
and cost next to nothing. `python -m benchmarks.convolutions` measures both over a grid of shapes. A convolution of
volumes is one of images: XLA has no fast code for three dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minidl.core.typing import Array
from minidl.kernels import reference
from minidl.kernels.cpu import columns, direct_conv
from minidl.kernels.cpu.depthwise import depthwise_conv
from minidl.kernels.cpu.derivatives import where_differentiated
from minidl.kernels.cpu.geometry import Geometry
from minidl.kernels.cpu.matmul import matmul
from minidl.kernels.cpu.slices import patches_of
from minidl.kernels.windows import Pads

_WIDE = 64  # elements of a window; above, patches take long to compile
_MANY = 2**27  # numbers in the patches; above, the memory is not worth the time
_MANY_KEPT = 2**25  # the same for strides, with which a product gains less
_SHORT = 40  # numbers in a patch; below, a copy with one more costs less than another pass over the outputs' gradient
_FEW_GROUPS = 32  # more take long to compile
_FEW_CHANNELS = 8  # below, XLA's convolution does not fill the vector registers
_LARGE_WINDOW = 24  # elements for each stride; from here, XLA's convolution of few channels is as fast in inference
_FEW_FILTERS = 32  # below, neighbouring positions at a time fill the vector registers


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
    if not channels_last:
        last = conv(jnp.moveaxis(x, 1, -1), kernel, strides, padding, dilation, True, groups, bias)
        return jnp.moveaxis(last, -1, 1)
    geometry = Geometry.of(x, kernel.shape[:-2], strides, padding, dilation)
    if groups == 1:
        return _conv(x, kernel, geometry, bias)
    outputs = _grouped(x, kernel, geometry, groups)
    return outputs if bias is None else outputs + bias


def _conv(x: Array, kernel: Array, geometry: Geometry, bias: Array | None = None) -> Any:
    """(batch, *sizes, channels), (*window, channels, filters), in the form that was measured to be the fastest."""
    if not geometry.overlaps:
        return product(x, kernel, geometry, bias)
    if x.ndim == 5:
        outputs = _conv(*_as_images(x, kernel, geometry), bias)
        return outputs.reshape(len(x), *geometry.positions, outputs.shape[-1])
    *window, channels, _ = kernel.shape
    places = math.prod(window)
    copied = len(x) * math.prod(geometry.positions) * places * channels
    if places <= _WIDE and channels < _FEW_CHANNELS and copied <= _MANY:
        return _of_few_channels(x, kernel, geometry, bias)
    if places <= _WIDE and max(geometry.strides) > 1 and copied <= _MANY_KEPT:
        return _product_where_trained(x, kernel, geometry, bias)
    return _direct(x, kernel, geometry, bias)


def _direct(x: Array, kernel: Array, geometry: Geometry, bias: Array | None) -> Any:
    outputs = direct_conv.conv(x, kernel, geometry)
    return outputs if bias is None else outputs + bias


def _of_few_channels(x: Array, kernel: Array, geometry: Geometry, bias: Array | None) -> Any:
    """Several positions at a time: a product, unless the window is large and no gradient needs the patches."""
    shape, count = (len(x), *geometry.positions, kernel.shape[-1]), _positions_at_a_time(kernel.shape, geometry)
    is_small = math.prod(geometry.window) < _LARGE_WINDOW * geometry.strides[-1]
    if count > 1:
        x, kernel, geometry = columns.joined(x, kernel, geometry, count)
        bias = None if bias is None else jnp.tile(bias, count)
    form = product if is_small else _product_where_trained
    return form(x, kernel, geometry, bias).reshape(shape)


def _product_where_trained(x: Array, kernel: Array, geometry: Geometry, bias: Array | None) -> Any:
    """A product with gradients, with which it is up to twice as fast as XLA's convolution, which is faster without."""
    form = where_differentiated(
        lambda x, kernel, bias: product(x, kernel, geometry, bias),
        lambda x, kernel, bias: _direct(x, kernel, geometry, bias),
    )
    return form(x, kernel, bias)


def _positions_at_a_time(kernel: Sequence[int], geometry: Geometry) -> int:
    """How many positions of a convolution of few channels are computed at a time, by what was measured.

    Two of them are up to 1.7 times as fast as one, and four with large windows and few filters up to three times.
    With more filters, or with strides, there is nothing to gain.
    """
    width, filters = geometry.window[-1], kernel[-1]
    if width > 4 and filters <= 8 and columns.may_join(geometry, 4):
        return 4
    return 2 if (width > 4 or filters < _FEW_FILTERS) and columns.may_join(geometry, 2) else 1


def _as_images(x: Array, kernel: Array, geometry: Geometry) -> tuple[Any, Any, Geometry]:
    """Volumes as images, whose channels are those of all depths of the window."""
    depth, *window, channels, filters = kernel.shape
    _, *edges = geometry.sizes
    (stride, *_), (padding, *_), (distance, *_) = geometry.strides, geometry.padding, geometry.dilation
    none = (0, 0)
    images = patches_of(
        x, Geometry(geometry.sizes, (depth, 1, 1), (stride, 1, 1), (padding, none, none), (distance, 1, 1))
    )
    return (
        images.reshape(len(x) * images.shape[1], *edges, depth * channels),
        jnp.moveaxis(kernel, 0, -3).reshape(*window, depth * channels, filters),
        geometry.of_images(),
    )


def _grouped(x: Array, kernel: Array, geometry: Geometry, groups: int) -> Any:
    """Groups of one channel are a depthwise convolution; others are computed one after another, if they are few."""
    *window, channels, filters = kernel.shape
    _, _, strides, padding, dilation = geometry
    if channels == 1:
        weights = kernel.reshape(*window, groups, filters // groups)
        return depthwise_conv(x, weights, strides, list(padding), dilation)
    if groups <= _FEW_GROUPS:
        pairs = zip(jnp.split(x, groups, axis=-1), jnp.split(kernel, groups, axis=-1))
        return jnp.concatenate([_conv(one, own, geometry) for one, own in pairs], axis=-1)
    positions, places = geometry.positions, math.prod(window)
    if math.prod(x.shape) * places > _MANY:
        return reference.conv(x, kernel, strides, list(padding), dilation, True, groups)
    grouped = patches_of(x, geometry).reshape(len(x), math.prod(positions), places, groups, channels)
    split = kernel.reshape(places, channels, groups, filters // groups)
    return jnp.einsum("bnpgc,pcgf->bngf", grouped, split).reshape(len(x), *positions, filters)


def product(x: Array, kernel: Array, geometry: Geometry, bias: Array | None = None) -> Any:
    """The convolution as a product of patches."""
    patches, filters = patches_of(x, geometry), kernel.shape[-1]
    is_copied_one_by_one = geometry.overlaps and x.shape[-1] == 1  # not by rows of channels, which are copied faster
    if bias is not None and is_copied_one_by_one and patches.shape[-1] < _SHORT:
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
    geometry = Geometry.transposed(x, kernel.shape[:-2], strides, padding, dilation)
    if not geometry.overlaps:
        return _disjoint_transpose(x, kernel, geometry)
    if x.ndim < 5:
        return direct_conv.conv_transpose(x, kernel, geometry)
    spread, flipped = reference.spread(x, kernel, strides, channels_last)
    return _conv(spread, flipped, Geometry.of(spread, flipped.shape[:-2], [1] * len(strides), padding, dilation))


def _disjoint_transpose(x: Array, kernel: Array, geometry: Geometry) -> Any:
    """Where windows do not overlap: one product gives patches of the outputs, which are put in their places."""
    *_, filters, channels = kernel.shape
    patches = matmul(x, kernel.reshape(-1, channels).T)
    outputs = jax.ShapeDtypeStruct((x.shape[0], *geometry.sizes, filters), patches.dtype)
    return jax.linear_transpose(lambda outputs: patches_of(outputs, geometry), outputs)(patches)[0]
