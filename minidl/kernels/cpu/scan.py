"""Loops over time of cells with one recurrent matrix, `h @ U`.

Differentiating a scan adds a part of dU at each step, which reads and writes all of dU each time. But with
r_t = h_(t-1) U, dU = sum over t of h_(t-1)^T dr_t, which is one product of matrices after the loop, given all dr_t.
They are the gradient with respect to a bias that is added to r_t, a copy of it for each time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from minidl.kernels import reference
from minidl.kernels.reference import over_time_with


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def recurrence(
    step: Callable[..., Any], options: Any, projected: Any, states: Any, kernel: Any, bias: Any, mask: Any
) -> Any:
    return reference.recurrence(step, options, projected, states, kernel, bias, mask)


def forward(step: Any, options: Any, projected: Any, states: Any, kernel: Any, bias: Any, mask: Any) -> Any:
    def run(projected: Any, biases: Any, states: Any) -> Any:
        def one(now: Any, states: Any) -> Any:
            return *step(now[0], states, kernel, now[1]), lax.stop_gradient(states[0])

        (outputs, met), last = over_time_with(one, (projected, biases), states, mask, *options)
        return (outputs, last), met

    biases = jnp.broadcast_to(bias, (*projected.shape[:2], kernel.shape[1]))
    results, backward, met = jax.vjp(run, projected, biases, states, has_aux=True)
    return results, (backward, met, kernel)


def _backward(step: Any, options: Any, kept: Any, gradients: Any) -> Any:
    backward, met, kernel = kept
    projected, met_kernel, states = backward(gradients)
    units, gates = kernel.shape
    weights = met.reshape(-1, units).T @ met_kernel.reshape(-1, gates)
    return projected, states, weights.astype(kernel.dtype), jnp.sum(met_kernel, (0, 1)).astype(kernel.dtype), None


recurrence.defvjp(forward, _backward)
