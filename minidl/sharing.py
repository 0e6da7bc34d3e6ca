"""Slots of variables shared between threads: training reuses their memory while others read.

A train step computes in the memory of the weights that it starts from. So it takes the arrays out of their slots, and
gives new ones back; in between, readers in other threads wait, and what somebody else may still hold is copied before.
A reader thus gets the newest finished values, all of one moment, and training never waits for a reader.

What is known of a variable: `_borrowed`, that its array was handed out, for as long as the slot holds it; `_pins`, how
many `reading` blocks use it now; `_taken`, the thread that computes in its memory; `_trained`, the thread that trains
it, for a whole call of `fit`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import jax

if TYPE_CHECKING:
    from minidl.variables import Variable

_marks = threading.Condition()  # guards the marks and the slots of all variables


def borrow(variable: Variable) -> jax.Array:
    """The array in the slot, which stays valid for ever."""
    with _marks:
        _wait((variable,))
        variable._borrowed = True
        return variable._slot


def replace(variable: Variable, value: jax.Array, borrowed: bool = True) -> None:
    """Put an array in the slot; `borrowed` says whether somebody else may hold it."""
    with _marks:
        _wait((variable,))
        variable._slot, variable._borrowed = value, borrowed


@contextlib.contextmanager
def reading(variables: Sequence[Variable]) -> Iterator[list[jax.Array]]:
    """The newest finished values, all of one moment, which stay valid inside the block."""
    with _marks:
        _wait(variables)
        for variable in variables:
            variable._pins += 1
        values = [variable._slot for variable in variables]
    try:
        yield values
    finally:
        with _marks:
            for variable in variables:
                variable._pins -= 1


def take(variables: Sequence[Variable], keep: bool = False) -> list[jax.Array]:
    """Values for a call that reuses their memory: copies of those that somebody else may hold. `give` ends it.

    Args:
        variables: the slots.
        keep: whether to copy all, so that readers need not wait for a call that takes long: one that compiles.
    """
    me = threading.get_ident()
    with _marks:
        _wait(variables)
        values = [variable._slot for variable in variables]
        held = [i for i, variable in enumerate(variables) if keep or variable._borrowed or variable._pins]
        for i, copy in zip(held, jax.device_put([values[i] for i in held], may_alias=False) if held else ()):
            values[i] = copy
        for variable in variables:
            variable._taken = 0 if keep else me
    return values


def give(variables: Sequence[Variable], values: Sequence[jax.Array], borrowed: bool = False) -> None:
    """Put new arrays in the slots, all at one moment."""
    with _marks:
        for variable, value in zip(variables, values, strict=True):
            variable._slot, variable._borrowed, variable._taken = value, borrowed, 0
        _marks.notify_all()


def release(variables: Sequence[Variable]) -> None:
    """End what `take` began without new values: the call has failed."""
    with _marks:
        for variable in variables:
            variable._taken = 0
        _marks.notify_all()


@contextlib.contextmanager
def trained(variables: Sequence[Variable]) -> Iterator[None]:
    """Mark variables as trained by this thread inside the block."""
    before = [variable._trained for variable in variables]
    for variable in variables:
        variable._trained = threading.get_ident()
    try:
        yield
    finally:
        for variable, mark in zip(variables, before):
            variable._trained = mark


def are_trained(variables: Sequence[Variable]) -> bool:
    """Whether any thread trains any of the variables now."""
    return any([variable._trained for variable in variables])


def are_trained_elsewhere(variables: Sequence[Variable]) -> bool:
    """Whether another thread trains any of the variables now."""
    return not {variable._trained for variable in variables} <= {0, threading.get_ident()}


def _wait(variables: Sequence[Variable]) -> None:
    free = {0, threading.get_ident()}
    while not {variable._taken for variable in variables} <= free:
        _marks.wait()
