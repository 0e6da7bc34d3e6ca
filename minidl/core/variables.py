"""Variables: named, mutable holders of arrays, with which stateful objects become pure functions.

Users hold objects: `layer.kernel`, a metric's running total, `optimizer.learning_rate`. JAX compiles pure functions. A
`Variable` is a named slot for one `jax.Array`, and every object keeps all its mutable state in variables. `bound`
(functional.py) binds values, such as tracers, to variables inside a block, for one thread; `functional` uses it to make
a pure function of any stateful call. A compiled step sees plain tuples of arrays. sharing.py has the synchronization of
threads.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core import binding, dtypes, placement, sharing
from minidl.core.first_values import first_value, host_value, in_dtype
from minidl.core.naming import auto_name
from minidl.core.object_graph import stamped
from minidl.core.sharing import Slot
from minidl.core.typing import ArrayLike, DType

_scope: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("name_scope", default=())
_compute_dtype: contextvars.ContextVar[str | None] = contextvars.ContextVar("compute_dtype", default=None)


@contextlib.contextmanager
def name_scope(name: str) -> Iterator[None]:
    """Prefix the paths of variables that are created inside with `name/`."""
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


class Variable(Slot):
    """A named slot that holds one array.

    It can be used like an array (`variable + 1`, `variable[0]`, `x @ variable`, `np.mean(variable)`) and is changed by
    `assign`. Pass its array to functions of JAX: `jnp.mean(variable.value)`.

    Args:
        initializer: the initial value: an array, a number, or a function `(shape, dtype) -> array`.
        shape: required with a function.
        dtype: default: that of the array; for Python numbers "bool", "int32" or `floatx()`; for a function `floatx()`.
        trainable: whether training may change it.
        autocast: whether it reads in the compute dtype inside a mixed-precision layer.
        name: the last part of `path`; default "variable", "variable_1", ...
        layout: a `minidl.distribution.TensorLayout`; default: what the distribution that is set says.
        follows: a variable whose layout it shares if it has its shape, such as the weight of an optimizer's slot.

    Raises:
        ValueError: a function without a shape, an invalid shape, or a value of another shape.

    Example:
    >>> step = Variable(0, name="step", trainable=False)
    >>> step.assign_add(2)
    Array(2, dtype=int32)
    >>> step
    <Variable path=step, shape=(), dtype=int32>
    """

    trainable = stamped("_trainable", "Whether training may change it.")
    __array_priority__ = 100  # so that `numpy_array + variable` calls __radd__, which can be traced

    def __init__(
        self,
        initializer: ArrayLike | Callable[..., Any] | Variable,
        shape: Sequence[int] | None = None,
        dtype: DType | None = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        name: str | None = None,
        layout: Any = None,
        follows: Variable | None = None,
    ):
        self.name = name or auto_name("Variable")
        self.path = "/".join((*_scope.get(), self.name))
        self.trainable = trainable
        self.autocast = autocast
        self.aggregation = aggregation
        self.regularizer: Callable[[Any], Any] | None = None
        self.constraint: Callable[[Any], Any] | None = None
        self.overwrite_with_gradient = False  # whether optimizers assign the gradient itself
        self.layout, self.follows = layout, follows
        self._made_trainable = trainable  # determines its place among the weights, also after `trainable` changes
        given = initializer.value if isinstance(initializer, Variable) else initializer
        super().__init__(first_value(given, shape, dtype, self.path, self))
        binding.declare(self, self._slot)

    @property
    def _value(self) -> Any:
        """The array in this context, for its shape and dtype only: training may donate its buffer."""
        value = binding.lookup(self)
        return self._slot if value is None else value

    @property
    def _held(self) -> jax.Array:
        """The array in this context, whose buffer stays valid."""
        value = binding.lookup(self)
        return sharing.borrow(self) if value is None else value

    @property
    def value(self) -> jax.Array:
        """The array in the slot; in the compute dtype inside a mixed-precision layer."""
        return self._held.astype(self.dtype) if self._is_cast() else self._held

    def assign(self, value: ArrayLike | Variable) -> jax.Array:
        """Assign a new value, cast to the variable's dtype, and return it.

        Raises:
            ValueError: the value has another shape.
        """
        array = to_array(value._held if isinstance(value, Variable) else value, self._value.dtype)
        if np.shape(array) != self._value.shape:
            raise ValueError(
                f"Variable {self.path!r} has shape {self._value.shape}; it cannot be assigned a value of shape "
                f"{np.shape(array)}."
            )
        known = isinstance(array, jax.Array) and array.dtype == self._value.dtype
        if not known:
            array = (host_value if placement.is_spread(self._value) else in_dtype)(array, self._value.dtype)
        return self._set(array)

    def assign_add(self, value: ArrayLike | Variable) -> jax.Array:
        """Add to the value, and return the sum."""
        return self.assign(self._held + _read(value))

    def assign_sub(self, value: ArrayLike | Variable) -> jax.Array:
        """Subtract from the value, and return the difference."""
        return self.assign(self._held - _read(value))

    def clear(self) -> None:
        """Set the value to zeros."""
        self._set(_zeros(self._value.shape, str(self._value.dtype))(), borrowed=False)

    def move(self, sharding: jax.sharding.Sharding) -> None:
        """Move the value in the slot to other devices."""
        sharing.replace(self, placement.put(self._slot, sharding))

    def numpy(self) -> np.ndarray:
        """A copy of the value as a NumPy array."""
        if (value := binding.lookup(self)) is not None:
            return np.array(value)
        with sharing.reading([self]) as (value,):
            return np.array(placement.whole(value))

    def convert(self, value: ArrayLike) -> jax.Array:
        """A value as a JAX array; NumPy arrays and numbers are cast to the variable's dtype."""
        return value if isinstance(value, jax.Array) else in_dtype(value, self._slot.dtype)

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
        return np.array(placement.whole(self.value), dtype=dtype)

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
        return {**vars(self), **vars(Slot(self._held))}

    def _set(self, value: jax.Array, borrowed: bool = True) -> jax.Array:
        if not binding.store(self, value):
            value = placement.put_like(value, self._slot)
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


def _read(value: Any) -> Any:
    return value.value if isinstance(value, Variable) else to_array(value)


def to_array(value: Any, dtype: DType | None = None) -> Any:
    """Convert (nested) lists and tuples of numbers and arrays to an array, Python floats as `floatx()`.

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


@functools.cache
def _zeros(shape: tuple[int, ...], dtype: str) -> Callable[[], jax.Array]:
    """A compiled function that returns zeros, in a tenth of the time of a transfer from the host."""
    return jax.jit(lambda: jnp.zeros(shape, dtype))
