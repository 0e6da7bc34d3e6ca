"""Variables, and the one mechanism that joins objects outside to functions inside.

Users hold objects: `layer.kernel`, a metric's running total, `optimizer.learning_rate`.
JAX compiles pure functions. A `Variable` is a named slot for one `jax.Array`,
and every object keeps all its changing state in such slots and nowhere else.
`bound` fills slots with given (perhaps traced) values for the time of a block;
`functional` uses it to turn any stateful call into its pure form. That is all:
the compiled step sees plain tuples of arrays.
"""

from __future__ import annotations

import contextlib
import contextvars
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from minidl import dtypes

_scope: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("name_scope", default=())
_compute_dtype: contextvars.ContextVar[str | None] = contextvars.ContextVar("compute_dtype", default=None)


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


class Variable:
    """A named slot that holds one array.

    Reads like an array (`variable + 1`, `jnp.sum(variable)`, `np.asarray(variable)`) and
    changes through `assign`.

    Args:
        initializer: the first value: an array, a number, or a function `(shape, dtype) -> array`.
        shape: required with a function.
        dtype: default: the array's own, or `floatx()` with a function or a Python number.
        trainable: whether training may change it.
        autocast: whether it reads in the compute dtype inside a mixed-precision layer.
        name: the last part of `path`.

    Raises:
        ValueError: no shape with a function, or a value of another shape.

    Example:
    >>> step = Variable(0, dtype="int32", name="step", trainable=False)
    >>> step.assign_add(2).numpy()
    array(2, dtype=int32)
    """

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
        self.name = name or "variable"
        self.path = "/".join((*_scope.get(), self.name))
        self.trainable = trainable
        self.autocast = autocast
        self.aggregation = aggregation
        self.regularizer: Callable[[Any], Any] | None = None
        self.constraint: Callable[[Any], Any] | None = None
        self._value = _first_value(initializer, shape, dtype, self.path)
        self._lent = True  # whether somebody may hold the array: then training must not reuse its memory

    @property
    def value(self) -> jax.Array:
        """The array in the slot; in the compute dtype inside a mixed-precision layer."""
        self._lent = True
        dtype = _compute_dtype.get()
        if dtype is not None and self.autocast and dtypes.is_float(self._value.dtype):
            return self._value.astype(dtype)
        return self._value

    def assign(self, value: Any) -> Variable:
        """Put a new value in the slot, cast to the variable's dtype.

        Raises:
            ValueError: the value has another shape.
        """
        if isinstance(value, Variable):
            value = value._value
        if np.shape(value) != self._value.shape:
            raise ValueError(
                f"Variable {self.path!r} has shape {self._value.shape}; it cannot be assigned a value of shape "
                f"{np.shape(value)}."
            )
        if isinstance(value, jax.Array) and value.dtype == self._value.dtype:
            self._value, self._lent = value, True
        else:
            self._value, self._lent = _to_array(value, self._value.dtype), False
        return self

    def assign_add(self, value: Any) -> Variable:
        """Add to the value in the slot."""
        return self.assign(self._value + _read(value))

    def assign_sub(self, value: Any) -> Variable:
        """Subtract from the value in the slot."""
        return self.assign(self._value - _read(value))

    def numpy(self) -> np.ndarray:
        """The value as a NumPy array of its own: later training does not change it."""
        return np.array(self._value)

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
        """The name of the value's dtype, such as "float32"."""
        return str(self.value.dtype)

    def __jax_array__(self) -> jax.Array:
        return self.value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype=dtype)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"

    def __getitem__(self, index: Any) -> jax.Array:
        return self.value[index]

    def __len__(self) -> int:
        return len(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __index__(self) -> int:
        return operator.index(self.value)

    def __iter__(self) -> Iterator[jax.Array]:
        return iter(self.value)

    __hash__ = object.__hash__


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
def bound(variables: Sequence[Variable], values: Sequence[Any]) -> Iterator[None]:
    """Let each variable hold the given value inside the block; put the old ones back, always.

    Args:
        variables: the slots.
        values: one array (or tracer) for each, in the same order.

    Raises:
        ValueError: not as many values as variables.
    """
    before = [variable._value for variable in variables]
    try:
        for variable, value in zip(variables, values, strict=True):
            variable._value = value
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable._value = value


def functional(call: Callable[..., Any], variables: Sequence[Variable]) -> Callable[..., tuple[Any, list[Any]]]:
    """The pure form of a call that reads and changes variables.

    Args:
        call: any function or bound method.
        variables: the slots that it may read or change.

    Returns:
        `pure(values, *args, **kwargs) -> (output, new_values)`, free of side effects, for
        `jax.jit`, `jax.grad`, `jax.vmap` or a loop of your own.

    Example:
    >>> total = Variable(1.0)
    >>> pure = functional(lambda x: total.assign_add(x).value * 2, [total])
    >>> output, (new_total,) = jax.jit(pure)([3.0], 4.0)
    >>> float(output), float(new_total), float(total)
    (14.0, 7.0, 1.0)
    """

    def pure(values: Sequence[Any], *args: Any, **kwargs: Any) -> tuple[Any, list[Any]]:
        with bound(variables, values):
            output = call(*args, **kwargs)
            return output, [variable._value for variable in variables]

    return pure


def _read(value: Any) -> Any:
    return value.value if isinstance(value, Variable) else value


def _to_array(value: Any, dtype: Any) -> jax.Array:
    """An array of exactly this dtype. NumPy converts, and device_put compiles nothing, as jnp.asarray would."""
    return value.astype(dtype) if isinstance(value, jax.Array) else jax.device_put(np.array(value, dtype=dtype))


def _first_value(initializer: Any, shape: Sequence[int] | None, dtype: Any, path: str) -> jax.Array:
    if not callable(initializer):
        value = _read(initializer)
        if dtype is None:
            dtype = value.dtype if hasattr(value, "dtype") else dtypes.floatx()
        value = _to_array(value, dtypes.canonical(dtype))
        if shape is not None and value.shape != tuple(shape):
            raise ValueError(f"Variable {path!r}: the value has shape {value.shape}, not the given {tuple(shape)}.")
        return value
    if shape is None:
        raise ValueError(f"Variable {path!r}: an initializer that is a function needs shape=.")
    if any(size is None for size in shape):
        raise ValueError(f"Variable {path!r}: every size of the shape must be known, got {tuple(shape)}.")
    dtype = dtypes.canonical(dtype)
    with jax.ensure_compile_time_eval():  # a real draw, also when a layer is built while tracing
        return _to_array(initializer(tuple(shape), dtype=dtype), dtype)
