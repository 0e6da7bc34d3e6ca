"""Operations made of functions of JAX, by their signature; see minidl/core/operation.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl.core.operation import operation

__all__ = ["binary", "bitwise", "operation", "reduction", "unary"]


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


def bitwise(source: Callable[..., Any], family: str = "numpy") -> Callable[..., Any]:
    """`source` as an operation with the signature (x, y)."""

    def function(x: Any, y: Any) -> Any:
        return source(x, y)

    return named(function, source, family)


def reduction(source: Callable[..., Any], family: str = "numpy") -> Callable[..., Any]:
    """`source` as an operation with the signature (x, axis=None, keepdims=False)."""

    def function(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return source(x, axis=_hashable(axis), keepdims=keepdims)

    return named(function, source, family)


def _hashable(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis
