"""AdditiveAttention: attention whose scores are sums of tanh."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from minidl.core.typing import Config, Shape
from minidl.layers.attention.attention import Attention


class AdditiveAttention(Attention):
    """Additive attention (Bahdanau et al., 2015): scores = sum over features of scale * tanh(query + key).

    Args:
        use_scale: whether each feature has a scale that is learned.
        dropout: the share of the weights that is dropped while training.
        **kwargs: `seed`, and see `Layer`.

    Input shape: as in `Attention`.
    Output shape: as in `Attention`.

    Example:
    >>> AdditiveAttention()([jnp.ones((2, 3, 4)), jnp.ones((2, 5, 4))]).shape
    (2, 3, 4)
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any):
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Shape) -> None:
        self._require_list(input_shape, "must be called on")
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def scores(self, query: Any, key: Any) -> Any:
        sums = jnp.tanh(query[..., :, None, :] + key[..., None, :, :])
        return jnp.sum(sums if self.scale is None else self.scale.value * sums, axis=-1)

    def get_config(self) -> Config:
        config = super().get_config()
        del config["score_mode"]
        return config
