"""Slots of variables, shared between threads: training donates their buffers while other threads read.

A train step donates the buffers of the weights. So it takes the arrays out of their slots and puts new ones back; in
between, readers in other threads wait. Arrays that may be referenced elsewhere are copied first. A reader thus gets a
consistent snapshot of the newest finished values, and training never waits for readers.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence

import jax

from minidl.core import placement

_marks = threading.Condition()  # guards the marks and the arrays of all slots


class Slot:
    """Holder of one array, with the state of its use.

    Args:
        array: the initial array, which may be referenced elsewhere.
    """

    def __init__(self, array: jax.Array):
        self._slot = array
        self._borrowed = True  # whether the array may be referenced elsewhere
        self._pins = 0  # the number of `reading` blocks that use it
        self._taken = 0  # the thread that has donated its buffer
        self._trained = 0  # the thread that trains it, for a whole call of `fit`


def borrow(slot: Slot) -> jax.Array:
    """The array in the slot, which stays valid: its buffer is never donated."""
    with _marks:
        _wait((slot,))
        slot._borrowed = True
        return slot._slot


def replace(slot: Slot, value: jax.Array, borrowed: bool = True) -> None:
    """Put an array in the slot; `borrowed` is whether it may be referenced elsewhere."""
    with _marks:
        _wait((slot,))
        slot._slot, slot._borrowed = value, borrowed


class reading:  # noqa: N801, a context manager
    """A consistent snapshot of the newest finished values, which stay valid inside the block."""

    def __init__(self, slots: Sequence[Slot]):
        self._slots = slots

    def __enter__(self) -> list[jax.Array]:
        with _marks:
            _wait(self._slots)
            for slot in self._slots:
                slot._pins += 1
            return [slot._slot for slot in self._slots]

    def __exit__(self, *error: object) -> None:
        with _marks:
            for slot in self._slots:
                slot._pins -= 1


def take(slots: Sequence[Slot], keep: bool = False) -> list[jax.Array]:
    """Values for a call that donates them, copied where they may be referenced elsewhere. Ended by `give` or `release`.

    Args:
        slots: the slots.
        keep: whether to copy all values, so that readers need not wait for a long call, such as one that compiles.
    """
    me = threading.get_ident()
    with _marks:
        _wait(slots)
        values = [slot._slot for slot in slots]
        held = [i for i, slot in enumerate(slots) if keep or slot._borrowed or slot._pins]
        for i, copy in zip(held, placement.copies([values[i] for i in held]) if held else ()):
            values[i] = copy
        for slot in slots:
            slot._taken = 0 if keep else me
    return values


def give(slots: Sequence[Slot], values: Sequence[jax.Array], borrowed: bool = False) -> None:
    """Put new arrays in the slots, atomically."""
    with _marks:
        for slot, value in zip(slots, values, strict=True):
            slot._slot, slot._borrowed, slot._taken = value, borrowed, 0
        _marks.notify_all()


def release(slots: Sequence[Slot]) -> None:
    """End a `take` without new values, after the call has failed."""
    with _marks:
        for slot in slots:
            slot._taken = 0
        _marks.notify_all()


@contextlib.contextmanager
def trained(slots: Sequence[Slot]) -> Iterator[None]:
    """Mark the variables as trained by this thread, inside the block."""
    before = [slot._trained for slot in slots]
    for slot in slots:
        slot._trained = threading.get_ident()
    try:
        yield
    finally:
        for slot, mark in zip(slots, before):
            slot._trained = mark


def are_trained(slots: Sequence[Slot]) -> bool:
    """Whether any thread trains any of the variables now."""
    return any([slot._trained for slot in slots])


def are_trained_elsewhere(slots: Sequence[Slot]) -> bool:
    """Whether another thread trains any of the variables now."""
    return not {slot._trained for slot in slots} <= {0, threading.get_ident()}


def _wait(slots: Sequence[Slot]) -> None:
    free = {0, threading.get_ident()}
    while not {slot._taken for slot in slots} <= free:
        _marks.wait()
