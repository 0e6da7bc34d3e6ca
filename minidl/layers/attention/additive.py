"""AdditiveAttention: attention with additive (Bahdanau) scores."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from minidl.core.typing import Array, Config
from minidl.layers.attention.attention import Attention


class AdditiveAttention(Attention):
    """Additive attention (Bahdanau et al., 2015): scores = sum over features of scale * tanh(query + key).

    Args:
        use_scale: whether each feature has a learned scale.
        dropout: fraction of the attention weights to drop during training.
        **kwargs: `seed`, and see `Layer`.

    Input shape: as in `Attention`.
    Output shape: as in `Attention`.

    Example:
    >>> AdditiveAttention()([jnp.ones((2, 3, 4)), jnp.ones((2, 5, 4))]).shape
    (2, 3, 4)
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any):
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        self._require_list(input_shape, "inputs")
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def scores(self, query: Array, key: Array) -> Array:
        sums = jnp.tanh(query[..., :, None, :] + key[..., None, :, :])
        return jnp.sum(sums if self.scale is None else self.scale.value * sums, axis=-1)

    def get_config(self) -> Config:
        config = super().get_config()
        del config["score_mode"]
        return config
