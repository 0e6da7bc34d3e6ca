"""Pausing Python's garbage collector."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

_FROZEN = 1000  # a program that freezes its objects freezes more than that; Python 3.12 freezes 375 of its own


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Inside, garbage collection is disabled; afterwards it is as before.

    Importing JAX, optax and minidl creates 130,000 objects, none of them garbage. Scanning them repeatedly takes an
    eighth of the time of an import, and a fifteenth of that of the first `fit`, whose tracing creates many more.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def promote() -> None:
    """Move all objects into the oldest generation without scanning them: for the end of an import.

    Garbage among them is found by the next full collection only, and moving does not bring that one nearer: what is
    called repeatedly must not promote.
    """
    if gc.get_freeze_count() < _FROZEN:  # else the program has frozen objects, which must stay so
        gc.freeze()  # into the permanent generation, and from there into the oldest
        gc.unfreeze()
