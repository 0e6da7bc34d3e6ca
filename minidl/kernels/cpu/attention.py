"""Attention with a custom gradient, computed on segments of the batch.

Differentiating the softmax goes over the weights, (queries, values) for each head, several times. What the softmax
subtracts from the gradient of a row of weights is one number, the product of the row's output with the gradient of
that output (Dao et al., 2022, appendix B), so that the gradient of the scores is one pass:

    d_scores = weights * (d_output @ value.T - sum(d_output * output))

XLA runs operations that do not depend on each other on different cores, and one chain of operations on one: two
segments of a large batch take less time than the whole.

Notation: d_x is the gradient of the loss with respect to x.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array
from minidl.kernels.reference import head_matmul, masked_softmax

_MANY_WEIGHTS = 2**16  # attention weights; larger batches are faster in two segments


@jax.custom_vjp
def attention(query: Array, key: Array, value: Array, mask: Array | None) -> Array:
    return _forward(query, key, value, mask)[0]


def _forward(query: Array, key: Array, value: Array, mask: Array | None) -> tuple[Any, Any]:
    weights = masked_softmax(head_matmul(query, key, 3, 3), mask)
    output = head_matmul(weights, value, 3, 2)
    return output, (query, key, value, mask, weights, output)


def _backward(kept: Any, d_output: Any) -> Any:
    query, key, value, mask, weights, output = kept
    subtracted = jnp.sum(d_output * output, axis=-1, keepdims=True)
    d_scores = weights * (head_matmul(d_output, value, 3, 3) - subtracted)
    d_scores = d_scores if mask is None else jnp.where(mask, d_scores, 0)
    d_scores = lax.optimization_barrier(d_scores)  # two products read it
    return (
        head_matmul(d_scores, key, 3, 2),
        _transposed_first(d_scores, query),
        _transposed_first(weights, d_output),
        None,
    )


attention.defvjp(_forward, _backward)


def batch_segments(
    function: Callable[..., Any], work: int, query: Array, key: Array, value: Array, mask: Array | None
) -> Array:
    if len(query) < 2 or work < _MANY_WEIGHTS:
        return function(query, key, value, mask)
    middle, outputs = len(query) // 2, []
    for rows in (slice(middle), slice(middle, None)):
        cut = {id(x): x[rows] for x in (query, key, value)}  # arrays that were identical remain so
        of_mask = mask if mask is None or len(mask) == 1 else mask[rows]
        outputs.append(function(cut[id(query)], cut[id(key)], cut[id(value)], of_mask))
    return jnp.concatenate(outputs)


def _transposed_first(weights: Array, x: Array) -> Any:
    """`weights.T @ x` as `(x.T @ weights).T`: XLA is slow at reading the first factor of a batch by columns."""
    transposed = lax.optimization_barrier(jnp.swapaxes(x, 2, 3))
    return jnp.swapaxes(lax.optimization_barrier(head_matmul(transposed, weights, 3, 2)), 2, 3)
