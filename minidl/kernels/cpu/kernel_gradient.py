"""The gradient of a convolution's kernel on the CPU, as a product of matrices.

It is a convolution with a window as large as an image, for which XLA has no fast code. As a product it needs the input
and the gradient of the outputs, shifted against each other for each place of the window: copies of one or of both. The
form that copies the fewest numbers was the fastest, or within an eighth of it, in all shapes that were measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array
from minidl.kernels.compiler import keep_barrier
from minidl.kernels.cpu.geometry import Geometry
from minidl.kernels.cpu.matmul import contract_first
from minidl.kernels.cpu.slices import padded, patches_along, patches_of
from minidl.kernels.windows import reach

_MANY = 2**25  # numbers that are copied at a time


class _Form(NamedTuple):
    """A way to compute it.

    Args:
        of: the input, the gradient of the outputs and the geometry.
        copied: numbers that it copies for an image.
    """

    of: Callable[[Array, Array, Geometry], Array]
    copied: int


def kernel_gradient(x: Array, g: Array, geometry: Geometry) -> Array:
    """The gradient of the kernel, (*window, channels, filters), summed over groups of images if there are many.

    Args:
        x: the input, (batch, *sizes, channels), with two axes between.
        g: the gradient of the outputs, (batch, *positions, filters).
        geometry: of the convolution.
    """
    images = x.shape[0]
    form = fastest(x, g, geometry)
    groups = next((n for n in range(1, images + 1) if images % n == 0 and images // n * form.copied <= _MANY), images)
    if groups < 2:
        return form.of(x, g, geometry)
    parts = tuple(array.reshape(groups, images // groups, *array.shape[1:]) for array in (x, g))
    total = jnp.zeros((*geometry.window, x.shape[-1], g.shape[-1]), jnp.promote_types(x.dtype, "float32"))
    total, _ = lax.scan(lambda total, part: (total + form.of(part[0], part[1], geometry), None), total, parts)
    return total.astype(x.dtype)


def fastest(x: Array, g: Array, geometry: Geometry) -> _Form:
    """The form with the fewest copies; of equal ones, that with copies of the input."""
    return min(forms(x, g, geometry), key=lambda form: form.copied)


def forms(x: Array, g: Array, geometry: Geometry) -> Iterator[_Form]:
    """The forms that there are for a window."""
    (high, wide), (stride, across), (distance, _) = geometry.window, geometry.strides, geometry.dilation
    channels, (rows, columns, filters) = x.shape[-1], g.shape[1:]
    places = high * wide
    if stride > 1:
        yield _Form(_by_rows, (x.shape[1] + rows * high) * columns * wide * channels)
        return
    yield _Form(_by_inputs, rows * columns * places * channels)
    yield _Form(_by_both, (rows + (high - 1) * distance) * columns * (wide * channels + high * filters))
    if across == 1:
        yield _Form(_by_gradients, math.prod(geometry.sizes) * places * filters)


def _by_inputs(x: Array, g: Array, geometry: Geometry) -> Array:
    """A copy of the input for each place of the window: for outputs of few rows, and few channels."""
    return _contract(patches_of(x, geometry), g).reshape(*geometry.window, x.shape[-1], g.shape[-1])


def _by_gradients(x: Array, g: Array, geometry: Geometry) -> Array:
    """A copy of the outputs' gradient for each place of the window: for few filters, without strides."""
    copies = patches_of(g, geometry.back(g.shape[1:-1]))  # those for the last place of the window first
    product = _contract(x, copies).reshape(x.shape[-1], *geometry.window, g.shape[-1])
    return jnp.flip(jnp.moveaxis(product, 0, -2), (0, 1))


def _by_both(x: Array, g: Array, geometry: Geometry) -> Array:
    """Copies of the input for the columns of the window, and of the outputs' gradient for its rows.

    So a window of 3 x 3 needs six copies and not nine.
    """
    (high, wide), (distance, _) = geometry.window, geometry.dilation
    channels, filters, rows = x.shape[-1], g.shape[-1], g.shape[1]
    x, g = _columns(x, g, geometry), keep_barrier(g)
    below = x.shape[1] - rows
    shifted = [padded(g, [(place * distance, below - place * distance), (0, 0)], 0) for place in range(high)]
    copies = keep_barrier(jnp.concatenate(shifted, axis=-1))
    return _contract(x, copies).reshape(wide, channels, high, filters).transpose(2, 0, 1, 3)


def _by_rows(x: Array, g: Array, geometry: Geometry) -> Array:
    """A product for each row of the window: with strides, copies of the gradient would have zeros between the rows."""
    (high, wide), (stride, _), (distance, _) = geometry.window, geometry.strides, geometry.dilation
    channels, filters, rows = x.shape[-1], g.shape[-1], g.shape[1]
    x, g = _columns(x, g, geometry), keep_barrier(g)
    begins = [place * distance for place in range(high)]
    parts = [lax.slice_in_dim(x, begin, begin + reach(rows, stride), stride, 1) for begin in begins]
    return jnp.stack([_contract(part, g).reshape(wide, channels, filters) for part in parts])


def _columns(x: Array, g: Array, geometry: Geometry) -> Array:
    """The padded input, with its copies for the columns of the window in the channels."""
    (_, wide), (_, across), (_, apart) = geometry.window, geometry.strides, geometry.dilation
    x = padded(keep_barrier(x), geometry.padding, 0)
    return keep_barrier(patches_along(2, x, wide, across, apart, g.shape[2]))


def _contract(a: Array, b: Array) -> Array:
    """(*positions, m), (*positions, n) -> (m, n)."""
    return contract_first(a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1]))
