"""RMSNormalization: divides by the root mean square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from minidl.core.typing import Array, Config
from minidl.layers.base import Layer
from minidl.layers.normalization.layer import normalized_axes
from minidl.layers.normalization.scaling import precise


class RMSNormalization(Layer):
    """Divides by the root mean square: `x / sqrt(mean(x**2) + epsilon) * scale` (Zhang and Sennrich, 2019).

    Args:
        axis: the axis, or axes, over which the mean is taken.
        epsilon: added to the mean square.
        **kwargs: see `Layer`.

    Input shape: any, with known sizes along `axis`.
    Output shape: the same.

    Example:
    >>> RMSNormalization(epsilon=0.0)(jnp.array([[3.0, 3.0]]))
    Array([[1., 1.]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis: Any = axis
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        self.axis = normalized_axes(self.axis, input_shape, "RMSNormalization")
        self.scale = self.add_weight([input_shape[axis] for axis in self.axis], "ones", name="scale")

    def call(self, inputs: Array) -> Array:
        x = precise(inputs)
        axes = sorted(axis % x.ndim for axis in self.axis)
        shape = [x.shape[axis] if axis in axes else 1 for axis in range(x.ndim)]
        factor = lax.rsqrt(jnp.mean(jnp.square(x), axes, keepdims=True) + self.epsilon)
        return (x * factor * self.scale.value.reshape(shape)).astype(inputs.dtype)

    def get_config(self) -> Config:
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}
