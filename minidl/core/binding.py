"""Binding of values to variables, local to a context.

In a traced function, reading a variable must give a tracer. Tracers are put into an overlay that only the current
context (in practice, a thread) sees; other threads read the variable's slot. Assignments inside a block go to its
overlay and end with it, so that no tracer can reach a slot.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Sequence
from typing import Any


class _Frame:
    """The overlay of one block: the values of its variables, by their ids."""

    __slots__ = ("closed", "outer", "touched", "values")

    def __init__(self, values: dict[int, Any], touched: dict[int, Any] | None = None, closed: bool = True):
        self.values = values
        self.touched = touched  # a dict to record unbound variables in, or None
        self.closed = closed  # whether assignments to other variables stay inside, too
        self.outer = _innermost.get()


_innermost: contextvars.ContextVar[_Frame | None] = contextvars.ContextVar("innermost", default=None)


def is_binding() -> bool:
    """Whether this context is inside a block."""
    return _innermost.get() is not None


def lookup(variable: Any) -> Any:
    """The value in the innermost block that has the variable; None if there is none."""
    innermost = frame = _innermost.get()
    key = id(variable)
    while frame is not None:
        if (value := frame.values.get(key)) is not None:
            return value
        frame = frame.outer
    if innermost is not None:
        _record(variable, innermost)
    return None


def store(variable: Any, value: Any) -> bool:
    """Assign inside a block: to the innermost block that has the variable, else to the innermost that is closed.

    Returns:
        Whether there is such a block; if not, the value belongs into the slot.
    """
    innermost = frame = _innermost.get()
    closed = None
    while frame is not None and id(variable) not in frame.values:
        closed = closed or (frame if frame.closed else None)
        frame = frame.outer
    if frame is None:
        _record(variable, innermost)
    place = frame or closed
    if place is not None:
        place.values[id(variable)] = value
    return place is not None


def declare(variable: Any, value: Any) -> None:
    """Bind a variable that is created inside a block to its initial value, which its slot keeps afterwards."""
    frame = _innermost.get()
    while frame is not None and not frame.closed:
        frame = frame.outer
    if frame is not None:
        frame.values[id(variable)] = value


def _record(variable: Any, frame: _Frame | None) -> None:
    while frame is not None:
        if frame.touched is not None:
            frame.touched[id(variable)] = variable
        frame = frame.outer


@contextlib.contextmanager
def _inside(frame: _Frame) -> Iterator[None]:
    token = _innermost.set(frame)
    try:
        yield
    finally:
        _innermost.reset(token)


def holding(values: dict[int, Any]) -> contextlib.AbstractContextManager[None]:
    """A block that binds variables, by id, to values; assignments inside end with it."""
    return _inside(_Frame(values))


@contextlib.contextmanager
def overlaid(variables: Sequence[Any], values: Sequence[Any]) -> Iterator[dict[int, Any]]:
    """As `holding`, for eager calls: yields the values, by id; other variables are assigned as outside."""
    frame = _Frame(dict(zip(map(id, variables), values)), closed=False)
    with _inside(frame):
        yield frame.values


@contextlib.contextmanager
def recorded() -> Iterator[list[Any]]:
    """A list that is filled, at the end of the block, with the unbound variables that were read or assigned inside."""
    touched: dict[int, Any] = {}
    found: list[Any] = []
    with _inside(_Frame({}, touched)):
        yield found
    found.extend(touched.values())
