"""Variables, and the one mechanism that joins objects outside to functions inside.

Users hold objects: `layer.kernel`, a metric's running total, `optimizer.learning_rate`.
JAX compiles pure functions. A `Variable` is a named slot for one `jax.Array`,
and every object keeps all its changing state in such slots and nowhere else.
`bound` (binding.py) lets variables hold given, perhaps traced, values for the time of a block and for one thread;
`functional` uses it to give the pure form of any stateful call. That is all: the compiled step sees plain tuples of
arrays. How several threads share the slots is in sharing.py.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import math
import operator
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl import kernels
from minidl.core import binding, dtypes, sharing
from minidl.core.binding import bound, functional
from minidl.core.names import auto_name

__all__ = [
    "Variable",
    "autocast_scope",
    "bound",
    "filled_later",
    "functional",
    "name_scope",
    "newest",
    "of_one_moment",
]
_LARGE = 2**26  # bytes; smaller arrays are not asked for before

_scope: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("name_scope", default=())
_compute_dtype: contextvars.ContextVar[str | None] = contextvars.ContextVar("compute_dtype", default=None)
_later: contextvars.ContextVar[_Later | None] = contextvars.ContextVar("later", default=None)


@contextlib.contextmanager
def name_scope(name: str) -> Iterator[None]:
    """Variables made inside get `name/` in front of their path."""
    token = _scope.set((*_scope.get(), name))
    try:
        yield
    finally:
        _scope.reset(token)


@contextlib.contextmanager
def autocast_scope(dtype: str | None) -> Iterator[None]:
    """Inside, float variables read as `dtype` (mixed precision); None reads them as stored."""
    token = _compute_dtype.set(dtype)
    try:
        yield
    finally:
        _compute_dtype.reset(token)


class _Later:
    """What variables that are about to be read from a file may take, and how to fill those that are not."""

    def __init__(self, nbytes: int):
        self.left = nbytes
        self.waiting: list[tuple[Variable, Callable[[], jax.Array], jax.Array]] = []


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
        for variable, first, placeholder in later.waiting:
            if variable._slot is placeholder:
                sharing.replace(variable, first())
    finally:
        _later.reset(token)


class Variable:
    """A named slot that holds one array.

    Reads like an array (`variable + 1`, `variable[0]`, `x @ variable`, `np.mean(variable)`) and changes
    through `assign`. JAX's own functions take its array, `jnp.mean(variable.value)`.

    Args:
        initializer: the first value: an array, a number, or a function `(shape, dtype) -> array`.
        shape: required with a function.
        dtype: default: the array's own; of Python numbers "bool", "int32" or `floatx()`; with a function `floatx()`.
        trainable: whether training may change it.
        autocast: whether it reads in the compute dtype inside a mixed-precision layer.
        name: the last part of `path`; default "variable", "variable_1", ...

    Raises:
        ValueError: no shape with a function, a shape that is none, or a value of another shape.

    Example:
    >>> step = Variable(0, name="step", trainable=False)
    >>> step.assign_add(2)
    Array(2, dtype=int32)
    >>> step
    <Variable path=step, shape=(), dtype=int32>
    """

    __array_priority__ = 100  # `numpy_array + variable` is the variable's own, so that it can be traced

    def __init__(
        self,
        initializer: Any,
        shape: Sequence[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        name: str | None = None,
    ):
        self.name = name or auto_name("Variable")
        self.path = "/".join((*_scope.get(), self.name))
        self.trainable = trainable
        self.autocast = autocast
        self.aggregation = aggregation
        self.regularizer: Callable[[Any], Any] | None = None
        self.constraint: Callable[[Any], Any] | None = None
        self.overwrite_with_gradient = False  # whether optimizers put the gradient in the slot, as it is
        self._made_trainable = trainable  # its place among the weights stays when `trainable` changes
        self._slot = _first_value(initializer, shape, dtype, self)
        self._borrowed = True  # this and the next three: see sharing.py
        self._pins = self._taken = self._trained = 0
        binding.declare(self, self._slot)

    @property
    def _value(self) -> Any:
        """The array that this context sees: of a shape and a dtype. What is in it may be reused by training."""
        value = binding.lookup(self)
        return self._slot if value is None else value

    @property
    def _held(self) -> jax.Array:
        """The array that this context sees, to keep."""
        value = binding.lookup(self)
        return sharing.borrow(self) if value is None else value

    @property
    def value(self) -> jax.Array:
        """The array in the slot; in the compute dtype inside a mixed-precision layer."""
        return self._held.astype(self.dtype) if self._is_cast() else self._held

    def assign(self, value: Any) -> jax.Array:
        """Put a new value in the slot, cast to the variable's dtype, and return it.

        Raises:
            ValueError: the value has another shape.
        """
        if isinstance(value, Variable):
            value = value._held
        value = to_array(value, self._value.dtype)
        if np.shape(value) != self._value.shape:
            raise ValueError(
                f"Variable {self.path!r} has shape {self._value.shape}; it cannot be assigned a value of shape "
                f"{np.shape(value)}."
            )
        known = isinstance(value, jax.Array) and value.dtype == self._value.dtype
        return self._set(value if known else _to_array(value, self._value.dtype))

    def assign_add(self, value: Any) -> jax.Array:
        """Add to the value in the slot, and return the sum."""
        return self.assign(self._held + _read(value))

    def assign_sub(self, value: Any) -> jax.Array:
        """Subtract from the value in the slot, and return the difference."""
        return self.assign(self._held - _read(value))

    def clear(self) -> None:
        """Put zeros in the slot."""
        self._set(_zeros(self._value.shape, str(self._value.dtype))(), borrowed=False)

    def numpy(self) -> np.ndarray:
        """The value as a NumPy array of its own: later training does not change it."""
        if (value := binding.lookup(self)) is not None:
            return np.array(value)
        with sharing.reading([self]) as (value,):
            return np.array(value)

    def convert(self, value: Any) -> jax.Array:
        """A value as an array; NumPy's arrays and numbers in the variable's dtype."""
        return value if isinstance(value, jax.Array) else _to_array(value, self._slot.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self._value.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._value.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._value.size

    @property
    def dtype(self) -> str:
        """The name of the dtype that it reads in, such as "float32"."""
        return str(_compute_dtype.get() if self._is_cast() else self._value.dtype)

    def __jax_array__(self) -> jax.Array:
        return self.value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype=dtype)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"

    def __getitem__(self, index: Any) -> jax.Array:
        return self.value[index]

    def __len__(self) -> int:
        return len(self._value)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __index__(self) -> int:
        return operator.index(self.value)

    def __round__(self, ndigits: int | None = None) -> jax.Array:
        return self.value.round(ndigits or 0)

    def __iter__(self) -> Iterator[jax.Array]:
        return iter(self.value)

    __hash__ = object.__hash__

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_slot": self._held, "_borrowed": True, "_pins": 0, "_taken": 0, "_trained": 0}

    def _set(self, value: jax.Array, borrowed: bool = True) -> jax.Array:
        if not binding.store(self, value):
            sharing.replace(self, value, borrowed)
        return value

    def _is_cast(self) -> bool:
        return _compute_dtype.get() is not None and self.autocast and dtypes.is_float(self._value.dtype)


def _binary(name: str) -> Callable[[Variable, Any], Any]:
    def method(self: Variable, other: Any) -> Any:
        return getattr(self.value, name)(_read(other))

    method.__name__ = name
    return method


def _unary(name: str) -> Callable[[Variable], Any]:
    def method(self: Variable) -> Any:
        return getattr(self.value, name)()

    method.__name__ = name
    return method


for _name in ("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor"):
    setattr(Variable, f"__{_name}__", _binary(f"__{_name}__"))
    setattr(Variable, f"__r{_name}__", _binary(f"__r{_name}__"))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Variable, f"__{_name}__", _binary(f"__{_name}__"))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(Variable, f"__{_name}__", _unary(f"__{_name}__"))


@contextlib.contextmanager
def of_one_moment(variables: Sequence[Variable]) -> Iterator[None]:
    """Inside, this context reads what the variables hold now, all of one moment, although another thread trains them.

    What it assigns to them is put in the slots at the end; it is lost if another thread trains them then.
    """
    if binding.is_binding() or threading.active_count() == 1:  # nobody else is there
        yield
        return
    with sharing.reading(variables) as values, binding.overlaid(variables, values) as after:
        yield
    new = {v: after[id(v)] for v, before in zip(variables, values) if after[id(v)] is not before}
    if new and not sharing.are_trained_elsewhere(list(new)):
        for variable, value in new.items():
            sharing.replace(variable, value)


@contextlib.contextmanager
def newest(variables: Sequence[Variable]) -> Iterator[list[jax.Array]]:
    """The values that this context sees, all of one moment, which stay valid inside the block."""
    with sharing.reading(variables) as values:
        yield [variable._value for variable in variables] if binding.is_binding() else values


def _read(value: Any) -> Any:
    return value.value if isinstance(value, Variable) else to_array(value)


def to_array(value: Any, dtype: Any = None) -> Any:
    """An array of a list or tuple of numbers, arrays or further lists, Python floats as `floatx()`; the rest as it is.

    >>> to_array([jnp.ones(()), 2]), to_array(3)
    (Array([1., 2.], dtype=float32), 3)
    """
    if not isinstance(value, (list, tuple)):
        return value
    leaves = jax.tree.leaves(value)
    is_plain = not any(hasattr(leaf, "dtype") for leaf in leaves)
    if dtype is None and is_plain and (not leaves or any(isinstance(leaf, float) for leaf in leaves)):
        dtype = dtypes.floatx()
    return jnp.asarray(jax.tree.map(_read, value), dtype)


def _to_array(value: Any, dtype: Any) -> jax.Array:
    """An array of exactly this dtype. NumPy converts, and device_put compiles nothing, as jnp.asarray would."""
    return value.astype(dtype) if isinstance(value, jax.Array) else jax.device_put(np.array(value, dtype=dtype))


@functools.cache
def _zeros(shape: tuple[int, ...], dtype: str) -> Callable[[], jax.Array]:
    """A compiled function: a tenth of the time that it takes to send zeros from the host."""
    return jax.jit(lambda: jnp.zeros(shape, dtype))


def _first_value(initializer: Any, shape: Any, dtype: Any, variable: Variable) -> jax.Array:
    path = variable.path
    shape = None if shape is None else _checked_shape(shape, path)
    if isinstance(initializer, str):
        raise ValueError(f"Variable {path!r}: got {initializer!r}; give the object, initializers.get({initializer!r}).")
    if not callable(initializer):
        value = initializer.value if isinstance(initializer, Variable) else initializer
        dtype = dtypes.canonical(_own_dtype(value) if dtype is None else dtype)
        with _untraced(value):
            value = _to_array(value, dtype)
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
            return jax.block_until_ready(_to_array(initializer(shape, dtype=dtype), dtype))

    if (later := _later.get()) is None:
        return first()
    later.left -= math.prod(shape) * np.dtype(dtype).itemsize
    if later.left < 0:
        raise ValueError(f"Variable {path!r} of shape {shape} and those before it are more than the file holds.")
    placeholder = jax.device_put(np.zeros(shape, dtype))
    later.waiting.append((variable, first, placeholder))
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
