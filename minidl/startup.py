"""Importing minidl in less time, and ending the process that did."""

from __future__ import annotations

import atexit
import contextlib
import gc
from collections.abc import Iterator
from typing import Any

_FULL = 2  # the generation of a collection that looks at everything


@contextlib.contextmanager
def without_collecting() -> Iterator[None]:
    """Inside, Python's collector of garbage waits; then it leaves what there is alone until it looks at everything.

    JAX, optax and minidl make 130,000 objects while they are imported, and all of them stay. Looking for garbage
    among them again and again takes a tenth of the time of an import, and 0.13 s when the process ends.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # else objects of the program's, or of Python's since 3.12, are frozen already
            _set_aside()
        gc.enable()


def _set_aside() -> None:
    """Freeze all objects there are, until the first full collection."""
    gc.freeze()
    count = gc.get_freeze_count()

    def bring_back(phase: str, info: dict[str, Any]) -> None:
        if phase == "start" and info["generation"] == _FULL and gc.get_freeze_count() <= count:  # more: not ours alone
            gc.unfreeze()

    def leave() -> None:
        gc.callbacks[:] = [callback for callback in gc.callbacks if callback is not bring_back]

    gc.callbacks.append(bring_back)
    atexit.register(leave)  # the collections at the end of a process are full ones
