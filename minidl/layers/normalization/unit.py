"""UnitNormalization: scales vectors to unit length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array, Config
from minidl.layers.base import Layer
from minidl.layers.normalization.layer import normalized_axes


class UnitNormalization(Layer):
    """Divides by the Euclidean norm along `axis`; norms below 1e-6 are replaced by 1e-6.

    Args:
        axis: the axis, or axes, of the vectors.
        **kwargs: see `Layer`.

    Input shape: any.
    Output shape: the same.

    Raises:
        TypeError: an axis that is not an integer or a list of integers.

    Example:
    >>> UnitNormalization()(jnp.array([[3.0, 4.0]]))
    Array([[0.6, 0.8]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any):
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(f"UnitNormalization: axis must be an integer or a list of them, got {axis!r}.")
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Array) -> Array:
        axes = normalized_axes(self.axis, inputs.shape, "UnitNormalization")
        return inputs * lax.rsqrt(jnp.maximum(jnp.sum(jnp.square(inputs), axes, keepdims=True), 1e-12))

    def get_config(self) -> Config:
        return {**super().get_config(), "axis": self.axis}
