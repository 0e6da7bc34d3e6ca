"""Regularization layers: dropout, noise and activity penalties."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp  # noqa: F401, used by the examples

from minidl import random, regularizers
from minidl.core.typing import Array, Config, DType
from minidl.layers.base import Layer
from minidl.layers.data_format import data_format_of
from minidl.layers.input_spec import InputSpec


class Dropout(Layer):
    """Sets a random fraction of the inputs to 0 during training (Srivastava et al., 2014).

    The other inputs are scaled by 1 / (1 - rate), so that the expected sum is unchanged.

    Args:
        rate: fraction of the inputs to drop, from 0 to 1.
        noise_shape: the shape of the mask, broadcast against the input; None in it means the input's
            size. `(None, 1, None)` drops whole features of sequences.
        seed: an integer; None draws one from Python's `random`.
        **kwargs: see `Layer`.

    Input shape: any.
    Output shape: the same.

    Raises:
        ValueError: rate or noise_shape out of range.

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

    def call(self, inputs: Array, training: bool | None = False) -> Array:
        if not training or self.rate == 0:
            return inputs
        return random.dropout(inputs, self.rate, self.noise_shape, self.seed_generator)

    def get_config(self) -> Config:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class _SpatialDropout(Dropout):
    """Drops whole feature maps: one draw per example and channel; see the subclasses."""

    rank: int

    def __init__(
        self, rate: float, seed: int | None = None, name: str | None = None, dtype: DType | None = None, **kwargs: Any
    ):
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.data_format = "channels_last"

    def call(self, inputs: Array, training: bool | None = False) -> Array:
        if not training or self.rate == 0:
            return inputs
        ones = (1,) * self.rank
        batch, channels_last = inputs.shape[0], self.data_format == "channels_last"
        shape = (batch, *ones, inputs.shape[-1]) if channels_last else (batch, inputs.shape[1], *ones)
        return random.dropout(inputs, self.rate, shape, self.seed_generator)

    def get_config(self) -> Config:
        config = {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype}
        return config if self.rank == 1 else {**config, "data_format": self.data_format}


class SpatialDropout1D(_SpatialDropout):
    """Drops whole features of sequences during training (Tompson et al., 2015).

    Neighbouring steps are strongly correlated, so dropping single ones would regularize little.

    Args:
        rate: fraction of the inputs to drop, from 0 to 1.
        seed: an integer; None draws one from Python's `random`.
        name: see `Layer`.
        dtype: see `Layer`.

    Input shape: (batch, steps, channels).
    Output shape: the same.

    Example:
    >>> SpatialDropout1D(0.5)(jnp.ones((2, 3, 4)), training=True).shape
    (2, 3, 4)
    """

    rank = 1


class SpatialDropout2D(_SpatialDropout):
    """Drops whole channels of images during training (Tompson et al., 2015).

    Args:
        rate: fraction of the inputs to drop, from 0 to 1.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        seed: an integer; None draws one from Python's `random`.
        name: see `Layer`.
        dtype: see `Layer`.

    Input shape: (batch, height, width, channels), or (batch, channels, height, width).
    Output shape: the same.

    Example:
    >>> SpatialDropout2D(0.5)(jnp.ones((2, 3, 3, 4)), training=True).shape
    (2, 3, 3, 4)
    """

    rank = 2

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: DType | None = None,
    ):
        super().__init__(rate, seed, name, dtype)
        self.data_format = data_format_of(data_format)


class SpatialDropout3D(SpatialDropout2D):
    """Drops whole channels of volumes during training (Tompson et al., 2015).

    Args:
        rate: fraction of the inputs to drop, from 0 to 1.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        seed: an integer; None draws one from Python's `random`.
        name: see `Layer`.
        dtype: see `Layer`.

    Input shape: (batch, depth, height, width, channels), or (batch, channels, depth, height, width).
    Output shape: the same.

    Example:
    >>> SpatialDropout3D(0.5)(jnp.ones((2, 3, 3, 3, 4)), training=True).shape
    (2, 3, 3, 3, 4)
    """

    rank = 3


