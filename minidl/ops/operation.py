"""What makes a function of arrays one of symbolic tensors and of variables too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax

from minidl.symbolic import apply, is_symbolic
from minidl.variables import Variable


def operation(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function take symbolic tensors, which gives symbolic tensors and a step of a graph, and variables.

    >>> from minidl.layers import Input
    >>> double = operation(lambda x: 2 * x)
    >>> double(Input((3,))).shape
    (None, 3)
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if is_symbolic((args, kwargs)):
            return apply(function, function.__name__, *args, **kwargs)
        args, kwargs = jax.tree.map(_value, (args, kwargs))
        return function(*args, **kwargs)

    return call


def named(function: Callable[..., Any], source: Callable[..., Any], family: str) -> Callable[..., Any]:
    """An operation that takes its name and first line of documentation from the function that it calls."""
    function.__name__ = function.__qualname__ = source.__name__
    function.__doc__ = f"{(source.__doc__ or '').strip().splitlines()[0] if source.__doc__ else ''}"
    function.__module__ = f"minidl.ops.{family}"
    return operation(function)


def unary(source: Callable[..., Any], family: str = "numpy") -> Callable[..., Any]:
    """`source` as an operation with the signature (x)."""

    def function(x: Any) -> Any:
        return source(x)

    return named(function, source, family)


def binary(source: Callable[..., Any], family: str = "numpy") -> Callable[..., Any]:
    """`source` as an operation with the signature (x1, x2)."""

    def function(x1: Any, x2: Any) -> Any:
        return source(x1, x2)

    return named(function, source, family)


def reduction(source: Callable[..., Any], family: str = "numpy") -> Callable[..., Any]:
    """`source` as an operation with the signature (x, axis=None, keepdims=False)."""

    def function(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return source(x, axis=_hashable(axis), keepdims=keepdims)

    return named(function, source, family)


def _value(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, Variable) else leaf


def _hashable(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis
