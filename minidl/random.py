"""Random numbers: seeds, seed generators, and functions that draw from distributions.

The numbers are those of Keras on JAX: a seed becomes the raw threefry key `[seed, 0]`, and a `SeedGenerator` increments
the second word at each draw. Default seeds come from Python's `random`, which `set_random_seed` seeds.
"""

from __future__ import annotations

import random as python_random
import threading
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl import kernels
from minidl.core import dtypes
from minidl.core.naming import auto_name
from minidl.core.object_graph import Stamped
from minidl.core.typing import Array, ArrayLike, DType
from minidl.core.variables import Variable, name_scope

_drawing = threading.Lock()  # two threads never draw the same key
_global: dict[str, SeedGenerator] = {}  # the generator of draws without a seed, created lazily
_seeded: set[bool] = set()  # not empty after set_random_seed


def set_random_seed(seed: int) -> None:
    """Seed Python's `random`, NumPy's global generator and the default `SeedGenerator`.

    Programs that start with the same seed compute the same numbers.

    Raises:
        ValueError: the seed is not an integer.
    """
    if not isinstance(seed, int):
        raise ValueError(f"set_random_seed: expected an integer, got {seed!r}.")
    python_random.seed(seed)
    np.random.seed(seed)
    reset_generator()
    _seeded.add(True)


def is_seeded() -> bool:
    """Whether the program has called `set_random_seed`."""
    return bool(_seeded)


def reset_generator() -> None:
    """Discard the generator of draws without a seed; the next such draw creates a new one."""
    _global.clear()


def make_default_seed() -> int:
    """A default seed, from Python's `random`."""
    return python_random.randint(1, int(1e9))


