"""MultiHeadAttention: several attentions side by side."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from minidl import kernels
from minidl.core.typing import Config, Identifier
from minidl.layers.attention.heads import HeadedAttention, attend_folded, zero_softmax


class MultiHeadAttention(HeadedAttention):
    """Attention of several heads, each on projections of its own (Vaswani et al., 2017).

    head_i = softmax(q_i k_i^T / sqrt(key_dim)) v_i, output = [head_1, head_2, ...] W.

    Args:
        num_heads: the number of heads.
        key_dim: the features of each head's query and key.
        value_dim: the features of each head's value, default `key_dim`.
        dropout: the share of the weights that is dropped while training.
        use_bias: whether the projections have biases.
        output_shape: the shape of an output, default: the features of the query.
        attention_axes: the axes that are attended over, default: all but the batch, heads and features.
        sliding_window: the distance from which on values do not count; None for any.
        flash_attention: accepted: XLA compiles the layer for the device that there is.
        kernel_initializer: of the kernels of the projections.
        bias_initializer: of their biases.
        kernel_regularizer: function of the kernels that is added to the loss.
        bias_regularizer: function of the biases that is added to the loss.
        activity_regularizer: function of the projections' outputs that is added to the loss.
        kernel_constraint: function applied to the kernels after each update.
        bias_constraint: function applied to the biases after each update.
        use_gate: whether the heads are multiplied by a sigmoid of a projection of the query.
        seed: of dropout.
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
        output_shape: Any = None,
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
                raise ValueError(f"MultiHeadAttention: argument `{name}` must be a positive integer, got {size!r}.")
        if not isinstance(output_shape, (int, list, tuple, type(None))):
            raise ValueError(
                "MultiHeadAttention: Invalid `output_shape`: it must be an integer or a tuple of them, got "
                f"{output_shape!r}."
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

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ValueError(
                "MultiHeadAttention: the shapes of value and key must be equal but for the batch and the features, got "
                f"{tuple(value_shape)} and {tuple(key_shape)}."
            )
        rank = len(query_shape)
        outputs = list(self._output_shape or [query_shape[-1]])
        axes = string.ascii_lowercase[:rank]
        heads, made = "xy", string.ascii_lowercase[rank : rank + len(outputs)]
        split = f"{axes[:-1]}z,zxy->{axes[:-1]}xy"
        joined = f"{axes[:-1]}xy,xy{made}->{axes[:-1]}{made}"
        free: list[Any] = [None] * (rank - 2)
        keys, values = [*free, self.num_heads, self.key_dim], [*free, self.num_heads, self.value_dim]
        inner = (*query_shape[:-1], self.num_heads, self.value_dim)
        self.make_parts(
            {
                "query": (split, keys, heads, query_shape),
                "key": (split, keys, heads, key_shape),
                **({"gate": (split, values, heads, query_shape)} if self.use_gate else {}),
                "value": (split, values, heads, value_shape),
                "attention_output": (joined, [*free, *outputs], made, inner),
            }
        )
        if self.attention_axes is None:
            self.attention_axes = tuple(range(1, rank - 1))
        self.attention_axes = tuple(axis % rank for axis in self.attention_axes)

    def attend(self, query: Any, key: Any, value: Any, mask: Any, drop: Any, wants_weights: bool) -> tuple[Any, Any]:
        if query.ndim == 4:
            return attend_folded(query, key, value, mask, drop, wants_weights)
        scores_of, output_of, axes = self._equations(query.ndim)
        scores = jnp.einsum(scores_of, key, query * np.asarray(1 / np.sqrt(self.key_dim), query.dtype))
        if mask is not None:
            mask = mask.reshape(mask.shape[0], *(1,) * (scores.ndim - mask.ndim), *mask.shape[1:])
        softmax = kernels.masked_softmax if drop is None and not wants_weights else zero_softmax
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
        """For more axes than a sequence's: of the scores, of the output, and the scores' axes of the values."""
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
