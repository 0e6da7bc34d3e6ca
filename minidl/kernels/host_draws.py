"""Initial values, drawn with the bits of JAX and nothing to compile for a shape.

JAX compiles a draw for every new shape: for a model of many layers, and for normal numbers in particular, this takes
longer than its first epoch. Here a few uniform numbers are drawn with NumPy, and all others by programs for a block of
fixed size, one for each distribution and process, which are called until there are enough.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from minidl.kernels.cpu import random_bits
from minidl.kernels.cpu.random_bits import words

_BLOCK = 2**17  # numbers: so many stay in the cache of a processor from one operation to the next
_SMALL_BLOCK = 2**13  # for the normal numbers of a small weight, of which a larger block would draw many in vain
_MANY = 2**20  # numbers of a draw, from which it pays to compile another program: 0.15 s
_MOST = 2**24  # uniform numbers, above which a program for the shape is worth it: it needs half the memory

_programs: dict[tuple[Callable[..., jax.Array], int], Any] = {}  # (distribution, size of a block) -> its program


def is_possible(key: Any, shape: tuple[int, ...], *settings: Any) -> bool:
    """Whether a draw is one of these: by a raw key and numbers that are known, on any platform."""
    is_known = not isinstance(key, jax.core.Tracer) and all(isinstance(value, (int, float)) for value in settings)
    return is_known and random_bits.is_ours(key, shape)


def uniform(key: Any, shape: tuple[int, ...], minval: float, maxval: float) -> jax.Array:
    low, high = np.float32(minval), np.float32(maxval)
    if math.prod(shape) > _MOST:
        return random_bits.uniform(key, shape, minval, maxval)
    is_compiled = (_uniform, _BLOCK) in _programs  # NumPy takes seven times as long, but for a quarter of a block
    if math.prod(shape) >= (_BLOCK // 4 if is_compiled else _MANY):
        return jax.device_put(_by_program(_uniform, key, shape, low, high, _BLOCK))
    draw = functools.partial(_with_numpy, np.asarray(key), low, high)
    return jax.device_put(_in_blocks(draw, shape, _BLOCK))


def normal(key: Any, shape: tuple[int, ...], mean: float, stddev: float) -> jax.Array:
    above_minus_one = np.nextafter(np.float32(-1), np.float32(0))
    drawn = _by_program(_normal, key, shape, above_minus_one, np.float32(1), _block_for(shape))
    return _scaled(drawn, mean, stddev)


def truncated_normal(key: Any, shape: tuple[int, ...], mean: float, stddev: float) -> jax.Array:
    end = np.float32(math.erf(math.sqrt(2)))
    below_two = np.nextafter(np.float32(2), np.float32(0))
    drawn = _by_program(_normal, key, shape, -end, end, _block_for(shape))
    return _scaled(np.clip(drawn, -below_two, below_two, out=drawn), mean, stddev)


def _block_for(shape: tuple[int, ...]) -> int:
    return _SMALL_BLOCK if math.prod(shape) < _MANY else _BLOCK


def _scaled(drawn: np.ndarray, mean: float, stddev: float) -> jax.Array:
    drawn *= np.float32(stddev)  # in place: weights may be as large as half the memory
    drawn += np.float32(mean)
    return jax.device_put(drawn)


def _by_program(
    draw: Any, key: Any, shape: tuple[int, ...], low: np.float32, high: np.float32, block: int
) -> np.ndarray:
    if (program := _programs.get((draw, block))) is None:
        program = _programs[draw, block] = _compiled(draw, block)
    key = np.asarray(key)
    return _in_blocks(lambda start, count: np.asarray(program(key, start, low, high))[:count], shape, block)


def _in_blocks(draw: Callable[[np.uint32, int], Any], shape: tuple[int, ...], block: int) -> np.ndarray:
    """What `draw` gives for the counts of each block, from the first on and of how many, in a shape."""
    values = np.empty(math.prod(shape), np.float32)
    for start in range(0, values.size, block):
        part = values[start : start + block]
        part[:] = draw(np.uint32(start), part.size)
    return values.reshape(shape)


def _with_numpy(key: np.ndarray, low: np.float32, high: np.float32, start: np.uint32, count: int) -> np.ndarray:
    """The same with NumPy.

    XLA scales and shifts with one fused multiply-add; in float64 the product is exact, so one rounding at the end
    gives the same float32.
    """
    drawn = words(key, start + np.arange(count, dtype=np.uint32))
    unit = random_bits.mantissas(drawn).view(np.float32).astype(np.float64) - 1
    return np.maximum(low, (unit * np.float64(high - low) + np.float64(low)).astype(np.float32))


def _compiled(draw: Callable[..., jax.Array], block: int) -> Any:
    """The program of a block. It is compiled ahead of time, as weights may be made while something is traced."""
    key, count = jax.ShapeDtypeStruct((2,), jnp.uint32), jax.ShapeDtypeStruct((), jnp.uint32)
    end = jax.ShapeDtypeStruct((), jnp.float32)
    return jax.jit(draw, static_argnames="block").lower(key, count, end, end, block=block).compile()


def _uniform(key: jax.Array, start: jax.Array, low: jax.Array, high: jax.Array, block: int) -> jax.Array:
    return random_bits.scaled(words(key, start + lax.iota(jnp.uint32, block)), low, high)


def _normal(key: jax.Array, start: jax.Array, low: jax.Array, high: jax.Array, block: int) -> jax.Array:
    return random_bits.normal_of(_uniform(key, start, low, high, block))
