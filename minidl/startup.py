"""Importing minidl in less time."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def without_collecting() -> Iterator[None]:
    """Inside, Python's collector of garbage waits, and afterwards takes what is there for old, as it does in the end.

    JAX, optax and minidl make 130,000 objects while they are imported, and all of them stay: looking for garbage
    among them again and again takes a tenth of the time of an import.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # else the second call brings back what the program, or Python 3.12, has frozen
            gc.freeze()
            gc.unfreeze()  # both only move lists: everything is now in the oldest generation
        gc.enable()
