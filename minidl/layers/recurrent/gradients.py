"""LSTM and GRU along sequences, with their gradients written out.

Differentiating the loop over time (scan.py) keeps every intermediate array of every step, and many small operations
go into each step back. Written out, a step computes, while its numbers are at hand, the factors by which gradients
are multiplied on the way back; a step back is then one product of matrices and a few operations, and the gradients
of weights are computed for all steps at once after it.

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


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def lstm(projected: Any, states: list[Any], kernel: Any, bias: Any, whole: bool = True) -> tuple[Any, list[Any]]:
    """The LSTM with tanh and sigmoid; see `LSTMCell` for the formula.

    Args:
        projected: inputs times their kernel, (time, batch, 4 units), for the gates i, f, g, o.
        states: where it starts, h and c of shape (batch, units).
        kernel: (units, 4 units).
        bias: (4 units,), added to `h @ kernel`.
        whole: whether the outputs of all times are wanted, or the last alone.

    Returns:
        (outputs (time, batch, units), or (1, batch, units); the last states).
    """

    def step(states: list[Any], x: Any) -> tuple[list[Any], Any]:
        states, _ = _lstm_step(states, x, kernel, bias)
        return states, states[0]

    last, hidden = lax.scan(step, states, projected)
    return hidden if whole else last[0][None], last


def _lstm_step(states: list[Any], x: Any, kernel: Any, bias: Any) -> tuple[list[Any], list[Any]]:
    """The new states, and what goes back through the step.

    They are the factors of the gates (batch, 4 units), which the first three multiply with d_c and the last with d_h;
    that from d_h to d_c; and that from d_c to the step before.
    """
    h, c = states
    units = kernel.shape[0]
    column = lax.broadcasted_iota("int32", (1, 4 * units), 1)
    is_candidate = (column >= 2 * units) & (column < 3 * units)
    before = x + (h @ kernel + bias)
    tanh = jnp.tanh(jnp.where(is_candidate, before, before / 2))
    gates = jnp.where(is_candidate, tanh, (tanh + 1) / 2)  # sigmoid(x) = (tanh(x / 2) + 1) / 2
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    new = f * c + i * g
    out = jnp.tanh(new)
    slopes = jnp.where(is_candidate, 1 - gates**2, gates * (1 - gates))
    factors = slopes * jnp.concatenate([g, c, i, out], -1)
    return [o * out, new], [factors, o * (1 - out**2), f]


def _lstm_forward(projected: Any, states: list[Any], kernel: Any, bias: Any, whole: bool) -> tuple[Any, Any]:
    def step(states: list[Any], now: list[Any]) -> tuple[list[Any], list[Any]]:
        states, (factors, *others) = _lstm_step(states, now[0], kernel, bias)
        return states, [factors, states[0], *others]

    last, (factors, hidden, *others) = _in_place(step, states, [projected])
    return (hidden if whole else last[0][None], last), (states, kernel, hidden, [factors, *others])


def _lstm_backward(whole: bool, kept: Any, gradients: Any) -> Any:
    states, kernel, hidden, factors = kept
    d_outputs, d_last = _of_outputs(whole, *gradients)
    turned = lax.optimization_barrier(kernel.T)

    def step(carry: list[Any], now: list[Any]) -> tuple[list[Any], list[Any]]:
        (d_h, d_c), (factor, to_carry, f, *d_output) = carry, now
        d_h = sum(d_output, d_h)
        d_c = d_c + d_h * to_carry
        d_gates = factor * jnp.concatenate([d_c, d_c, d_c, d_h], -1)
        return [d_gates @ turned, d_c * f], [d_gates]

    d_first, (d_gates,) = _in_place(step, d_last, [*factors, *d_outputs], reverse=True)
    return d_gates, d_first, *_of_weights(_before(states[0], hidden), d_gates)


lstm.defvjp(_lstm_forward, _lstm_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def gru(projected: Any, states: list[Any], kernel: Any, bias: Any, whole: bool = True) -> tuple[Any, list[Any]]:
    """The GRU with tanh and sigmoid that resets after the product; see `GRUCell` for the formula.

    Args:
        projected: inputs times their kernel, (time, batch, 3 units), for the gates z, r, g.
        states: where it starts, a list of h of shape (batch, units).
        kernel: (units, 3 units).
        bias: (3 units,), added to `h @ kernel`.
        whole: whether the outputs of all times are wanted, or the last alone.

    Returns:
        (outputs (time, batch, units), or (1, batch, units); the last states).
    """

    def step(states: list[Any], x: Any) -> tuple[list[Any], Any]:
        states, _ = _gru_step(states, x, kernel, bias)
        return states, states[0]

    last, hidden = lax.scan(step, states, projected)
    return hidden if whole else last[0][None], last


def _gru_step(states: list[Any], x: Any, kernel: Any, bias: Any) -> tuple[list[Any], list[Any]]:
    """The new states, and the factors that multiply with d_h on the way back.

    They are those of `h @ kernel` (batch, 3 units); of the candidate's part of x; and of the state before.
    """
    (h,) = states
    units = kernel.shape[0]
    met = h @ kernel + bias
    gates = (jnp.tanh((x[:, : 2 * units] + met[:, : 2 * units]) / 2) + 1) / 2  # sigmoid
    z, r = jnp.split(gates, 2, axis=-1)
    reset = met[:, 2 * units :]
    g = jnp.tanh(x[:, 2 * units :] + r * reset)
    of_g = (1 - z) * (1 - g**2)
    factors = jnp.concatenate([(h - g) * z * (1 - z), of_g * reset * r * (1 - r), of_g * r], -1)
    return [z * h + (1 - z) * g], [factors, of_g, z]


def _gru_forward(projected: Any, states: list[Any], kernel: Any, bias: Any, whole: bool) -> tuple[Any, Any]:
    def step(states: list[Any], now: list[Any]) -> tuple[list[Any], list[Any]]:
        states, (factors, *others) = _gru_step(states, now[0], kernel, bias)
        return states, [factors, states[0], *others]

    last, (factors, hidden, *others) = _in_place(step, states, [projected])
    return (hidden if whole else last[0][None], last), (states, kernel, hidden, [factors, *others])


def _gru_backward(whole: bool, kept: Any, gradients: Any) -> Any:
    states, kernel, hidden, factors = kept
    d_outputs, d_last = _of_outputs(whole, *gradients)
    turned = lax.optimization_barrier(kernel.T)

    def step(carry: list[Any], now: list[Any]) -> tuple[list[Any], list[Any]]:
        (d_h,), (factor, of_g, z, *d_output) = carry, now
        d_h = sum(d_output, d_h)
        d_met = factor * jnp.concatenate([d_h, d_h, d_h], -1)
        return [d_h * z + d_met @ turned], [d_met, d_h * of_g]

    d_first, (d_met, d_candidate) = _in_place(step, d_last, [*factors, *d_outputs], reverse=True)
    d_projected = jnp.concatenate([d_met[..., : 2 * kernel.shape[0]], d_candidate], -1)
    return d_projected, d_first, *_of_weights(_before(states[0], hidden), d_met)


gru.defvjp(_gru_forward, _gru_backward)


def _in_place(
    step: Callable[[Any, list[Any]], tuple[Any, list[Any]]], carry: Any, sequences: list[Any], reverse: bool = False
) -> tuple[Any, list[Any]]:
    """A loop over time whose results take the places of what it reads: a scan fills arrays with zeros for them first.

    Args:
        step: (carry, the values of one time) -> (carry, results): the first ones of the shapes of those values.
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
    if length:  # else nothing can be read
        carry, arrays = lax.fori_loop(0, length, at, (carry, arrays))
    return carry, arrays[: len(results)]


_read = functools.partial(lax.dynamic_index_in_dim, keepdims=False, allow_negative_indices=False)
_write = functools.partial(lax.dynamic_update_index_in_dim, axis=0, allow_negative_indices=False)


def _of_outputs(whole: bool, d_outputs: Any, d_last: list[Any]) -> tuple[list[Any], list[Any]]:
    """What each time's output gets, if all were wanted, and what the last states get."""
    return ([d_outputs], d_last) if whole else ([], [d_last[0] + d_outputs[0], *d_last[1:]])


def _before(first: Any, states: Any) -> Any:
    """For each step the state that it found."""
    return jnp.concatenate([first[None], states[:-1]])[: len(states)]


def _of_weights(met: Any, gradients: Any) -> tuple[Any, Any]:
    """The gradients of a kernel and a bias, given what the kernel met and the gradients of `met @ kernel + bias`."""
    rows = gradients.reshape(-1, gradients.shape[-1])
    return met.reshape(-1, met.shape[-1]).T @ rows, rows.sum(0)