class GaussianNoise(Layer):
    """Adds Gaussian noise during training.

    Args:
        stddev: the standard deviation of the noise, from 0 to 1.
        seed: an integer; None draws one from Python's `random`.
        **kwargs: see `Layer`.

    Input shape: any.
    Output shape: the same.

    Raises:
        ValueError: stddev out of range.

    Example:
    >>> GaussianNoise(0.1)(jnp.ones((2, 3)), training=True).shape
    (2, 3)
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if not 0 <= stddev <= 1:
            raise ValueError(f"GaussianNoise: stddev must be from 0 to 1, got {stddev}.")
        self.stddev = stddev
        self.seed = seed
        if stddev > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Array, training: bool | None = False) -> Array:
        if not training or self.stddev == 0:
            return inputs
        return inputs + random.normal(inputs.shape, 0.0, self.stddev, self.compute_dtype, self.seed_generator)

    def get_config(self) -> Config:
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


class GaussianDropout(Layer):
    """Multiplies by Gaussian noise of mean 1 during training (Srivastava et al., 2014).

    The standard deviation is sqrt(rate / (1 - rate)), that of a dropout with the same rate.

    Args:
        rate: the rate of the equivalent dropout, from 0 to 1 (exclusive).
        seed: an integer; None draws one from Python's `random`.
        **kwargs: see `Layer`.

    Input shape: any.
    Output shape: the same.

    Raises:
        ValueError: rate out of range.

    Example:
    >>> GaussianDropout(0.5)(jnp.ones((2, 3)), training=True).shape
    (2, 3)
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise ValueError(f"GaussianDropout: rate must be from 0 to 1, got {rate}.")
        self.rate = rate
        self.seed = seed
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Array, training: bool | None = False) -> Array:
        if not training or self.rate == 0:
            return inputs
        stddev = math.sqrt(self.rate / (1.0 - self.rate))
        return inputs * random.normal(inputs.shape, 1.0, stddev, self.compute_dtype, self.seed_generator)

    def get_config(self) -> Config:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


class AlphaDropout(Layer):
    """Dropout that keeps mean and variance of the outputs of `selu` (Klambauer et al., 2017).

    Dropped inputs become the lowest value of selu, -1.758; then `a * x + b` restores mean and variance.

    Args:
        rate: fraction of the inputs to drop, from 0 to 1.
        noise_shape: see `Dropout`.
        seed: an integer; None draws one from Python's `random`.
        **kwargs: see `Layer`.

    Input shape: any.
    Output shape: the same.

    Raises:
        ValueError: rate out of range.

    Example:
    >>> AlphaDropout(0.5)(jnp.ones((2, 3)), training=True).shape
    (2, 3)
    """

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise ValueError(f"AlphaDropout: rate must be from 0 to 1, got {rate}.")
        self.rate = rate
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = seed
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Array, training: bool | None = False) -> Array:
        if not training or self.rate == 0:
            return inputs
        lowest = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946  # of selu
        sizes = self.noise_shape or inputs.shape
        shape = [own if size is None else size for size, own in zip(sizes, inputs.shape)]
        noise = random.uniform(shape, seed=self.seed_generator)
        kept = (noise >= self.rate).astype(inputs.dtype)
        a = ((1 - self.rate) * (1 + self.rate * lowest**2)) ** -0.5
        return a * (inputs * kept + lowest * (1 - kept)) - a * lowest * self.rate

    def get_config(self) -> Config:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class ActivityRegularization(Layer):
    """Identity that adds a penalty on its input to the loss.

    Args:
        l1: the factor of the sum of absolute values.
        l2: the factor of the sum of squares.
        **kwargs: see `Layer`.

    Input shape: any.
    Output shape: the same.

    Example:
    >>> layer = ActivityRegularization(l2=0.5)
    >>> output = layer(jnp.array([[2.0]]))
    >>> layer.losses
    [Array(2., dtype=float32)]
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1 = l1
        self.l2 = l2
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Array) -> Array:
        return inputs

    def get_config(self) -> Config:
        config = super().get_config()
        del config["activity_regularizer"]
        return {**config, "l1": self.l1, "l2": self.l2}
