"""The first values of variables: made by an initializer at once, or read from a file later."""

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

_LARGE = 2**26  # bytes; smaller arrays are not asked for before

_later: contextvars.ContextVar[_Later | None] = contextvars.ContextVar("later", default=None)


class _Later:
    """What variables that are about to be read from a file may take, and how to fill those that are not."""

    def __init__(self, nbytes: int):
        self.left = nbytes
        self.waiting: list[tuple[Slot, Callable[[], jax.Array], jax.Array]] = []


@contextlib.contextmanager
def filled_later(nbytes: int) -> Iterator[None]:
    """Inside, variables made by an initializer wait for a value; those that got none by the end are initialized then.

    Args:
        nbytes: variables that take more memory than this, all together, are refused with a ValueError.
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
    """The first array of a variable.

    Args:
        initializer: an array, a number, or a function `(shape, dtype) -> array`.
        shape: its shape, or None.
        dtype: its dtype, or None.
        path: the variable's, for errors.
        slot: the variable itself, which is filled later inside of `filled_later`.
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
        # JAX would draw the counters of random numbers ahead, as constants of its program: for large arrays that takes
        # three times the memory and thirty times as long. So they are drawn as usual where nothing is traced.
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
        raise ValueError(f"Variable {path!r} of shape {shape} and those before it are more than the file holds.")
    zeros = np.zeros(shape, dtype)
    placeholder = jax.device_put(zeros) if placement.current() is None else placement.first(zeros, slot)
    later.waiting.append((slot, first, placeholder))
    return placeholder


@contextlib.contextmanager
def _in_memory(path: str, shape: tuple[int, ...], dtype: Any) -> Iterator[None]:
    """Inside, a value is made for a variable; an error that says its size, where there is no memory for it.

    On the CPU the memory is asked for first: of an array that XLA could not allocate, anything that reads it before it
    is waited for ends the process.
    """
    parameters = math.prod(shape)
    nbytes = parameters * np.dtype(dtype).itemsize
    try:
        if nbytes > _LARGE and kernels.platform() == "cpu":
            # Draws of more than 2^32 numbers hold two counters for each as well.
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
    """Inside, arrays are real ones, also when a layer is built while tracing."""
    return contextlib.nullcontext() if isinstance(value, jax.core.Tracer) else jax.ensure_compile_time_eval()


def _own_dtype(value: Any) -> Any:
    if hasattr(value, "dtype"):
        return value.dtype
    found = np.asarray(value).dtype  # float64 for Python numbers, of which the precision is for us to choose
    return dtypes.floatx() if found.kind == "f" else found


def _checked_shape(shape: Any, path: str) -> tuple[int, ...]:
    if isinstance(shape, (list, tuple)) and all(isinstance(size, (int, np.integer)) and size >= 0 for size in shape):
        return tuple(int(size) for size in shape)
    raise ValueError(
        f"Variable {path!r}: the shape must be a tuple of sizes, all of them known and none below 0, got {shape!r}."
    )


def host_value(value: Any, dtype: Any) -> Any:
    """As `in_dtype`, but NumPy's arrays and numbers stay on the host, from where each device gets its part."""
    return value.astype(dtype) if isinstance(value, jax.Array) else np.array(value, dtype=dtype)


def in_dtype(value: Any, dtype: Any) -> jax.Array:
    """An array of exactly this dtype. NumPy converts, and device_put compiles nothing, as jnp.asarray would."""
    return value.astype(dtype) if isinstance(value, jax.Array) else jax.device_put(np.array(value, dtype=dtype))
