"""MultiHeadAttention: multi-head attention."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from minidl import kernels
from minidl.core.typing import Array, Config, Identifier, Shape
from minidl.layers.attention.heads import Dropping, HeadedAttention, scaled_dot_product, zero_softmax


class MultiHeadAttention(HeadedAttention):
    """Multi-head attention: each head has its own projections (Vaswani et al., 2017).

    head_i = softmax(q_i k_i^T / sqrt(key_dim)) v_i, output = [head_1, head_2, ...] W.

    Args:
        num_heads: number of heads.
        key_dim: size of each head's query and key.
        value_dim: size of each head's value, default `key_dim`.
        dropout: fraction of the attention weights to drop during training.
        use_bias: whether the projections have biases.
        output_shape: the shape of an output, default: the features of the query.
        attention_axes: axes to attend over, default: all but the batch and features.
        sliding_window: values at this distance from a query or farther are masked; None for no limit.
        flash_attention: accepted and not used: XLA compiles the layer for each device.
        kernel_initializer: of the kernels of the projections.
        bias_initializer: of their biases.
        kernel_regularizer: function of the kernels that is added to the loss.
        bias_regularizer: function of the biases that is added to the loss.
        activity_regularizer: function of the projections' outputs that is added to the loss.
        kernel_constraint: function applied to the kernels after each update.
        bias_constraint: function applied to the biases after each update.
        use_gate: whether the outputs of the heads are multiplied by a sigmoid gate, a projection of the query.
        seed: seed of dropout.
        **kwargs: see `Layer`.

    Input shape: query (batch, queries, features), value (batch, values, features), key like value, default the value.
    Output shape: (batch, queries, features); with `return_attention_scores=True` also the weights
        (batch, heads, queries, values).

    Raises:
        ValueError: sizes that are not positive integers, or a value and a key of different length.

    Example:
    >>> MultiHeadAttention(num_heads=2, key_dim=4)(jnp.ones((2, 3, 16)), jnp.ones((2, 5, 16))).shape
    (2, 3, 16)
    """

    saved_names = {"gate_dense": "_gate_dense"}

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        sizes = {"num_heads": num_heads, "key_dim": key_dim, "value_dim": key_dim if value_dim is None else value_dim}
        for name, size in sizes.items():
            if not isinstance(size, int) or size <= 0:
                raise ValueError(f"MultiHeadAttention: {name} must be a positive integer, got {size!r}.")
        if not isinstance(output_shape, (int, list, tuple, type(None))):
            raise ValueError(
                f"MultiHeadAttention: expected a size, a tuple of sizes or None as output_shape, got {output_shape!r}."
            )
        options = {
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "bias_constraint": bias_constraint,
        }
        super().__init__(
            dropout, use_bias, sliding_window, flash_attention, options, activity_regularizer, use_gate, seed, **kwargs
        )
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim or key_dim
        self._output_shape = (output_shape,) if isinstance(output_shape, int) else output_shape and tuple(output_shape)
        self.attention_axes = (attention_axes,) if isinstance(attention_axes, int) else attention_axes

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ValueError(
                "MultiHeadAttention: value and key must have equal shapes except for batch and features, got "
                f"{tuple(value_shape)} and {tuple(key_shape)}."
            )
        rank = len(query_shape)
        outputs = list(self._output_shape or [query_shape[-1]])
        axes = string.ascii_lowercase[:rank]
        heads, output_axes = "xy", string.ascii_lowercase[rank : rank + len(outputs)]
        split = f"{axes[:-1]}z,zxy->{axes[:-1]}xy"
        joined = f"{axes[:-1]}xy,xy{output_axes}->{axes[:-1]}{output_axes}"
        free: list[Any] = [None] * (rank - 2)
        keys, values = [*free, self.num_heads, self.key_dim], [*free, self.num_heads, self.value_dim]
        inner = (*query_shape[:-1], self.num_heads, self.value_dim)
        self.make_projections(
            {
                "query": (split, keys, heads, query_shape),
                "key": (split, keys, heads, key_shape),
                **({"gate": (split, values, heads, query_shape)} if self.use_gate else {}),
                "value": (split, values, heads, value_shape),
                "attention_output": (joined, [*free, *outputs], output_axes, inner),
            }
        )
        if self.attention_axes is None:
            self.attention_axes = tuple(range(1, rank - 1))
        self.attention_axes = tuple(axis % rank for axis in self.attention_axes)

    def attend(
        self, query: Array, key: Array, value: Array, mask: Array | None, drop: Dropping, return_weights: bool
    ) -> tuple[Array, Array | None]:
        if query.ndim == 4:
            return scaled_dot_product(query, key, value, mask, drop, return_weights)
        scores_of, output_of, axes = self._equations(query.ndim)
        scores = jnp.einsum(scores_of, key, query * np.asarray(1 / np.sqrt(self.key_dim), query.dtype))
        if mask is not None:
            mask = mask.reshape(mask.shape[0], *(1,) * (scores.ndim - mask.ndim), *mask.shape[1:])
        softmax = kernels.masked_softmax if drop is None and not return_weights else zero_softmax
        weights = softmax(scores, mask, axes)
        return jnp.einsum(output_of, weights if drop is None else drop(weights), value), weights

    def get_config(self) -> Config:
        return {
            **self.options_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "output_shape": self._output_shape,
            "attention_axes": self.attention_axes,
        }

    def _equations(self, rank: int) -> tuple[str, str, tuple[int, ...]]:
        """The equations of scores and output for inputs of any rank, and the scores' axes to normalize over."""
        assert self.attention_axes is not None
        queries = string.ascii_lowercase[:rank]
        others = iter(string.ascii_lowercase[rank:])
        values = "".join(next(others) if axis in self.attention_axes else name for axis, name in enumerate(queries))
        kept = "".join(name for axis, name in enumerate(queries[:-1]) if axis not in self.attention_axes)
        attending = "".join(queries[axis] for axis in self.attention_axes)
        attended = "".join(values[axis] for axis in self.attention_axes)
        scores = kept + attending + attended
        last = tuple(range(len(scores) - len(attended), len(scores)))
        return f"{values},{queries}->{scores}", f"{scores},{values}->{queries}", last
