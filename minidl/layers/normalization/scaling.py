"""What the normalizations share: gamma and beta, and the normalization itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from minidl import kernels
from minidl.core.typing import Config, Identifier
from minidl.layers import weight_options
from minidl.layers.base import Layer


class ScaledNormalization(Layer):
    """A normalization with a learned scale gamma and offset beta: see the subclasses for the arguments."""

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
        """Make gamma and beta, which keep their dtype in mixed precision."""
        if self.scale:
            self.gamma = weight_options.make(self, "gamma", shape, autocast=False)
        if self.center:
            self.beta = weight_options.make(self, "beta", shape, autocast=False)

    def normalize(self, x: Any, mean: Any, variance: Any, shape: Sequence[int], correction: Any = None) -> Any:
        """Give `gamma * (x - mean) / sqrt(variance + epsilon) + beta`, with gamma and beta in the given shape.

        A correction (r, d) of batch renormalization is applied before gamma and beta: `r * ... + d`.
        """
        factor, shift = lax.rsqrt(variance + self.epsilon), 0.0
        if correction is not None:
            factor, shift = factor * correction[0], correction[1]
        if self.gamma is not None:
            gamma = self.gamma.value.reshape(shape).astype(x.dtype)
            factor, shift = factor * gamma, shift * gamma
        offset = shift - mean * factor
        if self.beta is not None:
            offset = offset + self.beta.value.reshape(shape).astype(x.dtype)
        return x * factor + offset

    def normalize_by_moments(self, x: Any, axes: Sequence[int], shape: Sequence[int]) -> Any:
        """The same, with the mean and variance of the array itself over some axes."""
        gamma, beta = (
            jnp.full(shape, empty, x.dtype) if weight is None else weight.value.reshape(shape).astype(x.dtype)
            for weight, empty in ((self.gamma, 1), (self.beta, 0))
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


def precise(x: Any) -> Any:
    """The array in float32 at least: squares of small formats overflow."""
    return x.astype(jnp.promote_types(x.dtype, "float32"))
