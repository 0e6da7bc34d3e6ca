"""Loops over time of cells with recurrent matrices, `h @ U`.

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


def recurrence(step: Callable[..., Any], linear: Callable[[Any, Any], Any], options: Any, *arrays: Any) -> Any:
    _, _, kernels, _, dropout, _ = arrays
    is_one_product = len(kernels) == 1 and linear is jnp.matmul and dropout is None
    run = _with_one_product if is_one_product else reference.recurrence
    return run(step, linear, options, *arrays)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _with_one_product(step: Any, linear: Any, options: Any, *arrays: Any) -> Any:
    return reference.recurrence(step, linear, options, *arrays)


def forward(step: Any, linear: Any, options: Any, *arrays: Any) -> Any:
    projected, states, kernels, biases, dropout, mask = arrays
    masks = [None] * len(kernels) if dropout is None else dropout

    def run(projected: Any, biases: Any, states: Any) -> Any:
        def one(now: Any, states: Any) -> Any:
            x, biases = now
            met: dict[int, Any] = {}

            def product(i: int, x: Any) -> Any:
                assert i not in met, "a step uses each product once"
                met[i] = lax.stop_gradient(reference.dropped(x, masks[i]))
                return linear(reference.dropped(x, masks[i]), kernels[i]) + biases[i]

            products = [functools.partial(product, i) for i in range(len(kernels))]
            return *step(x, states, products), [met[i] for i in range(len(kernels))]

        (outputs, met), last = over_time_with(one, (projected, biases), states, mask, *options)
        return (outputs, last), met

    shapes = [jax.eval_shape(linear, states[0], kernel).shape for kernel in kernels]
    copies = [jnp.broadcast_to(bias, (len(projected), *shape)) for bias, shape in zip(biases, shapes)]
    results, backward, met = jax.vjp(run, projected, copies, states, has_aux=True)
    return results, (backward, met, kernels, biases)


def _backward(step: Any, linear: Any, options: Any, kept: Any, gradients: Any) -> Any:
    backward, (met,), (kernel,), (bias,) = kept
    projected, (met_kernel,), states = backward(gradients)
    units, gates = kernel.shape
    weights = met.reshape(-1, units).T @ met_kernel.reshape(-1, gates)
    return projected, states, [weights.astype(kernel.dtype)], [of_bias(met_kernel, bias)], None, None


def of_bias(gradient: Any, bias: Any) -> Any:
    """The gradient of a bias, from that of its copies."""
    return jnp.sum(gradient, tuple(range(gradient.ndim - bias.ndim))).astype(bias.dtype)


_with_one_product.defvjp(forward, _backward)
