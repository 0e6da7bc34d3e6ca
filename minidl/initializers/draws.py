"""Random initializers.

Each draws the same numbers at each call. Without a seed it takes one from Python's `random` at construction, so
`set_random_seed` determines every weight of a program.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl import random
from minidl.core import dtypes, naming, serialization
from minidl.core.typing import DType
from minidl.initializers.base import Initializer

Seed = int | random.SeedGenerator | dict[str, Any] | None  # a dict is the config of a SeedGenerator

# The standard deviation of a standard normal truncated at -2 and 2:
# sqrt(1 - 4 p(2) / (2 P(2) - 1)), with p the density and P the distribution function.
_TRUNCATED_STDDEV = 0.8796256610342398


class RandomInitializer(Initializer):
    """Base class of random initializers: holds the seed.

    Args:
        seed: an integer, for the same draw at each call; a `SeedGenerator`, for a new draw at each call;
            None takes an integer from Python's `random` at construction.

    Raises:
        ValueError: the seed is of another type.
    """

    def __init__(self, seed: Seed = None):
        if isinstance(seed, dict):
            seed = serialization.deserialize(seed, {"SeedGenerator": random.SeedGenerator}, "seed generator")
        if seed is not None and not isinstance(seed, (int, random.SeedGenerator)):
            raise ValueError(f"{type(self).__name__}: expected an integer seed, a SeedGenerator or None, got {seed!r}.")
        self._init_seed = seed
        self.seed = random.make_default_seed() if seed is None else seed

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor; the seed as it was given."""
        return {"seed": serialization.serialize(self._init_seed)}


class RandomNormal(RandomInitializer):
    """Normal distribution.

    Args:
        mean: the mean.
        stddev: the standard deviation.
        seed: see `RandomInitializer`.

    >>> RandomNormal(stddev=0.1, seed=1)((2, 3)).shape
    (2, 3)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None):
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: DType | None = None) -> jax.Array:
        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomInitializer):
    """Normal distribution truncated at two standard deviations from the mean.

    Args:
        mean: the mean.
        stddev: the standard deviation before truncation; afterwards it is 0.88 times as large.
        seed: see `RandomInitializer`.

    >>> bool(jnp.max(TruncatedNormal(stddev=1.0, seed=1)((100,))) <= 2.0)
    True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None):
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: DType | None = None) -> jax.Array:
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"mean": self.mean, "stddev": self.stddev}


class RandomUniform(RandomInitializer):
    """Uniform distribution over [minval, maxval).

    Args:
        minval: the lower end, included.
        maxval: the upper end, excluded.
        seed: see `RandomInitializer`.

    >>> RandomUniform(0.0, 1.0, seed=1)((2, 3)).shape
    (2, 3)
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Seed = None):
        self.minval = minval
        self.maxval = maxval
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: DType | None = None) -> jax.Array:
        return random.uniform(shape, self.minval, self.maxval, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"minval": self.minval, "maxval": self.maxval}


class VarianceScaling(RandomInitializer):
    """Random values of mean 0 and variance `scale / n`, which keeps the scale of activations from layer to layer.

    n is the number of inputs of each unit ("fan_in"), of outputs ("fan_out"), or the mean of the two
    ("fan_avg"). "uniform" draws from [-limit, limit) with `limit = sqrt(3 scale / n)`.

    Args:
        scale: a positive factor of the variance.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal" (also called "normal"), "untruncated_normal" or "uniform".
        seed: see `RandomInitializer`.
        input_axes: the axes whose sizes multiply to the number of inputs. By default the last but
            one and all before it, as in the kernel of a convolution.
        output_axes: the same for the outputs; by default the last axis and the spatial ones. Give both or
            neither.

    Raises:
        ValueError: a scale that is not positive, an unknown mode or distribution, or a seed of another type.

    >>> VarianceScaling(2.0, mode="fan_out", seed=1)((2, 3)).shape
    (2, 3)

    Source: Glorot & Bengio, 2010; He et al., "Delving deep into rectifiers", 2015.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ):
        distribution = distribution.lower()
        if scale <= 0:
            raise ValueError(f"{type(self).__name__}: expected a positive scale, got {scale!r}.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"{type(self).__name__}: {naming.unknown('mode', mode, ('fan_in', 'fan_out', 'fan_avg'))}")
        if distribution not in ("normal", "truncated_normal", "untruncated_normal", "uniform"):
            known = ("truncated_normal", "untruncated_normal", "uniform")
            raise ValueError(f"{type(self).__name__}: {naming.unknown('distribution', distribution, known)}")
        self.scale = scale
        self.mode = mode
        self.distribution = "truncated_normal" if distribution == "normal" else distribution
        self.input_axes = input_axes
        self.output_axes = output_axes
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: DType | None = None) -> jax.Array:
        fan_in, fan_out = _fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random.uniform(shape, -limit, limit, dtype, self.seed)
        stddev = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, stddev, dtype, self.seed)
        return random.truncated_normal(shape, 0.0, stddev / _TRUNCATED_STDDEV, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        scaling = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution}
        return super().get_config() | scaling | {"input_axes": self.input_axes, "output_axes": self.output_axes}


