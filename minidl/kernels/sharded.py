"""Forms for batches that are split between devices, of the kernels whose formulas XLA would gather them for.

XLA splits a program by the axes of its arrays. It loses a split where an axis is merged into one before it, as the
batch of (time, batch, ...) into the time; it does not split convolutions in groups by the batch; and a gradient that is
added up within a loop over time is summed between the devices once for each time. Here axes stay apart, and gradients
of weights are contracted over time and batch at once, after the loop.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from minidl.kernels import reference
from minidl.kernels.cpu.scan import forward, of_bias
from minidl.kernels.windows import Pads, out_sizes, spatial


def each_time(function: Callable[[Any], Any], sequences: Any) -> Any:
    return jnp.swapaxes(reference.each_time(function, jnp.swapaxes(sequences, 0, 1)), 0, 1)


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
    """A product for each place of the window, where there are groups."""
    if groups == 1:
        return reference.conv(x, kernel, strides, padding, dilation, channels_last, groups, bias)
    window, (per_group, filters) = kernel.shape[:-2], kernel.shape[-2:]
    sizes = out_sizes(spatial(x, channels_last), window, strides, padding, dilation)
    dtype = jnp.result_type(x, kernel)
    x = x if channels_last else jnp.moveaxis(x, 1, -1)
    x = lax.pad(x.astype(dtype), jnp.zeros((), dtype), [(0, 0, 0), *((*pad, 0) for pad in padding), (0, 0, 0)])
    grouped = x.reshape(*x.shape[:-1], groups, per_group)
    kernel = kernel.astype(dtype).reshape(*window, per_group, groups, filters // groups)
    total: Any = 0
    for place in itertools.product(*map(range, window)):
        starts = [i * distance for i, distance in zip(place, dilation)]
        ends = [start + (size - 1) * stride + 1 for start, size, stride in zip(starts, sizes, strides)]
        seen = lax.slice(grouped, [0, *starts, 0, 0], [len(x), *ends, *grouped.shape[-2:]], [1, *strides, 1, 1])
        total = total + jnp.einsum("...gi,igo->...go", seen, kernel[place])
    outputs = total.reshape(*total.shape[:-2], filters)
    outputs = outputs if bias is None else outputs + bias
    return outputs if channels_last else jnp.moveaxis(outputs, -1, 1)


# Recurrence: as in cpu/scan.py, which explains it, for all products of a step, and with other sums in the end


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def recurrence(step: Callable[..., Any], linear: Callable[[Any, Any], Any], options: Any, *arrays: Any) -> Any:
    return reference.recurrence(step, linear, options, *arrays)


def _backward(step: Any, linear: Any, options: Any, kept: Any, gradients: Any) -> Any:
    backward, met, kernels, biases = kept
    projected, of_products, states = backward(gradients)
    of_kernels = [_of_kernel(linear, *each) for each in zip(met, of_products, kernels)]
    return projected, states, of_kernels, list(map(of_bias, of_products, biases)), None, None


def _of_kernel(linear: Any, met: Any, gradient: Any, kernel: Any) -> Any:
    """The gradient of a kernel from those of its products (time, batch, ...) with `met`, (time, batch, ...).

    With the batch as the axis of the map, a convolution merges time into it; not the batch into time.
    """
    product, backward = jax.vjp(lambda kernel: jax.vmap(lambda x: linear(x, kernel), 1, 1)(met), kernel)
    return backward(gradient.astype(product.dtype))[0]


recurrence.defvjp(forward, _backward)


def lstm(
    project: Callable[[Any], Any], sequences: Any, states: list[Any], kernel: Any, biases: Any, whole: bool = True
) -> tuple[Any, list[Any]]:
    return _along(reference.lstm_step, project, sequences, states, kernel, biases, whole)


def gru(
    project: Callable[[Any], Any], sequences: Any, states: list[Any], kernel: Any, biases: Any, whole: bool = True
) -> tuple[Any, list[Any]]:
    return _along(reference.gru_step, project, sequences, states, kernel, biases, whole)


def _along(
    step: Any, project: Any, sequences: Any, states: list[Any], kernel: Any, biases: Any, whole: bool
) -> tuple[Any, list[Any]]:
    projected = project(sequences) + biases[0]
    linear, options = jnp.matmul, (False, False, False)
    outputs, last = recurrence(step, linear, options, projected, states, [kernel], [biases[1]], None, None)
    return outputs if whole else last[0][None], last