class SeedGenerator(Stamped):
    """A stateful stream of random keys: each call of `next` returns a new one.

    Args:
        seed: an integer; None takes one from Python's `random`.
        name: default "seed_generator", "seed_generator_1", ...
        **kwargs: an error.

    Raises:
        ValueError: the seed is not an integer, or unknown arguments.

    Example:
    >>> generator = SeedGenerator(seed=7)
    >>> generator.next(), generator.next()
    (Array([7, 0], dtype=uint32), Array([7, 1], dtype=uint32))
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any):
        if kwargs:
            raise ValueError(f"SeedGenerator: unknown arguments {sorted(kwargs)}; it takes seed and name.")
        self.name = name or auto_name(type(self).__name__)
        self._initial_seed = seed
        if seed is None:
            seed = make_default_seed()
        if not isinstance(seed, int):
            raise ValueError(f"SeedGenerator: seed must be an integer, got {seed!r}.")
        with name_scope(self.name):
            self.state = Variable(_key(seed), trainable=False, name="seed_generator_state")

    def next(self, ordered: bool = True) -> Array:
        """The next key, an array of two uint32. `ordered=False` hashes the state instead of incrementing it."""
        with _drawing:
            key = self.state.value
            words: Any = key if isinstance(key, jax.core.Tracer) else np.asarray(key)  # NumPy: nothing to compile
            self.state.assign(words + np.array([0, 1], "uint32") if ordered else (words + 1) * 5387 % 933199)
        return key

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """The generator of a config made by `get_config`."""
        return cls(**config)


Seed = int | SeedGenerator | jax.Array | None


def draw_seed(seed: Seed) -> Any:
    """The raw key of a seed: an integer, a generator (which advances), a key, or None for the global generator.

    Raises:
        ValueError: a seed of another type; or None while tracing, where the draw would be a constant.
    """
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if isinstance(seed, (int, np.integer)):
        return _key(int(seed))
    if isinstance(seed, (jax.Array, np.ndarray)):
        return seed
    if seed is not None:
        raise ValueError(f"seed must be an integer, a SeedGenerator, a key or None, got {seed!r}.")
    if isinstance(jax.device_put(0), jax.core.Tracer):  # inside a traced function
        raise ValueError(
            "A random function without a seed was called in a compiled function, where its draw would become a "
            "constant. Make `self.seed_generator = SeedGenerator()` in the layer and pass it as seed=."
        )
    if "generator" not in _global:
        _global["generator"] = SeedGenerator()
    return _global["generator"].next(ordered=False)


def uniform(
    shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: DType | None = None, seed: Seed = None
) -> Array:
    """Samples of the uniform distribution over [minval, maxval).

    >>> uniform((2,), seed=1).shape
    (2,)
    """
    dtype = dtypes.canonical(dtype)
    if not dtypes.is_float(dtype):
        raise ValueError(f"uniform: expected a float dtype, got {dtype!r}. For integers use randint.")
    key = draw_seed(seed)
    if dtype == "float32":
        return kernels.uniform(key, tuple(shape), minval, maxval)
    return jax.random.uniform(key, tuple(shape), dtype, minval, maxval)


def normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: DType | None = None, seed: Seed = None
) -> jax.Array:
    """Samples of the normal distribution."""
    key, dtype = draw_seed(seed), dtypes.canonical(dtype)
    if dtype == "float32":
        return kernels.normal(key, tuple(shape), mean, stddev)
    return jax.random.normal(key, tuple(shape), dtype) * stddev + mean


def truncated_normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: DType | None = None, seed: Seed = None
) -> jax.Array:
    """Samples of the normal distribution truncated at two standard deviations from the mean."""
    key, dtype = draw_seed(seed), dtypes.canonical(dtype)
    if dtype == "float32":
        return kernels.truncated_normal(key, tuple(shape), mean, stddev)
    return jax.random.truncated_normal(key, -2.0, 2.0, tuple(shape), dtype) * stddev + mean


def randint(shape: Sequence[int], minval: int, maxval: int, dtype: DType = "int32", seed: Seed = None) -> jax.Array:
    """Uniform random integers from [minval, maxval).

    Raises:
        ValueError: the dtype is not an integer type.
    """
    if not jnp.issubdtype(dtypes.canonical(dtype), jnp.integer):
        raise ValueError(f"randint: expected an integer dtype, got {dtype!r}. For floats use uniform.")
    return jax.random.randint(draw_seed(seed), tuple(shape), minval, maxval, dtype)


def categorical(logits: ArrayLike, num_samples: int, dtype: DType = "int32", seed: Seed = None) -> jax.Array:
    """Samples of class indices with probabilities softmax(logits): (batch, classes) -> (batch, num_samples).

    Raises:
        ValueError: logits do not have two axes.
    """
    logits = jnp.asarray(logits)
    if logits.ndim != 2:
        raise ValueError(f"categorical: expected logits of shape (batch, classes), got {logits.shape}.")
    shape = (logits.shape[0], num_samples)
    return jax.random.categorical(draw_seed(seed), logits[..., None], axis=1, shape=shape).astype(dtype)


def shuffle(x: ArrayLike, axis: int = 0, seed: Seed = None) -> jax.Array:
    """Randomly permuted elements along an axis, each position along the others independently."""
    return jax.random.permutation(draw_seed(seed), jnp.asarray(x), axis, independent=True)


def dropout(
    inputs: ArrayLike, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Seed = None
) -> jax.Array:
    """Dropout: set a fraction `rate` of the inputs to zero and scale the rest by 1 / (1 - rate).

    Args:
        inputs: any array.
        rate: the fraction to drop, from 0 to 1.
        noise_shape: the shape of the mask, broadcast against the inputs; None for the size of the inputs.
        seed: see `draw_seed`.

    Raises:
        ValueError: rate is below 0 or above 1.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"dropout: rate must be from 0 to 1, got {rate}.")
    inputs = jnp.asarray(inputs)
    if rate == 1.0:
        return jnp.zeros_like(inputs)
    if rate == 0.0:
        return inputs
    shape = tuple(inputs.shape if noise_shape is None else (n or s for n, s in zip(noise_shape, inputs.shape)))
    keep = kernels.bernoulli(draw_seed(seed), 1.0 - rate, shape)
    return jnp.where(keep, inputs / (1.0 - rate), jnp.zeros_like(inputs))


def gamma(shape: Sequence[int], alpha: ArrayLike, dtype: DType | None = None, seed: Seed = None) -> jax.Array:
    """Samples of the gamma distribution with shape parameter alpha and scale 1."""
    return jax.random.gamma(draw_seed(seed), alpha, tuple(shape), dtypes.canonical(dtype))


def binomial(
    shape: Sequence[int], counts: ArrayLike, probabilities: ArrayLike, dtype: DType | None = None, seed: Seed = None
) -> jax.Array:
    """Samples of the binomial distribution: successes in `counts` trials of the given probabilities."""
    n, p = jnp.asarray(counts), jnp.asarray(probabilities)
    return jax.random.binomial(draw_seed(seed), n, p, tuple(shape), dtypes.canonical(dtype))


def beta(
    shape: Sequence[int], alpha: ArrayLike, beta: ArrayLike, dtype: DType | None = None, seed: Seed = None
) -> jax.Array:
    """Samples of the beta distribution with parameters alpha and beta."""
    alpha, beta = jnp.asarray(alpha), jnp.asarray(beta)
    return jax.random.beta(draw_seed(seed), alpha, beta, tuple(shape), dtypes.canonical(dtype))


def _key(seed: int) -> np.ndarray:
    return np.array([seed & 0xFFFFFFFF, 0], "uint32")
