"""Attention with its gradient written out.

Differentiating the softmax goes over the weights, (queries, values) for each head, several times. Written out
(Dao et al., 2022, appendix B), what the softmax takes off the gradient of a row of weights is one number, the product
of the row's output with the gradient of that output, so that the gradient of the scores is one pass:

    d_scores = weights * (d_output @ value.T - sum(d_output * output))

Notation: d_x is the gradient of the loss with respect to x.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


@jax.custom_vjp
def attention(query: Any, key: Any, value: Any, mask: Any) -> Any:
    """`softmax(query @ key.T) @ value` for each head, and `even_softmax` where there is a mask.

    Args:
        query: (batch, heads, queries, features), scaled.
        key: (batch, heads, values, features).
        value: (batch, heads, values, features of values).
        mask: booleans that broadcast to (batch, heads, queries, values), or None.

    Returns:
        (batch, heads, queries, features of values).
    """
    return _forward(query, key, value, mask)[0]


def _forward(query: Any, key: Any, value: Any, mask: Any) -> tuple[Any, Any]:
    weights = even_softmax(product(query, key, 3, 3), mask)
    output = product(weights, value, 3, 2)
    return output, (query, key, value, mask, weights, output)


def _backward(kept: Any, d_output: Any) -> Any:
    query, key, value, mask, weights, output = kept
    taken_off = jnp.sum(d_output * output, axis=-1, keepdims=True)
    d_scores = weights * (product(d_output, value, 3, 3) - taken_off)
    d_scores = d_scores if mask is None else jnp.where(mask, d_scores, 0)
    d_scores = lax.optimization_barrier(d_scores)  # two products read it
    return product(d_scores, key, 3, 2), _first_turned(d_scores, query), _first_turned(weights, d_output), None


attention.defvjp(_forward, _backward)


def product(a: Any, b: Any, axis_of_a: int, axis_of_b: int) -> Any:
    """The sum over an axis of each, for each batch and head: as one axis, for XLA is slower with two.

    >>> product(jnp.ones((2, 3, 4, 5)), jnp.ones((2, 3, 6, 5)), 3, 3).shape
    (2, 3, 4, 6)
    """
    folded = [x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]) for x in (a, b)]
    made = lax.dot_general(folded[0], folded[1], (((axis_of_a - 1,), (axis_of_b - 1,)), ((0,), (0,))))
    return made.reshape(*a.shape[:2], *made.shape[1:])


def even_softmax(scores: Any, mask: Any, axis: Any = -1) -> Any:
    """A softmax over the places where a mask is True; the same weight for all where it is nowhere."""
    if mask is not None:
        scores = jnp.where(mask, scores, np.asarray(-0.7 * float(jnp.finfo(scores.dtype).max), scores.dtype))
    return jax.nn.softmax(scores, axis=axis)


def _first_turned(weights: Any, x: Any) -> Any:
    """`weights.T @ x`, on the CPU as `(x.T @ weights).T`: XLA is slow to read the first factor of many by columns."""
    if jax.default_backend() != "cpu":
        return product(weights, x, 2, 2)
    turned = lax.optimization_barrier(jnp.swapaxes(x, 2, 3))
    return jnp.swapaxes(lax.optimization_barrier(product(turned, weights, 3, 2)), 2, 3)
