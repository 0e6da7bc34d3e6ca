"""Pausing Python's garbage collector."""

from __future__ import annotations

import contextlib
import gc
import io
import sys
from collections.abc import Iterator

_FROZEN = 1000  # a program that freezes its objects freezes more than that; Python 3.12 freezes 375 of its own
_MANY = 200_000  # objects; importing pandas, scikit-learn and matplotlib creates 140,000


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


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Inside, modules are imported, whose objects the collector never scans again.

    They live as long as the process. Scanning them took most of the time of its exit: 0.31 s instead of 0.04. What was
    there before the import is not scanned either, and garbage in it is never found: so this is for the begin of a
    program. Later, all is moved into the oldest generation, which the next collections do not scan.
    """
    is_begin = _is_begin()
    with paused():
        yield
        if gc.get_freeze_count() < _FROZEN:  # else the program has frozen objects, which must stay so
            gc.freeze()
            if not is_begin:
                gc.unfreeze()


def _is_begin() -> bool:
    """Whether a program has done little yet: few objects, no session at a prompt, no file flushed as garbage."""
    objects = gc.get_objects()
    standard = [getattr(stream, "buffer", None) for stream in (sys.__stdout__, sys.__stderr__)]
    files = [one for one in objects if type(one) in (io.BufferedWriter, io.BufferedRandom) and one not in standard]
    return len(objects) < _MANY and not hasattr(sys, "ps1") and not files
