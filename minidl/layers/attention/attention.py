"""Attention: dot-product attention."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from minidl import random
from minidl.core.typing import Array, Config
from minidl.layers.base import Layer


class Attention(Layer):
    """Dot-product attention (Luong et al., 2015): `softmax(query @ key.T) @ value`.

    Args:
        use_scale: whether the scores are multiplied by a learned scalar.
        score_mode: "dot", or "concat" for the sum over tanh(query + key), times a learned scalar.
        dropout: fraction of the attention weights to drop during training.
        seed: seed of dropout.
        **kwargs: see `Layer`.

    Input shape: a list of query (batch, queries, features), value (batch, values, features) and, if it differs from the
        value, key (batch, values, features). Masked values are ignored; the outputs of masked queries are 0.
    Output shape: (batch, queries, features); with `return_attention_scores=True` also the weights
        (batch, queries, values).

    Raises:
        ValueError: an unknown score_mode, or inputs or masks that are not a list of two or three.

    Example:
    >>> Attention()([jnp.ones((2, 3, 4)), jnp.ones((2, 5, 4))]).shape
    (2, 3, 4)
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(f"Attention: score_mode must be 'dot' or 'concat', got {score_mode!r}.")
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = dropout
        self.seed = seed
        if dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.scale: Any = None
        self.concat_score_weight: Any = None

    def build(self, input_shape: Any) -> None:
        self._require_list(input_shape, "inputs")
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool | None = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._require_list(inputs, "inputs")
        if mask is not None:
            self._require_list(mask, "mask")
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = (mask[0], mask[1]) if mask is not None else (None, None)
        scores = self.scores(query, key)
        allowed = None if value_mask is None else value_mask[:, None, :].astype(bool)
        if use_causal_mask:
            causal = jnp.tril(jnp.ones(scores.shape[-2:], bool))[None]
            allowed = causal if allowed is None else allowed & causal
        if allowed is not None:
            scores = jnp.where(allowed, scores, scores - (65504.0 if scores.dtype == jnp.float16 else 1.0e9))
        weights = jax.nn.softmax(scores, axis=-1)
        if training and self.dropout > 0:
            weights = random.dropout(weights, self.dropout, seed=self.seed_generator)
        output = weights @ value
        if query_mask is not None:
            output = jnp.where(query_mask[..., None].astype(bool), output, 0)
        return (output, weights) if return_attention_scores else output

    def scores(self, query: Array, key: Array) -> Array:
        """The score of each query with each key, (batch, queries, values)."""
        if self.score_mode == "dot":
            scores = query @ jnp.swapaxes(key, -2, -1)
            return scores if self.scale is None else scores * self.scale.value
        sums = query[..., :, None, :] + key[..., None, :, :]
        if self.scale is not None:
            sums = self.scale.value * sums
        return self.concat_score_weight.value * jnp.sum(jnp.tanh(sums), axis=-1)

    def compute_mask(self, inputs: list[Array], mask: Any = None) -> Array | None:
        """The mask of the query."""
        return mask[0] if mask is not None else None

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "use_scale": self.use_scale,
            "score_mode": self.score_mode,
            "dropout": self.dropout,
            "seed": self.seed,
        }

    def _require_list(self, given: Any, what: str) -> None:
        if not isinstance(given, list) or not 2 <= len(given) <= 3:
            raise ValueError(
                f"{type(self).__name__}: {what} must be a list of the query, the value and, if you like, the key; got "
                f"{type(given).__name__}{f' of {len(given)}' if isinstance(given, (list, tuple)) else ''}."
            )
