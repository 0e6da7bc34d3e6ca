"""Masking: masks the padding steps of sequences."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from minidl.core.typing import Array, Config
from minidl.layers import masks
from minidl.layers.base import Layer


class Masking(Layer):
    """Masks the steps whose features all equal `mask_value`, and sets them to 0.

    Args:
        mask_value: the padding value.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, ..., features).
    Output shape: the same, with a mask (batch, steps, ...).

    Example:
    >>> x = Masking()(np.array([[[1.0, 2.0], [0.0, 0.0]]]))
    >>> masks.get(x)
    Array([[ True, False]], dtype=bool)
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.mask_value = np.asarray(mask_value["config"]["value"]) if isinstance(mask_value, dict) else mask_value
        self.supports_masking = True
        self.built = True

    def compute_mask(self, inputs: Array, mask: Array | None = None) -> Array:
        return jnp.any(jnp.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Array) -> Array:
        mask = self.compute_mask(inputs)
        return masks.put(jnp.where(mask[..., None], inputs, 0), mask)

    def get_config(self) -> Config:
        value = self.mask_value
        return {**super().get_config(), "mask_value": value.tolist() if hasattr(value, "tolist") else value}
