"""SpectralNormalization: divides a layer's kernel by its largest singular value."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from minidl import initializers
from minidl.core.typing import Array, Config, Shape
from minidl.layers.base import Layer
from minidl.layers.input_spec import InputSpec
from minidl.layers.wrapper import Wrapper


class SpectralNormalization(Wrapper):
    """Divides the kernel of a layer by its largest singular value in every training step (Miyato et al., 2018).

    The singular value is estimated by power iterations: v = u W^T / |u W^T|, u = v W / |v W|, sigma = v W u^T.

    Args:
        layer: a layer with a `kernel` or `embeddings`.
        power_iterations: the number of iterations per step.
        **kwargs: see `Layer`.

    Input shape: that of the layer.
    Output shape: that of the layer.

    Raises:
        ValueError: a layer without a kernel, or a number of iterations that is not positive.

    Example:
    >>> from minidl.layers import Dense
    >>> SpectralNormalization(Dense(3))(jnp.ones((2, 4)), training=True).shape
    (2, 3)
    """

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any):
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise ValueError(
                f"SpectralNormalization: power_iterations must be a positive integer, got {power_iterations}."
            )
        self.power_iterations = power_iterations

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        kernel = getattr(self.layer, "kernel", getattr(self.layer, "embeddings", None))
        if kernel is None:
            raise ValueError(
                f"SpectralNormalization: the layer {self.layer.name!r} ({type(self.layer).__name__}) has no `kernel` "
                "or `embeddings` to normalize."
            )
        self.kernel = kernel
        self.vector_u = self.add_weight(
            (1, self.kernel.shape[-1]),
            initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            name="vector_u",
            dtype=self.kernel.dtype,
        )

    def call(self, inputs: Array, training: bool | None = False) -> Array:
        if training:
            u, kernel = jax.lax.cond(
                jnp.all(self.kernel.value == 0),
                lambda: (self.vector_u.value, self.kernel.value),
                self.normalized_weights,
            )
            self.vector_u.assign(u)
            self.kernel.assign(kernel)
        return self.layer(inputs).astype(self.compute_dtype)

    def normalized_weights(self) -> tuple[Array, Array]:
        """The vector u after this step's iterations, and the kernel divided by its largest singular value."""
        kernel, u = self.kernel.value, self.vector_u.value
        matrix = kernel.reshape(-1, kernel.shape[-1])
        for _ in range(self.power_iterations):
            v = _unit(u @ matrix.T)
            u = _unit(v @ matrix)
        u, v = lax.stop_gradient(u), lax.stop_gradient(v)
        return u.astype(self.vector_u.dtype), (kernel / (v @ matrix @ u.T)).reshape(kernel.shape).astype(kernel.dtype)

    def get_config(self) -> Config:
        return {**super().get_config(), "power_iterations": self.power_iterations}


def _unit(x: Array) -> Array:
    return x * lax.rsqrt(jnp.maximum(jnp.sum(jnp.square(x)), 1e-12))
