"""JAX's random bits, computed without JAX's random functions, bit for bit.

On the host with NumPy, for initial weights: compiling a small program for each shape would take longer than training a
small model. On the CPU as a device in one pass over the numbers, for dropout and noise: XLA's own has a loop
there, and takes six times as long.

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

_HOST_LIMIT = 2**22  # numbers; above, compiling a draw on the device is worth it
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_ONE = np.uint32(0x3F800000)  # 1.0 as bits


def is_in_use() -> bool:
    """Whether JAX, as configured, draws these words from raw keys."""
    config: Any = jax.config
    return config.jax_threefry_partitionable and config.jax_default_prng_impl == "threefry2x32"


def draws_on_host(key: Any, shape: tuple[int, ...]) -> bool:
    """Whether to draw on the host, on any platform."""
    return not isinstance(key, jax.core.Tracer) and _is_ours(key, shape) and math.prod(shape) <= _HOST_LIMIT


def host_uniform(key: np.ndarray, shape: tuple[int, ...], minval: float, maxval: float) -> np.ndarray:
    """`jax.random.uniform` in float32, with nothing to compile.

    The top 23 bits of each word become the mantissa of a float in [1, 2). XLA scales and shifts
    it with one fused multiply-add; in float64 the product is exact, so one rounding at
    the end gives the same float32.

    >>> bool((host_uniform(np.array([0, 7], "uint32"), (9,), 0, 1) == jax.random.uniform(jax.random.key(7), 9)).all())
    True
    """
    mantissa = (_words(key, np.arange(math.prod(shape), dtype=np.uint32)) >> np.uint32(9)) | _ONE
    unit = (mantissa.view(np.float32) - np.float32(1)).astype(np.float64)
    low, high = np.float32(minval), np.float32(maxval)
    scaled = (unit * np.float64(high - low) + np.float64(low)).astype(np.float32)
    return np.maximum(low, scaled).reshape(shape)


def uniform(key: Any, shape: tuple[int, ...], minval: float = 0.0, maxval: float = 1.0) -> jax.Array:
    if not _is_ours(key, shape) or not all(isinstance(end, (int, float)) for end in (minval, maxval)):
        return reference.uniform(key, shape, minval, maxval)
    return _device_uniform(key, shape, np.float32(minval), np.float32(maxval))


def normal(key: Any, shape: tuple[int, ...]) -> jax.Array:
    return _device_normal(key, shape) if _is_ours(key, shape) else reference.normal(key, shape)


def bernoulli(key: Any, probability: float, shape: tuple[int, ...]) -> jax.Array:
    if jax.config.jax_enable_x64:  # type: ignore[attr-defined]
        return reference.bernoulli(key, probability, shape)  # which then draws in float64
    return keep_barrier(uniform(key, shape) < probability)  # drawn once, for the forward and the backward pass


def _is_ours(key: Any, shape: tuple[int, ...]) -> bool:
    """Whether JAX would draw these words from a raw key, with a counter of 32 bits."""
    return key.dtype == jnp.uint32 and key.shape == (2,) and is_in_use() and math.prod(shape) < 2**32


@functools.partial(jax.jit, static_argnums=1)
def _device_uniform(key: Any, shape: tuple[int, ...], low: Any, high: Any) -> jax.Array:
    words = _words(key, lax.iota(jnp.uint32, math.prod(shape)).reshape(shape))
    unit = lax.bitcast_convert_type((words >> np.uint32(9)) | _ONE, jnp.float32) - 1
    return lax.max(low, unit * (high - low) + low)


@functools.partial(jax.jit, static_argnums=1)
def _device_normal(key: Any, shape: tuple[int, ...]) -> jax.Array:
    above_minus_one = np.nextafter(np.float32(-1), np.float32(0))
    return np.float32(math.sqrt(2)) * lax.erf_inv(_device_uniform(key, shape, above_minus_one, np.float32(1)))


def _words(key: Any, counter: Any) -> Any:
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
