"""Wraps functions of JAX as operations, one helper per signature; see minidl/core/operation.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from minidl.core.operation import operation
from minidl.core.typing import Array, ArrayLike

__all__ = ["binary", "bitwise", "operation", "reduction", "unary"]


def named(function: Callable[..., Any], source: Callable[..., Any], family: str) -> Callable[..., Any]:
    """An operation with the name and the first line of the docstring of the function that it calls."""
    function.__name__ = function.__qualname__ = source.__name__
    function.__doc__ = _summary(source)
    function.__module__ = f"minidl.ops.{family}"
    return operation(function)


def _summary(source: Callable[..., Any]) -> str:
    """The first line of a docstring; of an alias such as `jnp.abs`, that of the function that it names."""
    line = (source.__doc__ or "").lstrip().partition("\n")[0].rstrip()
    alias = re.match(r"Alias of :func:`jax\.numpy\.(\w+)`", line)
    return _summary(getattr(jnp, alias[1])) if alias else line


def unary(source: Callable[..., Any], family: str = "numpy") -> Callable[..., Any]:
    """`source` as an operation with the signature (x)."""

    def function(x: ArrayLike) -> Array:
        return source(x)

    return named(function, source, family)


def binary(source: Callable[..., Any], family: str = "numpy") -> Callable[..., Any]:
    """`source` as an operation with the signature (x1, x2)."""

    def function(x1: ArrayLike, x2: ArrayLike) -> Array:
        return source(x1, x2)

    return named(function, source, family)


def bitwise(source: Callable[..., Any], family: str = "numpy") -> Callable[..., Any]:
    """`source` as an operation with the signature (x, y)."""

    def function(x: ArrayLike, y: ArrayLike) -> Array:
        return source(x, y)

    return named(function, source, family)


def reduction(source: Callable[..., Any], family: str = "numpy") -> Callable[..., Any]:
    """`source` as an operation with the signature (x, axis=None, keepdims=False)."""

    def function(x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Array:
        return source(x, axis=_hashable(axis), keepdims=keepdims)

    return named(function, source, family)


def _hashable(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis
