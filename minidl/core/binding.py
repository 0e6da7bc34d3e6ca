"""Values bound to variables for the context that computes with them, and nobody else.

A traced function needs tracers where the variables of a model are read. `bound` puts them into an overlay that only the
current context (a thread, in practice) sees: every other thread goes on reading the variable's own slot. Assignments
inside a block stay in its overlay too and end with it, so that nothing traced can reach a slot.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minidl.core.variables import Variable


class _Frame:
    """The overlay of one block: the values of its variables, by their ids."""

    __slots__ = ("closed", "outer", "touched", "values")

    def __init__(self, values: dict[int, Any], touched: dict[int, Variable] | None = None, closed: bool = True):
        self.values = values
        self.touched = touched  # records the variables that no block has bound, if it is a dict
        self.closed = closed  # whether what is assigned to other variables stays inside, too
        self.outer = _innermost.get()


_innermost: contextvars.ContextVar[_Frame | None] = contextvars.ContextVar("innermost", default=None)


def is_binding() -> bool:
    """Whether this context is inside a block."""
    return _innermost.get() is not None


def lookup(variable: Variable) -> Any:
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


def store(variable: Variable, value: Any) -> bool:
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


def declare(variable: Variable, value: Any) -> None:
    """Let a variable that is made inside a block hold its first value there; its slot keeps that value afterwards."""
    frame = _innermost.get()
    while frame is not None and not frame.closed:
        frame = frame.outer
    if frame is not None:
        frame.values[id(variable)] = value


def _record(variable: Variable, frame: _Frame | None) -> None:
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


def bound(variables: Sequence[Variable], values: Sequence[Any]) -> contextlib.AbstractContextManager[None]:
    """Let each variable hold the given value inside the block, for this context alone.

    Variables that are made inside keep their first values: what happens to them there may be traced.

    Args:
        variables: the slots.
        values: one array (or tracer) for each, in the same order.

    Raises:
        ValueError: not as many values as variables.
    """
    if len(values) != len(variables):
        raise ValueError(f"Expected one value for each of {len(variables)} variables, got {len(values)}.")
    return _inside(_Frame({id(v): v.convert(value) for v, value in zip(variables, values)}))


@contextlib.contextmanager
def overlaid(variables: Sequence[Variable], values: Sequence[Any]) -> Iterator[dict[int, Any]]:
    """Like `bound` for an eager call: gives the values at the end, by id; other variables are assigned as outside."""
    frame = _Frame(dict(zip(map(id, variables), values)), closed=False)
    with _inside(frame):
        yield frame.values


@contextlib.contextmanager
def recorded() -> Iterator[list[Variable]]:
    """A list that holds, after the block, the variables which were read or assigned inside without being bound."""
    touched: dict[int, Variable] = {}
    found: list[Variable] = []
    with _inside(_Frame({}, touched)):
        yield found
    found.extend(touched.values())


def functional(call: Callable[..., Any], variables: Sequence[Variable]) -> Callable[..., tuple[Any, list[Any]]]:
    """The pure form of a call that reads and changes variables.

    Args:
        call: any function or bound method.
        variables: the slots that it may read or change.

    Returns:
        `pure(values, *args, **kwargs) -> (output, new_values)`, free of side effects, for
        `jax.jit`, `jax.grad`, `jax.vmap` or a loop of your own.

    Example:
    >>> import jax
    >>> from minidl import Variable
    >>> total = Variable(1.0)
    >>> pure = functional(lambda x: total.assign_add(x) * 2, [total])
    >>> output, (new_total,) = jax.jit(pure)([3.0], 4.0)
    >>> float(output), float(new_total), float(total)
    (14.0, 7.0, 1.0)
    """

    def pure(values: Sequence[Any], *args: Any, **kwargs: Any) -> tuple[Any, list[Any]]:
        with bound(variables, values):
            output = call(*args, **kwargs)
            return output, [variable._value for variable in variables]

    return pure
