"""Conversions, control flow and updates: Keras's names for functions of `jax.lax`."""

from __future__ import annotations

import builtins
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from minidl.core import array_metadata, dtypes, functional, structures, symbolic
from minidl.core.symbolic import KerasTensor
from minidl.core.variables import Variable
from minidl.ops.operation import operation

_control_flow = functools.partial(operation, converts=False)


@operation
def cast(x: Any, dtype: Any) -> Any:
    """The entries as another dtype."""
    return jnp.asarray(x).astype(dtypes.canonical(dtype))


@operation
def saturate_cast(x: Any, dtype: Any) -> Any:
    """The entries as another dtype, at its limits where they are beyond them."""
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


def shape(x: Any) -> tuple[int | None, ...]:
    """The shape; None where a symbolic tensor does not know it."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def dtype(x: Any) -> str:
    """The name of the dtype."""
    return str(x.dtype)


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    """An array of numbers, a variable or an array."""
    if isinstance(x, KerasTensor):
        return x if dtype is None else cast(x, dtype)
    value = x.value if isinstance(x, Variable) else x
    if dtype is None and not hasattr(value, "dtype"):
        value = np.asarray(value)
        dtype = dtypes.floatx() if value.dtype.kind == "f" else None
    return jnp.asarray(value, None if dtype is None else dtypes.canonical(dtype))


def convert_to_numpy(x: Any) -> np.ndarray:
    """A NumPy array of an array or a variable."""
    return np.asarray(x)


def is_tensor(x: Any) -> bool:
    """Whether something is a JAX array, traced ones included."""
    return isinstance(x, jax.Array)


def compute_output_spec(fn: Any, *args: Any, **kwargs: Any) -> Any:
    """What a function gives for symbolic tensors, as symbolic tensors; nothing is computed, and no state changes.

    Args:
        fn: a function of arrays, a metric, a layer, or a method of one.
        *args: its arguments.
        **kwargs: likewise.

    >>> compute_output_spec(lambda x: x @ x.T, KerasTensor((None, 3))).shape
    (None, None)
    """
    variables = getattr(getattr(fn, "__self__", fn), "variables", [])
    pure, values = functional.functional(fn, variables), [variable.value for variable in variables]
    return symbolic.infer(lambda *args, **kwargs: pure(values, *args, **kwargs)[0], args, kwargs)


def get_keras_mask(x: Any) -> Any:
    """The mask of an array, or of a symbolic tensor as another one; None if it has none."""
    mask = array_metadata.of(x).mask
    is_of_graph = isinstance(x, KerasTensor) and mask is not None
    return symbolic.apply(get_keras_mask, "get_keras_mask", x) if is_of_graph else mask


@_control_flow
def stop_gradient(variable: Any) -> Any:
    """The same values, in the same structure, without a gradient."""
    return structures.map(lax.stop_gradient, variable)


@operation
def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    """The part of a given shape that begins at a place."""
    return lax.dynamic_slice(inputs, start_indices, shape)


@operation
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """The array with other values from a place on."""
    return lax.dynamic_update_slice(inputs, updates, start_indices)


@operation
def scatter(indices: Any, values: Any, shape: Any) -> Any:
    """Zeros, with values added at given places."""
    return jnp.zeros(shape, values.dtype).at[tuple(jnp.moveaxis(indices, -1, 0))].add(values)


@operation
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """The array with other values at given places; reduction "add", "max", "min" or "mul" joins them with the old."""
    at = jnp.asarray(inputs).at[tuple(jnp.moveaxis(jnp.asarray(indices), -1, 0))]
    return getattr(at, reduction or "set")(updates)


@operation
def unstack(x: Any, num: int | None = None, axis: int = 0) -> Any:
    """A list of the parts along an axis."""
    return [lax.index_in_dim(x, i, axis, keepdims=False) for i in range(x.shape[axis])]


def _without_symbols(function: Any) -> Any:
    def call() -> Any:
        result = function()
        if symbolic.is_symbolic(result):
            raise ValueError(
                "cond: a function reads a symbolic tensor that is not passed to it, so no value can be put in its "
                "place. Call cond in the `call` of a layer that is given the tensor, or use ops.where."
            )
        return result

    return call


@_control_flow
def cond(pred: Any, true_fn: Any, false_fn: Any) -> Any:
    """What one of two functions gives."""
    return lax.cond(pred, _without_symbols(true_fn), _without_symbols(false_fn))


@_control_flow
def switch(index: Any, branches: Any, *operands: Any) -> Any:
    """What one of several functions gives."""
    return lax.switch(index, branches, *operands)


@_control_flow
def while_loop(cond: Any, body: Any, loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    """Values changed by a function as long as a condition holds."""
    single = not isinstance(loop_vars, (list, tuple))
    first = (loop_vars,) if single else tuple(loop_vars)

    def goes_on(state: Any) -> Any:
        number, values = state
        more = cond(*values)
        return more if maximum_iterations is None else jnp.logical_and(more, number < maximum_iterations)

    def step(state: Any) -> Any:
        number, values = state
        new = body(*values)
        return number + 1, tuple(new) if isinstance(new, (list, tuple)) else (new,)

    last = lax.while_loop(goes_on, step, (0, first))[1]
    return last[0] if single else last


@_control_flow
def fori_loop(lower: Any, upper: Any, body_fun: Any, init_val: Any) -> Any:
    """A value changed by a function of (i, value) for each i."""
    return lax.fori_loop(lower, upper, body_fun, init_val)


@_control_flow
def scan(f: Any, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, unroll: Any = 1) -> Any:
    """A function along the first axis, with a state that it changes."""
    return lax.scan(f, init, xs, length, reverse, unroll)


@_control_flow
def associative_scan(f: Any, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All results so far of an associative function."""
    return lax.associative_scan(f, elems, reverse, axis)


@_control_flow
def map(f: Any, xs: Any) -> Any:
    """A function of each part along the first axis, one after the other."""
    return lax.map(f, xs)


@_control_flow
def vectorized_map(function: Any, elements: Any) -> Any:
    """A function of each part along the first axis, all at once."""
    return jax.vmap(function)(elements)


def custom_gradient(f: Any) -> Any:
    """A function that gives its gradient itself, as `jax.custom_gradient`."""
    return jax.custom_gradient(f)
