"""LSTM and GRU along sequences, with their gradients written out.

Differentiating the loop over time (scan.py) keeps every intermediate array of every step, and many small operations
go into each step back. Written out, a step keeps only its gates and states; what a step back needs besides the
gradient that comes from behind is computed for all steps at once before, and the gradients of weights after it. A
step back is then one product of matrices and three operations.

Notation: d_x is the gradient of the loss with respect to x, and the gates' functions have the derivatives
sigmoid' = s (1 - s) and tanh' = 1 - t^2 of their values. Time is the first axis of every sequence.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


@jax.custom_vjp
def lstm(projected: Any, states: list[Any], kernel: Any, bias: Any) -> tuple[Any, list[Any]]:
    """The LSTM with tanh and sigmoid; see `LSTMCell` for the formula.

    Args:
        projected: inputs times their kernel, (time, batch, 4 units), for the gates i, f, g, o.
        states: where it starts, h and c of shape (batch, units).
        kernel: (units, 4 units).
        bias: (4 units,), added to `h @ kernel`.

    Returns:
        (outputs (time, batch, units), the last states).
    """
    return _lstm_forward(projected, states, kernel, bias)[0]


def _lstm_forward(projected: Any, states: list[Any], kernel: Any, bias: Any) -> tuple[Any, Any]:
    units = kernel.shape[0]
    column = lax.broadcasted_iota("int32", (1, 4 * units), 1)
    is_candidate = (column >= 2 * units) & (column < 3 * units)

    def step(states: list[Any], x: Any) -> tuple[list[Any], Any]:
        h, c = states
        before = x + (h @ kernel + bias)
        tanh = jnp.tanh(jnp.where(is_candidate, before, before / 2))
        gates = jnp.where(is_candidate, tanh, (tanh + 1) / 2)  # sigmoid(x) = (tanh(x / 2) + 1) / 2
        i, f, g, o = jnp.split(gates, 4, axis=-1)
        c = f * c + i * g
        h = o * jnp.tanh(c)
        return [h, c], (gates, h, c)

    last, (gates, hidden, carries) = lax.scan(step, states, projected)
    return (hidden, last), (states, kernel, gates, hidden, carries)


def _lstm_backward(kept: Any, gradients: Any) -> Any:
    states, kernel, gates, hidden, carries = kept
    d_hidden, d_last = gradients
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    tanh = jnp.tanh(carries)
    before = _before(states[1], carries)
    of_carry = [g * i * (1 - i), before * f * (1 - f), i * (1 - g**2)]  # times d_c
    factors = lax.optimization_barrier(jnp.concatenate([*of_carry, tanh * o * (1 - o)], -1))  # the last times d_h
    to_carry = lax.optimization_barrier(o * (1 - tanh**2))
    turned = lax.optimization_barrier(kernel.T)

    def step(carry: list[Any], now: Any) -> tuple[list[Any], Any]:
        d_h, d_c = carry
        d_output, factor, to_c, f = now
        d_h = d_h + d_output
        d_c = d_c + d_h * to_c
        d_gates = factor * jnp.concatenate([d_c, d_c, d_c, d_h], -1)
        return [d_gates @ turned, d_c * f], d_gates

    d_first, d_gates = lax.scan(step, d_last, (d_hidden, factors, to_carry, f), reverse=True)
    return d_gates, d_first, *_of_weights(_before(states[0], hidden), d_gates)


lstm.defvjp(_lstm_forward, _lstm_backward)


@jax.custom_vjp
def gru(projected: Any, states: list[Any], kernel: Any, bias: Any) -> tuple[Any, list[Any]]:
    """The GRU with tanh and sigmoid that resets after the product; see `GRUCell` for the formula.

    Args:
        projected: inputs times their kernel, (time, batch, 3 units), for the gates z, r, g.
        states: where it starts, a list of h of shape (batch, units).
        kernel: (units, 3 units).
        bias: (3 units,), added to `h @ kernel`.

    Returns:
        (outputs (time, batch, units), the last states).
    """
    return _gru_forward(projected, states, kernel, bias)[0]


def _gru_forward(projected: Any, states: list[Any], kernel: Any, bias: Any) -> tuple[Any, Any]:
    units = kernel.shape[0]

    def step(states: list[Any], x: Any) -> tuple[list[Any], Any]:
        (h,) = states
        met = h @ kernel + bias
        gates = (jnp.tanh((x[:, : 2 * units] + met[:, : 2 * units]) / 2) + 1) / 2  # sigmoid
        z, r = jnp.split(gates, 2, axis=-1)
        reset = met[:, 2 * units :]
        g = jnp.tanh(x[:, 2 * units :] + r * reset)
        h = z * h + (1 - z) * g
        return [h], (gates, reset, g, h)

    last, (gates, reset, candidates, hidden) = lax.scan(step, states, projected)
    return (hidden, last), (states, kernel, gates, reset, candidates, hidden)


def _gru_backward(kept: Any, gradients: Any) -> Any:
    states, kernel, gates, reset, g, hidden = kept
    d_hidden, d_last = gradients
    z, r = jnp.split(gates, 2, axis=-1)
    before = _before(states[0], hidden)
    of_z = (before - g) * z * (1 - z)  # all of them times d_h
    of_g = (1 - z) * (1 - g**2)
    of_r = of_g * reset * r * (1 - r)
    factors = lax.optimization_barrier(jnp.concatenate([of_z, of_r, of_g * r], -1))
    turned = lax.optimization_barrier(kernel.T)

    def step(carry: list[Any], now: Any) -> tuple[list[Any], Any]:
        d_output, factor, z = now
        d_h = carry[0] + d_output
        d_met = factor * jnp.concatenate([d_h, d_h, d_h], -1)
        return [d_h * z + d_met @ turned], d_h

    d_first, d_h = lax.scan(step, d_last, (d_hidden, factors, z), reverse=True)
    d_met = factors * jnp.concatenate([d_h, d_h, d_h], -1)
    d_projected = jnp.concatenate([d_met[..., : 2 * kernel.shape[0]], d_h * of_g], -1)
    return d_projected, d_first, *_of_weights(before, d_met)


gru.defvjp(_gru_forward, _gru_backward)


def _before(first: Any, states: Any) -> Any:
    """For each step the state that it found."""
    return jnp.concatenate([first[None], states[:-1]])


def _of_weights(met: Any, gradients: Any) -> tuple[Any, Any]:
    """The gradients of a kernel and a bias, given what the kernel met and the gradients of `met @ kernel + bias`."""
    rows = gradients.reshape(-1, gradients.shape[-1])
    return met.reshape(-1, met.shape[-1]).T @ rows, rows.sum(0)
