"""Conversions, control flow and scatter updates: functions of `jax.lax` under Keras's names."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from minidl.core import array_metadata, dtypes, functional, structures, symbolic
from minidl.core.symbolic import KerasTensor
from minidl.core.typing import Array, ArrayLike, DType, PyTree, Shape
from minidl.core.variables import Variable
from minidl.ops.operation import operation

_control_flow = functools.partial(operation, converts=False)


@operation
def cast(x: ArrayLike, dtype: DType) -> Array:
    """Convert to another dtype."""
    return jnp.asarray(x).astype(dtypes.canonical(dtype))


@operation
def saturate_cast(x: ArrayLike, dtype: DType) -> Array:
    """Convert to another dtype; values outside its range are clipped to its limits."""
    dtype = dtypes.canonical(dtype)
    x = jnp.asarray(x)
    if "bool" in (dtype, x.dtype):
        return x.astype(dtype)
    low, high = _limits(dtype)
    if not jnp.issubdtype(x.dtype, jnp.inexact):  # limits beyond those of x's own dtype would wrap in it
        own_low, own_high = _limits(x.dtype)
        low, high = builtins.max(low, own_low), builtins.min(high, own_high)
    return jnp.clip(x, low, high).astype(dtype)


def _limits(dtype: Any) -> tuple[Any, Any]:
    info: Any = jnp.finfo(dtype) if dtypes.is_float(dtype) else jnp.iinfo(dtype)
    return info.min, info.max


def shape(x: Any) -> Shape:
    """Shape of an array; None for the unknown sizes of a symbolic tensor."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def dtype(x: Any) -> str:
    """Name of an array's dtype."""
    return str(x.dtype)


def convert_to_tensor(
    x: Any, dtype: DType | None = None, sparse: bool | None = None, ragged: bool | None = None
) -> Any:
    """Convert a number, a list, a variable or an array to a JAX array."""
    if isinstance(x, KerasTensor):
        return x if dtype is None else cast(x, dtype)
    value = x.value if isinstance(x, Variable) else x
    if dtype is None and not hasattr(value, "dtype"):
        value = np.asarray(value)
        dtype = dtypes.floatx() if value.dtype.kind == "f" else None
    return jnp.asarray(value, None if dtype is None else dtypes.canonical(dtype))


def convert_to_numpy(x: Any) -> np.ndarray:
    """Copy an array or a variable to a NumPy array, which can be written to."""
    return np.array(x)


def is_tensor(x: Any) -> bool:
    """Whether x is a JAX array; tracers are, too."""
    return isinstance(x, jax.Array)


