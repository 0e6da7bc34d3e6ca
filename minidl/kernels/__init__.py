"""Kernels: the array functions that have more than one implementation (form), dispatched in one place.

Layers call these functions. `reference.py` has the formula of each. A form that is faster on a platform has the same
name and arguments; it is in that platform's folder, with the reason why it is faster, and listed in `_FORMS`.
`choice.py` determines which form runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np  # noqa: F401 (for the examples)

from minidl.core.typing import Array, ArrayLike
from minidl.kernels import host_draws, reference, sharded
from minidl.kernels.choice import SHARDED, lowered_for, mode, platform, set_kernels
from minidl.kernels.compiler import compiler_options, jaxprs, needs_barriers
from minidl.kernels.cpu import attention as _attention
from minidl.kernels.cpu import conv as _conv
from minidl.kernels.cpu import depthwise as _depthwise
from minidl.kernels.cpu import materialized as _materialized
from minidl.kernels.cpu import matmul as _matmul
from minidl.kernels.cpu import normalization as _normalization
from minidl.kernels.cpu import pooling as _pooling
from minidl.kernels.cpu import random_bits as _random_bits
from minidl.kernels.cpu import recurrence as _recurrence
from minidl.kernels.cpu import scan as _scan
from minidl.kernels.reference import masked_softmax, moments, over_time, products_of
from minidl.kernels.windows import Pads, out_sizes, pads, spatial, transposed_pads

__all__ = [
    "matmul",
    "matmul_each",
    "is_carried_transposed",
    "conv",
    "conv_transpose",
    "depthwise_conv",
    "materialized",
    "max_pool",
    "average_pool",
    "Pads",
    "pads",
    "transposed_pads",
    "out_sizes",
    "spatial",
    "recurrence",
    "products_of",
    "lstm",
    "gru",
    "over_time",
    "each_time",
    "attention",
    "head_matmul",
    "masked_softmax",
    "batch_segments",
    "normalize",
    "moments",
    "uniform",
    "normal",
    "truncated_normal",
    "bernoulli",
    "form",
    "mode",
    "set_kernels",
    "platform",
    "lowered_for",
    "SHARDED",
    "compiler_options",
    "needs_barriers",
    "jaxprs",
]

_FORMS: dict[str, dict[str, Callable[..., Any]]] = {
    "cpu": {
        "matmul": _matmul.matmul,
        "matmul_each": _matmul.matmul_each,
        "is_carried_transposed": _matmul.is_carried_transposed,
        "conv": _conv.conv,
        "conv_transpose": _conv.conv_transpose,
        "depthwise_conv": _depthwise.depthwise_conv,
        "materialized": _materialized.materialized,
        "max_pool": _pooling.max_pool,
        "average_pool": _pooling.average_pool,
        "recurrence": _scan.recurrence,
        "lstm": _recurrence.lstm,
        "gru": _recurrence.gru,
        "attention": _attention.attention,
        "batch_segments": _attention.batch_segments,
        "normalize": _normalization.normalize,
        "uniform": _random_bits.uniform,
        "normal": _random_bits.normal,
        "bernoulli": _random_bits.bernoulli,
    },
    "sharded": {
        "conv": sharded.conv,
        "recurrence": sharded.recurrence,
        "lstm": sharded.lstm,
        "gru": sharded.gru,
        "each_time": sharded.each_time,
    },
}


def form(name: str, *arrays: Any) -> Callable[..., Any]:
    """The form of a kernel that runs for the given arrays.

    >>> form("matmul", np.ones(2)) is (_matmul.matmul if platform() == "cpu" else reference.matmul)
    True
    """
    found = platform(*arrays)
    forms = _FORMS.get(found, {}) if mode() == "auto" or found == SHARDED else {}
    return forms.get(name) or getattr(reference, name)


def matmul(x: Array, kernel: Array) -> Array:
    """`x @ kernel`.

    Args:
        x: (..., features).
        kernel: (features, units).

    Returns:
        (..., units), in the promoted dtype.

    >>> matmul(np.ones((2, 5, 3)), np.ones((3, 4))).shape
    (2, 5, 4)
    """
    return form("matmul", x, kernel)(x, kernel)


def matmul_each(x: Array, kernels: Sequence[Any]) -> list[Any]:
    """`x @ kernel` for each of several kernels.

    >>> [y.shape for y in matmul_each(np.ones((2, 3)), [np.ones((3, 4)), np.ones((3, 5))])]
    [(2, 4), (2, 5)]
    """
    return form("matmul_each", x, *kernels)(x, kernels)


def is_carried_transposed(weight: Array) -> bool:
    """Whether a loop over training steps carries a weight, and its optimizer state, transposed."""
    return form("is_carried_transposed", weight)(weight)


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
    """The convolution (cross-correlation) of images with a kernel.

    Args:
        x: (batch, *sizes, channels), or (batch, channels, *sizes).
        kernel: (*window, channels / groups, filters).
        strides: one per axis of the window.
        padding: zeros before and after each axis.
        dilation: the distance between the elements of the window.
        channels_last: whether x has the first of the two shapes.
        groups: the number of groups of channels and filters.
        bias: (filters,), added at each position; or None.

    Returns:
        (batch, *new sizes, filters), or (batch, filters, *new sizes).

    Raises:
        ValueError: the window does not fit into the padded input.

    >>> conv(np.ones((1, 4, 1), "float32"), np.ones((3, 1, 2), "float32"), [1], [(0, 0)], [1]).shape
    (1, 2, 2)
    """
    return form("conv", x, kernel)(x, kernel, strides, padding, dilation, channels_last, groups, bias)


def conv_transpose(
    x: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilation: Sequence[int], channels_last: bool = True
) -> Array:
    """The transposed convolution: the gradient of a convolution with respect to its input.

    Args:
        x: (batch, *sizes, channels), or (batch, channels, *sizes).
        kernel: (*window, filters, channels).
        strides: the factor by which each axis grows.
        padding: zeros before and after each axis, after strides - 1 zeros were inserted between its elements.
        dilation: the distance between the elements of the window.
        channels_last: whether x has the first of the two shapes.

    Returns:
        (batch, *new sizes, filters), or (batch, filters, *new sizes).
    """
    return form("conv_transpose", x, kernel)(x, kernel, strides, padding, dilation, channels_last)


def depthwise_conv(
    x: Array, kernel: Array, strides: Sequence[int], padding: Pads, dilation: Sequence[int], channels_last: bool = True
) -> Array:
    """The depthwise convolution: each channel is convolved separately.

    Args:
        x: (batch, *sizes, channels), or (batch, channels, *sizes).
        kernel: (*window, channels, multiplier).
        strides: one per axis of the window.
        padding: zeros before and after each axis.
        dilation: the distance between the elements of the window.
        channels_last: whether x has the first of the two shapes.

    Returns:
        (batch, *new sizes, channels * multiplier), or (batch, channels * multiplier, *new sizes).
    """
    return form("depthwise_conv", x, kernel)(x, kernel, strides, padding, dilation, channels_last)


def materialized(x: ArrayLike) -> Array:
    """The same array; where it is used several times, it is computed once and kept in memory.

    >>> materialized(np.ones(2))
    Array([1., 1.], dtype=float32)
    """
    x = jnp.asarray(x)
    return form("materialized", x)(x)


def max_pool(
    x: Array, window: Sequence[int], strides: Sequence[int], padding: Pads, channels_last: bool = True
) -> Array:
    """The maximum of each window; its gradient goes to the first element with that value. For shapes see `conv`."""
    return form("max_pool", x)(x, window, strides, padding, channels_last)


def average_pool(
    x: Array, window: Sequence[int], strides: Sequence[int], padding: Pads, channels_last: bool = True
) -> Array:
    """The mean of each window, without the padding. For shapes see `conv`."""
    return form("average_pool", x)(x, window, strides, padding, channels_last)


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
    """`over_time` for a cell with projected inputs and recurrent kernels. Reverse-mode differentiation only.

    Args:
        step: (projected inputs of one step, states, products) -> (output, new states). The products are functions
            x -> linear(x * its dropout mask, its kernel) + its bias. A step calls each of them once, for an array of
            the shape of states[0].
        linear: (x, kernel) -> an array (batch, ...), linear in the kernel: `jnp.matmul`, or a convolution.
        options: (backwards, unroll, zero_masked) as in `over_time`.
        projected: (time, batch, ...).
        states: the initial states.
        kernels: one for each product.
        biases: likewise; a bias has the shape of the last axes of the product, or none.
        dropout: likewise, masks (batch, ...); or None.
        mask: (time, batch) or None.

    Returns:
        (outputs (time, batch, ...) in the order in which they were computed, the last states).
    """
    arrays = projected, states, kernels, biases, dropout, mask
    return form("recurrence", projected, *kernels)(step, linear, options, *arrays)


def each_time(function: Callable[[Any], Any], sequences: Any) -> Any:
    """`function` of arrays (batch, ...) for all times of sequences (time, batch, ...) at once.

    >>> each_time(lambda x: x[:, :2], np.ones((5, 3, 4))).shape
    (5, 3, 2)
    """
    return form("each_time", sequences)(function, sequences)


def lstm(
    project: Callable[[Any], Any], sequences: Array, states: list[Any], kernel: Array, biases: Array, whole: bool = True
) -> tuple[Any, list[Any]]:
    """LSTM with tanh and sigmoid over sequences; see `LSTMCell` for the formula. Reverse-mode differentiation only.

    Args:
        project: sequences, or a segment of them -> inputs times their kernel, (time, batch, 4 units), for the gates i,
            f, g, o.
        sequences: (time, batch, features).
        states: the initial states h and c, (batch, units).
        kernel: (units, 4 units).
        biases: the biases of the projected inputs and of `h @ kernel`, each (4 units,).
        whole: whether to return the outputs of all steps, or the last alone.

    Returns:
        (outputs (time, batch, units), or (1, batch, units); the last states).
    """
    return form("lstm", sequences, kernel)(project, sequences, states, kernel, biases, whole)


def gru(
    project: Callable[[Any], Any], sequences: Array, states: list[Any], kernel: Array, biases: Array, whole: bool = True
) -> tuple[Any, list[Any]]:
    """GRU with tanh and sigmoid, `reset_after=True`; see `GRUCell` for the formula. Reverse-mode differentiation only.

    Args and returns as of `lstm`, for the gates z, r, g and one state h.
    """
    return form("gru", sequences, kernel)(project, sequences, states, kernel, biases, whole)


def attention(query: Array, key: Array, value: Array, mask: Array | None = None) -> Array:
    """`softmax(query @ key.T) @ value` for each head, and `masked_softmax` where there is a mask. Reverse mode only.

    Args:
        query: (batch, heads, queries, features), scaled.
        key: (batch, heads, values, features).
        value: (batch, heads, values, features of values).
        mask: booleans that broadcast to (batch, heads, queries, values), or None.

    Returns:
        (batch, heads, queries, features of values).
    """
    return form("attention", query, key, value)(query, key, value, mask)


def head_matmul(a: Array, b: Array, axis_of_a: int, axis_of_b: int) -> Array:
    """The product of two arrays for each example and head, contracted over an axis of each.

    >>> head_matmul(np.ones((2, 3, 4, 5)), np.ones((2, 3, 6, 5)), 3, 3).shape
    (2, 3, 4, 6)
    """
    return reference.head_matmul(a, b, axis_of_a, axis_of_b)


def batch_segments(
    function: Callable[..., Any], work: int, query: Array, key: Array, value: Array, mask: Array | None
) -> Array:
    """`function(query, key, value, mask)`, on segments of the batch where that is faster.

    Args:
        function: returns an array (batch, ...) of independent examples.
        work: the number of attention weights.
        query: (batch, ...), as key and value.
        key: the same array as query or value, or another.
        value: the same array as query, or another.
        mask: (batch or 1, ...), or None.
    """
    return form("batch_segments", query, key, value)(function, work, query, key, value, mask)


def normalize(x: Array, gamma: Array, beta: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta`, with the moments of x over some axes.

    Args:
        x: any array of floats.
        gamma: broadcasts to x.
        beta: broadcasts to x, of the shape of gamma.
        axes: the axes of the mean and variance.
        epsilon: added to the variance.
    """
    return form("normalize", x)(x, gamma, beta, axes, epsilon)


