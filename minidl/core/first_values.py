"""Initial values of variables: computed by an initializer at once, or read from a file later."""

from __future__ import annotations

import contextlib
import contextvars
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl import kernels
from minidl.core import dtypes, placement, sharing
from minidl.core.sharing import Slot

_LARGE = 2**26  # bytes; memory of larger arrays is requested first

_later: contextvars.ContextVar[_Later | None] = contextvars.ContextVar("later", default=None)


class _Later:
    """The memory budget of variables that will be read from a file, and the initializers of those that are not."""

    def __init__(self, nbytes: int):
        self.left = nbytes
        self.waiting: list[tuple[Slot, Callable[[], jax.Array], jax.Array]] = []


@contextlib.contextmanager
def filled_later(nbytes: int) -> Iterator[None]:
    """Inside, variables are initialized lazily: at the end, those that have not been assigned.

    Args:
        nbytes: the total size of the variables; more is a ValueError.
    """
    later = _Later(nbytes)
    token = _later.set(later)
    try:
        yield
        for slot, first, placeholder in later.waiting:
            if slot._slot is placeholder:
                sharing.replace(slot, first())
    finally:
        _later.reset(token)


def first_value(initializer: Any, shape: Any, dtype: Any, path: str, slot: Slot) -> jax.Array:
    """The initial array of a variable.

    Args:
        initializer: an array, a number, or a function `(shape, dtype) -> array`.
        shape: its shape, or None.
        dtype: its dtype, or None.
        path: the path of the variable, for errors.
        slot: the variable itself, for lazy initialization inside of `filled_later`.
    """
    shape = None if shape is None else _checked_shape(shape, path)
    if isinstance(initializer, str):
        raise ValueError(f"Variable {path!r}: got {initializer!r}; give the object, initializers.get({initializer!r}).")
    if not callable(initializer):
        dtype = dtypes.canonical(_own_dtype(initializer) if dtype is None else dtype)
        with _untraced(initializer):
            given = in_dtype(initializer, dtype) if placement.current() is None else host_value(initializer, dtype)
            value = placement.first(given, slot)
        if shape is not None and value.shape != shape:
            raise ValueError(f"Variable {path!r}: the value has shape {value.shape}, not the given {shape}.")
        return value
    if shape is None:
        raise ValueError(f"Variable {path!r}: an initializer that is a function needs shape=.")
    dtype = dtypes.canonical(dtype)

    def first() -> jax.Array:
        # Under ensure_compile_time_eval the counters of random numbers are materialized as constants, which for large
        # arrays takes three times the memory and thirty times as long. So large arrays are drawn eagerly.
        is_large = math.prod(shape) * np.dtype(dtype).itemsize > _LARGE
        as_usual = is_large and not isinstance(jnp.zeros(()), jax.core.Tracer)
        with contextlib.nullcontext() if as_usual else _untraced(), _in_memory(path, shape, dtype):
            with placement.on_host():
                value = jax.block_until_ready(in_dtype(initializer(shape, dtype=dtype), dtype))
            return placement.first(value, slot)

    if (later := _later.get()) is None:
        return first()
    later.left -= math.prod(shape) * np.dtype(dtype).itemsize
    if later.left < 0:
        raise ValueError(f"Variable {path!r} of shape {shape} and those before it have more values than the file.")
    zeros = np.zeros(shape, dtype)
    placeholder = jax.device_put(zeros) if placement.current() is None else placement.first(zeros, slot)
    later.waiting.append((slot, first, placeholder))
    return placeholder


@contextlib.contextmanager
def _in_memory(path: str, shape: tuple[int, ...], dtype: Any) -> Iterator[None]:
    """Inside, the value of a variable is computed; if memory is insufficient, the error says its size.

    On the CPU the memory is requested first, as reading an array that XLA failed to allocate aborts the process.
    """
    parameters = math.prod(shape)
    nbytes = parameters * np.dtype(dtype).itemsize
    try:
        if nbytes > _LARGE and kernels.platform() == "cpu":
            # Draws of more than 2^32 numbers also hold two counters for each.
            np.empty(nbytes * (3 if parameters > 2**32 else 1), np.uint8)
        yield
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise MemoryError(
            f"Variable {path!r} of shape {shape} has {parameters:,} parameters, {nbytes:,} bytes of {dtype}, and there "
            "is no memory for them. Make the layer smaller, or its dtype (dtype='bfloat16')."
        ) from error


def _untraced(value: Any = None) -> contextlib.AbstractContextManager[Any]:
    """Inside, arrays are concrete, also when a layer is built while tracing."""
    return contextlib.nullcontext() if isinstance(value, jax.core.Tracer) else jax.ensure_compile_time_eval()


def _own_dtype(value: Any) -> Any:
    if hasattr(value, "dtype"):
        return value.dtype
    found = np.asarray(value).dtype  # float64 for Python numbers, which have no precision of their own
    return dtypes.floatx() if found.kind == "f" else found


def _checked_shape(shape: Any, path: str) -> tuple[int, ...]:
    if isinstance(shape, (list, tuple)) and all(isinstance(size, (int, np.integer)) and size >= 0 for size in shape):
        return tuple(int(size) for size in shape)
    raise ValueError(f"Variable {path!r}: the shape must be a tuple of known sizes of at least 0, got {shape!r}.")


def host_value(value: Any, dtype: Any) -> Any:
    """As `in_dtype`, but NumPy's arrays and numbers stay on the host, from where each device gets its part."""
    return value.astype(dtype) if isinstance(value, jax.Array) else np.array(value, dtype=dtype)


def in_dtype(value: Any, dtype: Any) -> jax.Array:
    """An array of exactly this dtype. Unlike jnp.asarray, np.array and device_put compile nothing."""
    return value.astype(dtype) if isinstance(value, jax.Array) else jax.device_put(np.array(value, dtype=dtype))
