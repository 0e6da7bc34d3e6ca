"""LSTM and GRU along sequences, with custom gradients.

Differentiating the loop over time stores every intermediate array of every step, and each step of the backward pass has
many small operations. Here the forward step computes the factors by which gradients are multiplied in the backward
pass; a backward step is then one matrix product and a few operations, and the gradients of weights are computed for all
steps at once after the loop.

Notation: d_x is the gradient of the loss with respect to x, and the gates' functions have the derivatives
sigmoid' = s (1 - s) and tanh' = 1 - t^2 of their values. Time is the first axis of every sequence.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

_SEGMENTS, _SHORTEST = 4, 16  # more segments have more parallelism than two cores; short ones have too much overhead


def lstm(
    project: Callable[[Any], Any], sequences: Any, states: list[Any], kernel: Any, biases: Any, whole: bool = True
) -> tuple[Any, list[Any]]:
    return _in_segments(_lstm, project, sequences, states, kernel, biases, whole)


def gru(
    project: Callable[[Any], Any], sequences: Any, states: list[Any], kernel: Any, biases: Any, whole: bool = True
) -> tuple[Any, list[Any]]:
    return _in_segments(_gru, project, sequences, states, kernel, biases, whole)


def _in_segments(
    loop: Callable[..., tuple[Any, list[Any]]],
    project: Callable[[Any], Any],
    sequences: Any,
    states: list[Any],
    kernel: Any,
    biases: Any,
    whole: bool,
) -> tuple[Any, list[Any]]:
    """Run a loop over the segments of the sequences, one after the other.

    A loop over time runs on one core. Independent operations, the products of later segments and in the backward pass
    the gradients of the kernels for finished ones, XLA runs on another core meanwhile.
    """
    time = len(sequences)
    count = max(1, min(_SEGMENTS, time // _SHORTEST))
    size = -(-time // count) or 1  # equal sizes, except for the last: XLA compiles them faster
    segments = []
    for begin in range(0, max(time, 1), size):
        outputs, states = loop(project(sequences[begin : begin + size]), states, kernel, biases, whole)
        segments.append(outputs)
    return jnp.concatenate(segments) if whole and len(segments) > 1 else segments[-1], states


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def _lstm(projected: Any, states: list[Any], kernel: Any, biases: Any, whole: bool = True) -> tuple[Any, list[Any]]:
    """The loop over one segment, (time, batch, 4 units), projected without biases."""
    return _without_factors(_lstm_step, projected, states, kernel, biases, whole)


def _lstm_step(states: list[Any], x: Any, kernel: Any, biases: Any) -> tuple[list[Any], list[Any]]:
    """The new states, and the residuals of the step.

    They are the factors of the gates (batch, 4 units), which the first three multiply with d_c and the last with d_h;
    that from d_h to d_c; and that from d_c to the step before.
    """
    h, c = states
    units = kernel.shape[0]
    column = lax.broadcasted_iota("int32", (1, 4 * units), 1)
    is_candidate = (column >= 2 * units) & (column < 3 * units)
    before = x + (h @ kernel + (biases[0] + biases[1]))
    tanh = jnp.tanh(jnp.where(is_candidate, before, before / 2))
    gates = jnp.where(is_candidate, tanh, (tanh + 1) / 2)  # sigmoid(x) = (tanh(x / 2) + 1) / 2
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    new = f * c + i * g
    out = jnp.tanh(new)
    slopes = jnp.where(is_candidate, 1 - gates**2, gates * (1 - gates))
    factors = [slope * other for slope, other in zip(jnp.split(slopes, 4, axis=-1), (g, c, i, out))]
    return [o * out, new], [factors, o * (1 - out**2), f]


def _lstm_backward(whole: bool, kept: Any, gradients: Any) -> Any:
    kernel, found, factors = kept
    d_outputs, d_last = _of_outputs(whole, *gradients)
    transposed = lax.optimization_barrier(kernel.T)

    def step(carry: list[Any], now: list[Any]) -> tuple[list[Any], list[Any]]:
        (d_h, d_c), (factor, to_carry, f, *d_output) = carry, now
        d_h = sum(d_output, d_h)
        d_c = d_c + d_h * to_carry
        d_gates = factor * jnp.concatenate([d_c, d_c, d_c, d_h], -1)
        return [d_gates @ transposed, d_c * f], [d_gates]

    d_first, (d_gates,) = _in_place(step, d_last, [*factors, *d_outputs], reverse=True)
    d_bias = d_gates.sum((0, 1))
    return d_gates, d_first, _of_kernel(found, d_gates), (d_bias, d_bias)


_lstm.defvjp(lambda *arguments: _with_factors(_lstm_step, *arguments), _lstm_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def _gru(projected: Any, states: list[Any], kernel: Any, biases: Any, whole: bool = True) -> tuple[Any, list[Any]]:
    """The loop over one segment, (time, batch, 3 units), projected without biases."""
    return _without_factors(_gru_step, projected, states, kernel, biases, whole)


def _gru_step(states: list[Any], x: Any, kernel: Any, biases: Any) -> tuple[list[Any], list[Any]]:
    """The new states, and the factors of d_h in the backward pass.

    They are those of `h @ kernel` (batch, 3 units); of the candidate's part of x; and of the state before.
    """
    (h,) = states
    units = kernel.shape[0]
    x, met = x + biases[0], h @ kernel + biases[1]
    gates = (jnp.tanh((x[:, : 2 * units] + met[:, : 2 * units]) / 2) + 1) / 2  # sigmoid
    z, r = jnp.split(gates, 2, axis=-1)
    reset = met[:, 2 * units :]
    g = jnp.tanh(x[:, 2 * units :] + r * reset)
    of_g = (1 - z) * (1 - g**2)
    factors = [(h - g) * z * (1 - z), of_g * reset * r * (1 - r), of_g * r]
    return [z * h + (1 - z) * g], [factors, of_g, z]


def _gru_backward(whole: bool, kept: Any, gradients: Any) -> Any:
    kernel, found, factors = kept
    d_outputs, d_last = _of_outputs(whole, *gradients)
    transposed = lax.optimization_barrier(kernel.T)

    def step(carry: list[Any], now: list[Any]) -> tuple[list[Any], list[Any]]:
        (d_h,), (factor, of_g, z, *d_output) = carry, now
        d_h = sum(d_output, d_h)
        d_met = factor * jnp.concatenate([d_h, d_h, d_h], -1)
        return [d_h * z + d_met @ transposed], [d_met, d_h * of_g]

    d_first, (d_met, d_candidate) = _in_place(step, d_last, [*factors, *d_outputs], reverse=True)
    gates = 2 * kernel.shape[0]  # the columns of z and r
    column = lax.broadcasted_iota("int32", (1, 1, d_met.shape[-1]), 2)
    d_projected = jnp.where(column < gates, d_met, jnp.pad(d_candidate, ((0, 0), (0, 0), (gates, 0))))
    d_bias = d_met.sum((0, 1))
    of_inputs = jnp.concatenate([d_bias[:gates], d_candidate.sum((0, 1))])
    return d_projected, d_first, _of_kernel(found, d_met), (of_inputs, d_bias)


_gru.defvjp(lambda *arguments: _with_factors(_gru_step, *arguments), _gru_backward)


def _without_factors(step: Any, projected: Any, states: list[Any], kernel: Any, biases: Any, whole: bool) -> Any:
    """The loop without gradients."""

    def at(states: list[Any], x: Any) -> tuple[list[Any], Any]:
        states, _ = step(states, x, kernel, biases)
        return states, states[0]

    last, outputs = lax.scan(at, states, projected)
    return outputs if whole else last[0][None], last


def _with_factors(step: Any, projected: Any, states: list[Any], kernel: Any, biases: Any, whole: bool) -> Any:
    """The loop, and its residuals: the kernel, the states h of the steps, and their factors."""

    def at(states: list[Any], now: list[Any]) -> tuple[list[Any], list[Any]]:
        new, (factors, *others) = step(states, now[0], kernel, biases)
        return new, [factors, states[0], *others]

    last, (factors, found, *others) = _in_place(at, states, [projected])
    outputs = jnp.concatenate([found[1:], last[0][None]])[: len(found)] if whole else last[0][None]
    return (outputs, last), (kernel, found, [factors, *others])


def _in_place(
    step: Callable[[Any, list[Any]], tuple[Any, list[Any]]], carry: Any, sequences: list[Any], reverse: bool = False
) -> tuple[Any, list[Any]]:
    """A loop over time that writes its results in place of its inputs; a scan would first fill arrays with zeros.

    Args:
        step: (carry, the values of one time) -> (carry, results): the first ones of the shapes of those values. A list
            is a result in parts, side by side in the last axis: joining them takes longer.
        carry: where it starts.
        sequences: what it reads.
        reverse: whether it runs from the last time to the first.

    Returns:
        (the last carry, the sequences of results).
    """
    length = len(sequences[0])
    results = jax.eval_shape(step, carry, [jax.ShapeDtypeStruct(x.shape[1:], x.dtype) for x in sequences])[1]
    new = [jnp.zeros((length, *result.shape), result.dtype) for result in results[len(sequences) :]]

    def at(i: Any, loop: tuple[Any, list[Any]]) -> tuple[Any, list[Any]]:
        carry, arrays = loop
        time = length - 1 - i if reverse else i
        carry, made = step(carry, [_read(x, time) for x in arrays[: len(sequences)]])
        return carry, [*(_write(x, value, time) for x, value in zip(arrays, made)), *arrays[len(made) :]]

    arrays = [*sequences, *new]
    if length:  # otherwise there is nothing to read
        carry, arrays = lax.fori_loop(0, length, at, (carry, arrays))
    return carry, arrays[: len(results)]


_read = functools.partial(lax.dynamic_index_in_dim, keepdims=False, allow_negative_indices=False)


def _write(sequence: Any, result: Any, time: Any) -> Any:
    """The sequence with the result of one step, or its parts."""
    column = 0
    for part in result if isinstance(result, list) else [result]:
        place = (time, *[0] * (part.ndim - 1), column)
        sequence = lax.dynamic_update_slice(sequence, part[None], place, allow_negative_indices=False)
        column += part.shape[-1]
    return sequence


def _of_outputs(whole: bool, d_outputs: Any, d_last: list[Any]) -> tuple[list[Any], list[Any]]:
    """The gradients of the outputs of all steps, if all were requested, and of the last states."""
    return ([d_outputs], d_last) if whole else ([], [d_last[0] + d_outputs[0], *d_last[1:]])


def _of_kernel(met: Any, gradients: Any) -> Any:
    """The gradient of a kernel, given its input `met` and the gradients of `met @ kernel`."""
    return met.reshape(-1, met.shape[-1]).T @ gradients.reshape(-1, gradients.shape[-1])