def uniform(key: ArrayLike, shape: tuple[int, ...], minval: float = 0.0, maxval: float = 1.0) -> jax.Array:
    """`jax.random.uniform` in float32.

    >>> bool((uniform(np.array([0, 7], "uint32"), (2, 3)) == jax.random.uniform(jax.random.key(7), (2, 3))).all())
    True
    """
    return _drawn("uniform", key, shape, minval, maxval)


def normal(key: ArrayLike, shape: tuple[int, ...], mean: float = 0.0, stddev: float = 1.0) -> jax.Array:
    """`jax.random.normal` in float32, scaled and shifted.

    >>> bool((normal(np.array([0, 7], "uint32"), (2, 3)) == jax.random.normal(jax.random.key(7), (2, 3))).all())
    True
    """
    return _drawn("normal", key, shape, mean, stddev)


def truncated_normal(key: ArrayLike, shape: tuple[int, ...], mean: float = 0.0, stddev: float = 1.0) -> jax.Array:
    """`jax.random.truncated_normal` between -2 and 2 in float32, scaled and shifted."""
    return _drawn("truncated_normal", key, shape, mean, stddev)


def bernoulli(key: ArrayLike, probability: float, shape: tuple[int, ...]) -> jax.Array:
    """`jax.random.bernoulli`: booleans that are True with a probability."""
    return form("bernoulli", key)(key, probability, shape)


def _drawn(name: str, key: ArrayLike, shape: tuple[int, ...], *numbers: float) -> jax.Array:
    is_on_host = mode() == "auto" and host_draws.is_possible(key, shape, *numbers)
    draw = getattr(host_draws, name) if is_on_host else form(name, key)
    return draw(key, shape, *numbers)
