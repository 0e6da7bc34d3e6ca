"""Normalization with a custom derivative.

With n = (x - mean) / stddev the derivative is gamma * (d_x - mean(d_x) - n * mean(n * d_x)) / stddev, which reverse
mode computes in two sums and one pass over the array; differentiating the formula takes several of each.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array
from minidl.kernels.reference import moments


@functools.partial(jax.custom_jvp, nondiff_argnums=(3, 4))
def normalize(x: Array, gamma: Array, beta: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    mean, variance = moments(x, axes)
    factor = lax.rsqrt(variance + epsilon) * gamma
    return x * factor + (beta - mean * factor)


@normalize.defjvp
def _derivative(axes: tuple[int, ...], epsilon: float, primals: Any, tangents: Any) -> Any:
    (x, gamma, beta), (d_x, d_gamma, d_beta) = primals, tangents
    mean, variance = moments(x, axes)
    inverse = lax.rsqrt(variance + epsilon)
    normal = (x - mean) * inverse
    of_mean, of_stddev = jnp.mean(d_x, axes, keepdims=True), jnp.mean(normal * d_x, axes, keepdims=True)
    if gamma.shape == mean.shape:  # as in batch normalization: the sums are the gradients of gamma and beta
        factor = inverse * gamma
        change = normal * (d_gamma - factor * of_stddev) + (d_beta - factor * of_mean) + factor * d_x
    else:
        change = gamma * (inverse * (d_x - of_mean - normal * of_stddev)) + normal * d_gamma + d_beta
    # The barrier: in reverse mode, the incoming gradient is computed once, not for each sum.
    return normalize(x, gamma, beta, axes, epsilon), lax.optimization_barrier(change)
