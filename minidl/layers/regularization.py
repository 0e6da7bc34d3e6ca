"""Layers that disturb what passes through them while training, so that a model relies on no single value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp  # noqa: F401, used by the examples

from minidl import random
from minidl.layers.base import Layer


class Dropout(Layer):
    """Zeros a random share of the inputs while training (Srivastava et al., 2014).

    What is kept is scaled by 1 / (1 - rate), so that sums keep their mean.

    Args:
        rate: the share that is zeroed, from 0 to 1.
        noise_shape: the shape of the mask, broadcast against the input; None in it means the input's
            size. `(None, 1, None)` drops whole features of sequences.
        seed: an integer; None takes one from Python's `random`.
        **kwargs: see `Layer`.

    Input shape: any.
    Output shape: the same.

    Raises:
        ValueError: rate or noise_shape out of their range.

    Example:
    >>> float(Dropout(0.5, seed=1)(jnp.ones((1, 100)), training=True).max())
    2.0
    """

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise ValueError(f"Dropout: rate must be from 0 to 1, got {rate}.")
        if noise_shape is not None and (
            isinstance(noise_shape, (str, int))
            or any(s is not None and (not isinstance(s, int) or s < 1) for s in noise_shape)
        ):
            raise ValueError(f"Dropout: noise_shape must hold positive integers or None, got {noise_shape!r}.")
        self.rate = rate
        self.seed = seed
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        return random.dropout(inputs, self.rate, self.noise_shape, self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}
