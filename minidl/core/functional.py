"""Stateful calls as pure functions, by binding values to variables inside a block."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from minidl.core import binding, sharing
from minidl.core.variables import Variable


def bound(variables: Sequence[Variable], values: Sequence[Any]) -> contextlib.AbstractContextManager[None]:
    """Bind each variable to a value inside the block, in this context only.

    Variables that are created inside keep their initial values, as assignments there may be traced.

    Args:
        variables: the slots.
        values: one array or tracer per variable.

    Raises:
        ValueError: the numbers of values and variables differ.
    """
    if len(values) != len(variables):
        raise ValueError(f"Expected one value for each of {len(variables)} variables, got {len(values)}.")
    return binding.holding({id(v): v.convert(value) for v, value in zip(variables, values)})


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


@contextlib.contextmanager
def of_one_moment(variables: Sequence[Variable]) -> Iterator[None]:
    """Inside, this context reads a consistent snapshot of the variables, even if another thread trains them.

    Assignments are written to the slots at the end; they are lost if another thread trains the variables then.
    """
    if binding.is_binding() or threading.active_count() == 1:  # no other thread
        yield
        return
    with sharing.reading(variables) as values, binding.overlaid(variables, values) as after:
        yield
    new = {v: after[id(v)] for v, before in zip(variables, values) if after[id(v)] is not before}
    if new and not sharing.are_trained_elsewhere(list(new)):
        for variable, value in new.items():
            sharing.replace(variable, value)
