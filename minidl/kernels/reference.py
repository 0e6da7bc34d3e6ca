"""Reference implementations of the kernels, in plain jax.numpy and lax; `__init__.py` has the arguments and shapes.

These run on every platform for which no other form has been measured to be faster, and they are what the other forms
are tested against.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from minidl.core.typing import Array, ArrayLike
from minidl.kernels.windows import Pads, counts, out_sizes, spatial

# Products


def matmul(x: Array, kernel: Array) -> Array:
    return jnp.matmul(x, kernel)


def matmul_each(x: Array, kernels: Sequence[Any]) -> list[Any]:
    return [jnp.matmul(x, kernel) for kernel in kernels]


def is_carried_transposed(weight: Array) -> bool:
    return False


# Convolution and pooling


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
    out_sizes(spatial(x, channels_last), kernel.shape[:-2], strides, padding, dilation)
    axes = "DHW"[-(x.ndim - 2) :]
    image = f"N{axes}C" if channels_last else f"NC{axes}"
    outputs = lax.conv_general_dilated(
        x,
        kernel,
        strides,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=(image, f"{axes}IO", image),
        feature_group_count=groups,
    )
    shape = (-1,) if channels_last else (-1, *(1,) * len(axes))
    return outputs if bias is None else outputs + bias.reshape(shape)


def conv_transpose(
    x: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilation: Sequence[int], channels_last: bool = True
) -> Array:
    return conv(*spread(x, kernel, strides, channels_last), [1] * len(strides), padding, dilation, channels_last)


def spread(x: Array, kernel: Array, strides: Sequence[int], channels_last: bool) -> tuple[Any, Any]:
    """The input and the kernel of the convolution that computes a transposed one."""
    inner = [(0, 0, stride - 1) for stride in strides]
    amounts = [(0, 0, 0), *inner, (0, 0, 0)] if channels_last else [(0, 0, 0), (0, 0, 0), *inner]
    flipped = jnp.flip(kernel, range(kernel.ndim - 2)).swapaxes(-1, -2)
    return lax.pad(x, jnp.zeros((), x.dtype), amounts), flipped


def depthwise_conv(
    x: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilation: Sequence[int], channels_last: bool = True
) -> Array:
    channels = kernel.shape[-2]
    flat = kernel.reshape(*kernel.shape[:-2], 1, -1)
    return conv(x, flat, strides, padding, dilation, channels_last, channels)


def materialized(x: Array) -> Array:
    return x


def max_pool(
    x: Array, window: Sequence[int], strides: Sequence[int], padding: Pads, channels_last: bool = True
) -> Array:
    return _reduce_window(x, lowest(x.dtype), lax.max, window, strides, padding, channels_last)


def average_pool(
    x: Array, window: Sequence[int], strides: Sequence[int], padding: Pads, channels_last: bool = True
) -> Array:
    total = _reduce_window(x, 0.0, lax.add, window, strides, padding, channels_last)
    sizes = counts(spatial(x, channels_last), window, strides, padding)
    return total / jnp.asarray(sizes[..., None] if channels_last else sizes, x.dtype)


def lowest(dtype: Any) -> float | int:
    """The identity of the maximum: the lowest value of a dtype."""
    return -jnp.inf if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo(dtype).min


def _reduce_window(
    x: Array, empty: Any, join: Any, window: Sequence[int], strides: Sequence[int], padding: Pads, channels_last: bool
) -> Any:
    def full(values: Sequence[Any], other: Any) -> list[Any]:
        return [other, *values, other] if channels_last else [other, other, *values]

    out_sizes(spatial(x, channels_last), window, strides, padding, [1] * len(window))
    value = np.asarray(empty, x.dtype)
    return lax.reduce_window(x, value, join, full(window, 1), full(strides, 1), full(padding, (0, 0)))


# Recurrence


def recurrence(
    step: Callable[..., Any],
    linear: Callable[[Any, Any], Any],
    options: Any,
    projected: Array,
    states: Any,
    kernels: list[Any],
    biases: list[Any],
    dropout: list[Any] | None,
    mask: Any,
) -> Any:
    products = products_of(linear, kernels, biases, dropout)
    return over_time(lambda x, states: step(x, states, products), projected, states, mask, *options)


def products_of(
    linear: Callable[[Any, Any], Any], kernels: list[Any], biases: list[Any], dropout: list[Any] | None
) -> list[Callable[[Any], Any]]:
    """The products that `recurrence` gives to a step.

    >>> product, = products_of(jnp.matmul, [np.ones((3, 2))], [1.0], None)
    >>> product(np.ones((1, 3)))
    Array([[4., 4.]], dtype=float32)
    """
    masks = [None] * len(kernels) if dropout is None else dropout
    return [functools.partial(_product, linear, *each) for each in zip(kernels, biases, masks, strict=True)]


def _product(linear: Callable[[Any, Any], Any], kernel: Any, bias: Any, mask: Any, x: Any) -> Any:
    return linear(dropped(x, mask), kernel) + bias


def dropped(x: Any, mask: Any) -> Any:
    """An array times its dropout mask, if there is one."""
    return x if mask is None else x * mask


def lstm(
    project: Callable[[Any], Any], sequences: Array, states: list[Any], kernel: Array, biases: Array, whole: bool = True
) -> tuple[Any, list[Any]]:
    return _along(lstm_step, project, sequences, states, kernel, biases, whole)


def lstm_step(x: Any, states: list[Any], products: list[Any]) -> tuple[Any, list[Any]]:
    h, c = states
    i, f, g, o = jnp.split(x + products[0](h), 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return h, [h, c]


def gru(
    project: Callable[[Any], Any], sequences: Array, states: list[Any], kernel: Array, biases: Array, whole: bool = True
) -> tuple[Any, list[Any]]:
    return _along(gru_step, project, sequences, states, kernel, biases, whole)


def gru_step(x: Any, states: list[Any], products: list[Any]) -> tuple[Any, list[Any]]:
    (h,) = states
    of_x = jnp.split(x, 3, axis=-1)
    of_h = jnp.split(products[0](h), 3, axis=-1)
    z, r = jax.nn.sigmoid(of_x[0] + of_h[0]), jax.nn.sigmoid(of_x[1] + of_h[1])
    h = z * h + (1 - z) * jnp.tanh(of_x[2] + r * of_h[2])
    return h, [h]


def _along(
    step: Any, project: Any, sequences: Any, states: list[Any], kernel: Any, biases: Any, whole: bool
) -> tuple[Any, list[Any]]:
    products = products_of(jnp.matmul, [kernel], [biases[1]], None)

    def one(states: list[Any], x: Any) -> tuple[list[Any], Any]:
        output, states = step(x + biases[0], states, products)
        return states, output

    last, outputs = lax.scan(one, states, project(sequences))
    return outputs if whole else last[0][None], last


def each_time(function: Callable[[Any], Any], sequences: Any) -> Any:
    outputs = function(sequences.reshape(-1, *sequences.shape[2:]))
    return outputs.reshape(*sequences.shape[:2], *outputs.shape[1:])


def over_time(
    step: Callable[[Any, Any], tuple[Any, Any]],
    inputs: Any,
    states: list[Array],
    mask: Array | None = None,
    backwards: bool = False,
    unroll: bool = False,
    zero_masked: bool = False,
) -> tuple[Any, Any]:
    """Run a step over the time axis of sequences.

    Args:
        step: (inputs of one time, states) -> (output, new states).
        inputs: arrays with the time first: (time, batch, ...).
        states: where it starts: a list, of lists if cells are stacked.
        mask: (time, batch); where it is False the states stay, and the output is the one before.
        backwards: whether it runs from the last time to the first.
        unroll: whether the loop is unrolled.
        zero_masked: whether masked outputs are 0 instead.

    Returns:
        (outputs (time, batch, ...) in the order in which they were computed, the last states).
    """
    (outputs, _), last = over_time_with(
        lambda x, states: (*step(x, states), None), inputs, states, mask, backwards, unroll, zero_masked
    )
    return outputs, last


def over_time_with(
    step: Callable[[Any, Any], tuple[Any, Any, Any]],
    inputs: Any,
    states: list[Array],
    mask: Array | None,
    backwards: bool,
    unroll: bool,
    zero_masked: bool,
) -> tuple[Any, Any]:
    """As `over_time`, for a step with a third result, which is stacked in the order of time."""

    def masked_step(states: list[Array], now: Any) -> tuple[Any, Any]:
        x, counts = now
        output, new, more = step(x, states)
        new = jax.tree.map(lambda value, old: value.astype(old.dtype), new, states)
        if counts is not None:
            before = jnp.zeros_like(output) if zero_masked else _last_output(states)
            new = jax.tree.map(lambda value, old: jnp.where(_expanded(counts, value), value, old), new, states)
            output = jnp.where(_expanded(counts, output), output, before)
        return new, (output, more)

    last, (outputs, more) = lax.scan(masked_step, states, (inputs, mask), reverse=backwards, unroll=unroll or 1)
    return (jnp.flip(outputs, 0) if backwards else outputs, more), last


def _last_output(states: list[Array]) -> Any:
    """The first state is the previous output of the cell; of stacked cells, of the last one."""
    return states[-1][0] if isinstance(states[-1], (list, tuple)) else states[0]


def _expanded(mask: Array, x: Array) -> Array:
    """A mask (batch,) with the rank of an array."""
    return mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim))


# Attention and normalization


def attention(query: Array, key: Array, value: Array, mask: Array | None) -> Array:
    return head_matmul(masked_softmax(head_matmul(query, key, 3, 3), mask), value, 3, 2)


def head_matmul(a: Array, b: Array, axis_of_a: int, axis_of_b: int) -> Array:
    return lax.dot_general(a, b, (((axis_of_a,), (axis_of_b,)), ((0, 1), (0, 1))))


def masked_softmax(scores: Array, mask: Array | None, axis: Any = -1) -> Array:
    if mask is not None:
        scores = jnp.where(mask, scores, np.asarray(-0.7 * float(jnp.finfo(scores.dtype).max), scores.dtype))
    return jax.nn.softmax(scores, axis=axis)


def batch_segments(
    function: Callable[..., Any], work: int, query: Array, key: Array, value: Array, mask: Array | None
) -> Array:
    return function(query, key, value, mask)


def normalize(x: Array, gamma: Array, beta: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    mean, variance = moments(x, axes)
    return (x - mean) * lax.rsqrt(variance + epsilon) * gamma + beta


def moments(x: Array, axes: Sequence[int]) -> tuple[Any, Any]:
    mean = jnp.mean(x, axes, keepdims=True)
    return mean, jnp.mean(jnp.square(x - mean), axes, keepdims=True)


# Random bits


def uniform(key: ArrayLike, shape: tuple[int, ...], minval: float = 0.0, maxval: float = 1.0) -> jax.Array:
    return jax.random.uniform(key, shape, jnp.float32, minval, maxval)


def normal(key: ArrayLike, shape: tuple[int, ...], mean: float = 0.0, stddev: float = 1.0) -> jax.Array:
    return jax.random.normal(key, shape, jnp.float32) * stddev + mean


def truncated_normal(key: ArrayLike, shape: tuple[int, ...], mean: float = 0.0, stddev: float = 1.0) -> jax.Array:
    return jax.random.truncated_normal(key, -2.0, 2.0, shape, jnp.float32) * stddev + mean


def bernoulli(key: ArrayLike, probability: float, shape: tuple[int, ...]) -> jax.Array:
    return jax.random.bernoulli(key, probability, shape)
