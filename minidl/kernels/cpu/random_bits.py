"""JAX's random bits in one pass over the numbers, bit for bit: XLA's own has a loop, and takes six times as long.

Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011: Threefry-2x32-20, in JAX's partitionable form.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from minidl.kernels import reference
from minidl.kernels.compiler import keep_barrier

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_ONE = np.uint32(0x3F800000)  # 1.0 as bits


def is_in_use() -> bool:
    """Whether JAX, as configured, draws these words from raw keys."""
    config: Any = jax.config
    return config.jax_threefry_partitionable and config.jax_default_prng_impl == "threefry2x32"


def uniform(key: Any, shape: tuple[int, ...], minval: float = 0.0, maxval: float = 1.0) -> jax.Array:
    if not is_ours(key, shape) or not all(isinstance(end, (int, float)) for end in (minval, maxval)):
        return reference.uniform(key, shape, minval, maxval)
    return _device_uniform(key, shape, np.float32(minval), np.float32(maxval))


def normal(key: Any, shape: tuple[int, ...], mean: float = 0.0, stddev: float = 1.0) -> jax.Array:
    if not is_ours(key, shape):
        return reference.normal(key, shape, mean, stddev)
    return _device_normal(key, shape) * stddev + mean


def bernoulli(key: Any, probability: float, shape: tuple[int, ...]) -> jax.Array:
    if jax.config.jax_enable_x64:  # type: ignore[attr-defined]
        return reference.bernoulli(key, probability, shape)  # which then draws in float64
    return keep_barrier(uniform(key, shape) < probability)  # drawn once, for the forward and the backward pass


def is_ours(key: Any, shape: tuple[int, ...]) -> bool:
    """Whether JAX would draw these words from a raw key, with a counter of 32 bits."""
    return key.dtype == jnp.uint32 and key.shape == (2,) and is_in_use() and math.prod(shape) < 2**32


@functools.partial(jax.jit, static_argnums=1)
def _device_uniform(key: Any, shape: tuple[int, ...], low: Any, high: Any) -> jax.Array:
    return scaled(words(key, lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)), low, high)


@functools.partial(jax.jit, static_argnums=1)
def _device_normal(key: Any, shape: tuple[int, ...]) -> jax.Array:
    above_minus_one = np.nextafter(np.float32(-1), np.float32(0))
    return normal_of(_device_uniform(key, shape, above_minus_one, np.float32(1)))


def scaled(drawn: Any, low: Any, high: Any) -> jax.Array:
    """Random words as numbers from [low, high)."""
    unit = lax.bitcast_convert_type(mantissas(drawn), jnp.float32) - 1
    return lax.max(low, unit * (high - low) + low)


def mantissas(drawn: Any) -> Any:
    """The bits of a float in [1, 2) for each random word: its top 23 bits are the mantissa."""
    return (drawn >> np.uint32(9)) | _ONE


def normal_of(uniform: Any) -> jax.Array:
    """Numbers of the standard normal distribution from uniform ones between -1 and 1."""
    return np.float32(math.sqrt(2)) * lax.erf_inv(uniform)


def words(key: Any, counter: Any) -> Any:
    """32 random bits for each count: the two words of the cipher on (0, count), joined by xor."""
    schedule = (key[0], key[1], np.uint32(0x1BD11BDA) ^ key[0] ^ key[1])
    left, right = counter * np.uint32(0) + schedule[0], counter + schedule[1]
    for group in range(5):
        for distance in _ROTATIONS[group % 2]:
            left = left + right
            right = (right << np.uint32(distance)) | (right >> np.uint32(32 - distance))
            right = right ^ left
        left = left + schedule[(group + 1) % 3]
        right = right + schedule[(group + 2) % 3] + np.uint32(group + 1)
    return left ^ right