def compute_output_spec(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Infer the output shapes and dtypes of a function; nothing is computed, and no state changes.

    Args:
        fn: a function of arrays, a metric, a layer, or a method of one.
        *args: its positional arguments, arrays or symbolic tensors.
        **kwargs: its keyword arguments.

    Returns:
        The outputs as symbolic tensors.

    >>> compute_output_spec(lambda x: x @ x.T, KerasTensor((None, 3))).shape
    (None, None)
    """
    variables = getattr(getattr(fn, "__self__", fn), "variables", [])
    pure, values = functional.functional(fn, variables), [variable.value for variable in variables]
    return symbolic.infer(lambda *args, **kwargs: pure(values, *args, **kwargs)[0], args, kwargs)


def get_keras_mask(x: Any) -> Any:
    """Mask attached to an array or to a symbolic tensor; None without one."""
    mask = array_metadata.of(x).mask
    is_of_graph = isinstance(x, KerasTensor) and mask is not None
    return symbolic.apply(get_keras_mask, "get_keras_mask", x) if is_of_graph else mask


@_control_flow
def stop_gradient(variable: PyTree) -> PyTree:
    """Stop gradients: returns its input, whose gradient is zero."""
    return structures.map(lax.stop_gradient, variable)


@operation
def slice(inputs: Array, start_indices: Any, shape: Sequence[int]) -> Array:
    """Slice of a given shape that starts at the given indices."""
    return lax.dynamic_slice(inputs, start_indices, shape)


@operation
def slice_update(inputs: Array, start_indices: Any, updates: Array) -> Array:
    """Copy of an array with a slice replaced, starting at the given indices."""
    return lax.dynamic_update_slice(inputs, updates, start_indices)


@operation
def scatter(indices: ArrayLike, values: Array, shape: Sequence[int]) -> Array:
    """Scatter values into an array of zeros; values at equal indices are added."""
    return jnp.zeros(shape, values.dtype).at[tuple(jnp.moveaxis(indices, -1, 0))].add(values)


@operation
def scatter_update(inputs: ArrayLike, indices: ArrayLike, updates: ArrayLike, reduction: str | None = None) -> Array:
    """Copy of an array with updated elements; reduction "add", "max", "min" or "mul" combines old and new values."""
    at = jnp.asarray(inputs).at[tuple(jnp.moveaxis(jnp.asarray(indices), -1, 0))]
    return getattr(at, reduction or "set")(updates)


@operation
def unstack(x: Array, num: int | None = None, axis: int = 0) -> list[Array]:
    """Unstack an array into a list of arrays along an axis."""
    return [lax.index_in_dim(x, i, axis, keepdims=False) for i in range(x.shape[axis])]


def _without_symbols(function: Callable[[], PyTree]) -> Callable[[], PyTree]:
    def call() -> PyTree:
        result = function()
        if symbolic.is_symbolic(result):
            raise ValueError(
                "cond: a branch uses a symbolic tensor from outside, which has no value when the branch runs. Call "
                "cond in the `call` of a layer that takes the tensor as its input, or use ops.where."
            )
        return result

    return call


@_control_flow
def cond(pred: ArrayLike, true_fn: Callable[[], PyTree], false_fn: Callable[[], PyTree]) -> PyTree:
    """Conditional: call true_fn if pred is true, else false_fn."""
    return lax.cond(pred, _without_symbols(true_fn), _without_symbols(false_fn))


@_control_flow
def switch(index: ArrayLike, branches: Sequence[Callable[..., PyTree]], *operands: PyTree) -> PyTree:
    """Call the function at position index in a list of branches."""
    return lax.switch(index, branches, *operands)


@_control_flow
def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: PyTree, maximum_iterations: int | None = None
) -> PyTree:
    """While loop: update values by a function while a condition is true."""
    single = not isinstance(loop_vars, (list, tuple))
    first = (loop_vars,) if single else tuple(loop_vars)

    def condition(state: Any) -> Any:
        count, values = state
        more = cond(*values)
        return more if maximum_iterations is None else jnp.logical_and(more, count < maximum_iterations)

    def step(state: Any) -> Any:
        count, values = state
        new = body(*values)
        return count + 1, tuple(new) if isinstance(new, (list, tuple)) else (new,)

    last = lax.while_loop(condition, step, (0, first))[1]
    return last[0] if single else last


@_control_flow
def fori_loop(lower: int, upper: int, body_fun: Callable[[Any, PyTree], PyTree], init_val: PyTree) -> PyTree:
    """For loop: value = body_fun(i, value) for i from lower to upper, excluded."""
    return lax.fori_loop(lower, upper, body_fun, init_val)


@_control_flow
def scan(
    f: Callable[[PyTree, PyTree], tuple[PyTree, PyTree]],
    init: PyTree,
    xs: PyTree = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[PyTree, PyTree]:
    """Scan a function over the leading axis while carrying a state."""
    return lax.scan(f, init, xs, length, reverse, unroll)


@_control_flow
def associative_scan(
    f: Callable[[PyTree, PyTree], PyTree], elems: PyTree, reverse: bool = False, axis: int = 0
) -> PyTree:
    """Prefix scan with an associative function, in parallel."""
    return lax.associative_scan(f, elems, reverse, axis)


@_control_flow
def map(f: Callable[[PyTree], PyTree], xs: PyTree) -> PyTree:
    """Map a function over the leading axis, one element after another."""
    return lax.map(f, xs)


@_control_flow
def vectorized_map(function: Callable[[PyTree], PyTree], elements: PyTree) -> PyTree:
    """Map a function over the leading axis in one vectorized call."""
    return jax.vmap(function)(elements)


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function that returns its value and its gradient function; see `jax.custom_gradient`."""
    return jax.custom_gradient(f)
