"""GroupQueryAttention: grouped-query attention."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from minidl.core.naming import auto_name
from minidl.core.typing import Array, Config, Identifier, Shape
from minidl.layers.attention.heads import Dropping, HeadedAttention, scaled_dot_product


class GroupQueryAttention(HeadedAttention):
    """Grouped-query attention: groups of query heads share a key and value head (Ainslie et al., 2023).

    Args:
        head_dim: size of each head.
        num_query_heads: number of query heads, a multiple of `num_key_value_heads`.
        num_key_value_heads: number of key and value heads.
        dropout: fraction of the attention weights to drop during training.
        use_bias: whether the projections have biases.
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
        (batch, query heads, queries, values).

    Raises:
        ValueError: a number of query heads that is not a multiple of the number of key and value heads.

    Example:
    >>> layer = GroupQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)
    >>> layer(jnp.ones((2, 3, 16)), jnp.ones((2, 5, 16))).shape
    (2, 3, 16)
    """

    saved_names = {f"{name}_dense": f"_{name}_dense" for name in ("query", "key", "value", "output", "gate")}

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
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
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                "GroupQueryAttention: num_query_heads must be a multiple of num_key_value_heads, got "
                f"{num_query_heads} and {num_key_value_heads}."
            )
        options = {
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "bias_constraint": bias_constraint,
        }
        kwargs["name"] = kwargs.get("name") or auto_name("GroupedQueryAttention")  # the automatic name in Keras
        super().__init__(
            dropout, use_bias, sliding_window, flash_attention, options, activity_regularizer, use_gate, seed, **kwargs
        )
        self.head_dim = head_dim
        self.num_query_heads = num_query_heads
        self.num_key_value_heads = num_key_value_heads
        self.num_repeats = num_query_heads // num_key_value_heads

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ValueError(
                "GroupQueryAttention: value and key must have equal shapes except for batch and features, "
                f"got {tuple(value_shape)} and {tuple(key_shape)}."
            )
        many, few = [None, self.num_query_heads, self.head_dim], [None, self.num_key_value_heads, self.head_dim]
        inner = (None, None, self.num_query_heads, self.head_dim)
        self.make_projections(
            {
                "query": ("bqm,muh->bquh", many, "uh", query_shape),
                "key": ("bkm,mvh->bkvh", few, "vh", key_shape),
                **({"gate": ("bqm,muh->bquh", many, "uh", query_shape)} if self.use_gate else {}),
                "value": ("bkm,mvh->bkvh", few, "vh", value_shape),
                "attention_output": ("bquh,uhm->bqm", [None, query_shape[-1]], "m", inner),
            }
        )

    def attend(
        self, query: Array, key: Array, value: Array, mask: Array | None, drop: Dropping, return_weights: bool
    ) -> tuple[Array, Array | None]:
        key, value = jnp.repeat(key, self.num_repeats, axis=2), jnp.repeat(value, self.num_repeats, axis=2)
        return scaled_dot_product(query, key, value, mask, drop, return_weights)

    def get_config(self) -> Config:
        return {
            **self.options_config(),
            "head_dim": self.head_dim,
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
        }