class _Preset(VarianceScaling):
    """A `VarianceScaling` with the scale, mode and distribution of the class."""

    fixed: tuple[float, str, str]

    def __init__(
        self,
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ):
        super().__init__(*self.fixed, seed=seed, input_axes=input_axes, output_axes=output_axes)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {name: config[name] for name in ("seed", "input_axes", "output_axes")}


class GlorotUniform(_Preset):
    """Glorot (Xavier) uniform, from [-limit, limit) with `limit = sqrt(6 / (fan_in + fan_out))`; the usual default.

    Args: `seed`, `input_axes`, `output_axes` as in `VarianceScaling`.

    Source: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """

    fixed = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Preset):
    """Glorot (Xavier) normal, truncated, of variance `2 / (fan_in + fan_out)`.

    Args: `seed`, `input_axes`, `output_axes` as in `VarianceScaling`.

    Source: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """

    fixed = (1.0, "fan_avg", "truncated_normal")


class LecunNormal(_Preset):
    """LeCun normal, truncated, of variance `1 / fan_in`; for `selu`.

    Args: `seed`, `input_axes`, `output_axes` as in `VarianceScaling`.

    Source: LeCun et al., "Efficient backprop", 1998; Klambauer et al., "Self-normalizing neural networks", 2017.
    """

    fixed = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_Preset):
    """LeCun uniform, from [-limit, limit) with `limit = sqrt(3 / fan_in)`.

    Args: `seed`, `input_axes`, `output_axes` as in `VarianceScaling`.

    Source: LeCun et al., "Efficient backprop", 1998.
    """

    fixed = (1.0, "fan_in", "uniform")


class HeNormal(_Preset):
    """He normal, truncated, of variance `2 / fan_in`; for `relu`.

    Args: `seed`, `input_axes`, `output_axes` as in `VarianceScaling`.

    Source: He et al., "Delving deep into rectifiers", 2015.
    """

    fixed = (2.0, "fan_in", "truncated_normal")


class HeUniform(_Preset):
    """He uniform, from [-limit, limit) with `limit = sqrt(6 / fan_in)`; for `relu`.

    Args: `seed`, `input_axes`, `output_axes` as in `VarianceScaling`.

    Source: He et al., "Delving deep into rectifiers", 2015.
    """

    fixed = (2.0, "fan_in", "uniform")


class Orthogonal(RandomInitializer):
    """Random orthogonal matrix times `gain`: orthonormal columns, or rows if there are fewer rows.

    The Q of the QR decomposition of normal draws, with signs for which R has a positive diagonal, so that all
    orthogonal matrices are equally likely. All axes but the last are merged.

    Args:
        gain: a factor.
        seed: see `RandomInitializer`.

    Raises:
        ValueError: (when called) a shape with fewer than two axes.

    >>> q = Orthogonal(seed=1)((4, 2))
    >>> bool(jnp.allclose(q.T @ q, jnp.eye(2), atol=1e-6))
    True

    Source: Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2014;
    Mezzadri, "How to generate random matrices from the classical compact groups", 2007.
    """

    def __init__(self, gain: float = 1.0, seed: Seed = None):
        self.gain = gain
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: DType | None = None) -> jax.Array:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: expected a shape of at least 2 axes, got {tuple(shape)}.")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        dtype = jnp.dtype(dtypes.canonical(dtype))
        at_least_32_bits = np.promote_types(dtype, np.float32)  # a QR decomposition needs them
        draws = random.normal((max(rows, columns), min(rows, columns)), dtype=at_least_32_bits, seed=self.seed)
        return _orthogonal(draws, self.gain, tuple(shape)).astype(dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"gain": self.gain}


def _orthogonal(draws: jax.Array, gain: float, shape: tuple[int, ...]) -> jax.Array:
    """Normal draws (m, n), m >= n -> orthonormal columns, or rows if the shape is wider than high, times gain.

    Draws that are known are decomposed with LAPACK directly, as JAX does on the CPU, with nothing to compile.
    """
    numpy: Any
    if isinstance(draws, jax.core.Tracer):
        numpy, (q, r) = jnp, jnp.linalg.qr(draws)
    else:
        from scipy import linalg  # takes 0.2 s

        numpy, (q, r) = np, linalg.qr(np.asarray(draws), mode="economic", check_finite=False)
    q = q * numpy.sign(numpy.diag(r))
    if math.prod(shape[:-1]) < shape[-1]:
        q = q.T
    return jax.device_put(gain * q.reshape(shape))


def _fans(shape: Sequence[int], input_axes: Sequence[int] | None, output_axes: Sequence[int] | None) -> tuple[int, int]:
    """The number of inputs of each unit, and of outputs of each input."""
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window
