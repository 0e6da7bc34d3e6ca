"""The base of normalization layers with a learned scale and offset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from minidl import kernels
from minidl.core.typing import Array, Config, Identifier
from minidl.layers import weight_options
from minidl.layers.base import Layer


class ScaledNormalization(Layer):
    """A normalization with a learned scale gamma and offset beta; see the subclasses for the arguments."""

    def __init__(
        self,
        axis: Any,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: Identifier,
        gamma_initializer: Identifier,
        beta_regularizer: Identifier,
        gamma_regularizer: Identifier,
        beta_constraint: Identifier,
        gamma_constraint: Identifier,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.axis = axis
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        weight_options.take(
            self,
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.supports_masking = True
        self.gamma: Any = None
        self.beta: Any = None

    def make_weights(self, shape: Sequence[int]) -> None:
        """Add gamma and beta, which keep their dtype in mixed precision."""
        if self.scale:
            self.gamma = weight_options.make(self, "gamma", shape, autocast=False)
        if self.center:
            self.beta = weight_options.make(self, "beta", shape, autocast=False)

    def normalize(
        self,
        x: Array,
        mean: Array,
        variance: Array,
        shape: Sequence[int],
        correction: tuple[Array, Array] | None = None,
    ) -> Array:
        """Return `gamma * (x - mean) / sqrt(variance + epsilon) + beta`, with gamma and beta in the given shape.

        A correction (r, d) of batch renormalization is applied before gamma and beta: `r * ... + d`.
        """
        factor = lax.rsqrt(variance + self.epsilon)
        offset: Any = None
        if correction is not None:
            factor, offset = factor * correction[0], correction[1]
        if self.gamma is not None:
            gamma = self.gamma.value.reshape(shape).astype(x.dtype)
            factor, offset = factor * gamma, None if offset is None else offset * gamma
        if self.beta is not None:
            beta = self.beta.value.reshape(shape).astype(x.dtype)
            offset = beta if offset is None else offset + beta
        normal = (x - mean) * factor  # and not `x * factor - mean * factor`: one vector less to compute before
        return normal if offset is None else normal + offset

    def normalize_by_moments(self, x: Array, axes: Sequence[int], shape: Sequence[int]) -> Array:
        """As `normalize`, with the mean and variance of x over `axes`."""
        gamma, beta = (
            jnp.full(shape, default, x.dtype) if weight is None else weight.value.reshape(shape).astype(x.dtype)
            for weight, default in ((self.gamma, 1), (self.beta, 0))
        )
        return kernels.normalize(x, gamma, beta, tuple(axes), self.epsilon)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            **weight_options.config(self, "beta", "gamma"),
        }


def precise(x: Array) -> Array:
    """The array in at least float32: squares overflow in narrower dtypes."""
    return x.astype(jnp.promote_types(x.dtype, "float32"))
