"""Values bound to variables for the context that computes with them, and nobody else.

A traced function needs tracers where the variables of a model are read. They are put into an overlay that only the
current context (a thread, in practice) sees: every other thread goes on reading the variable's own slot. Assignments
inside a block stay in its overlay too and end with it, so that nothing traced can reach a slot.
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
        self.touched = touched  # records the variables that no block has bound, if it is a dict
        self.closed = closed  # whether what is assigned to other variables stays inside, too
        self.outer = _innermost.get()


_innermost: contextvars.ContextVar[_Frame | None] = contextvars.ContextVar("innermost", default=None)


def is_binding() -> bool:
    """Whether this context is inside a block."""
    return _innermost.get() is not None


def lookup(variable: Any) -> Any:
    """The value that the innermost block with this variable has; None outside of all of them."""
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
        Whether there is such a block; if not, the slot is the place for the value.
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
    """Let a variable that is made inside a block hold its first value there; its slot keeps that value afterwards."""
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
    """A block in which variables, by their ids, hold values; what is assigned inside ends with it."""
    return _inside(_Frame(values))


@contextlib.contextmanager
def overlaid(variables: Sequence[Any], values: Sequence[Any]) -> Iterator[dict[int, Any]]:
    """Like `holding` for an eager call: gives the values at the end, by id; other variables are assigned as outside."""
    frame = _Frame(dict(zip(map(id, variables), values)), closed=False)
    with _inside(frame):
        yield frame.values


@contextlib.contextmanager
def recorded() -> Iterator[list[Any]]:
    """A list that holds, after the block, the variables which were read or assigned inside without being bound."""
    touched: dict[int, Any] = {}
    found: list[Any] = []
    with _inside(_Frame({}, touched)):
        yield found
    found.extend(touched.values())
