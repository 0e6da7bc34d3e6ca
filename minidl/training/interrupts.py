"""Deferring KeyboardInterrupt to a safe point.

A chunk donates the buffers of the weights. An interrupt between the call and the assignment of the new weights would
leave the model without any. So this critical section is shielded: an interrupt inside is raised at its end.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Shield:
    """`with shield:` defers interrupts to the end of the block, while the shield is installed.

    Raises:
        KeyboardInterrupt: at the end of the block, if one occurred inside (or what the program's own handler raises).
    """

    def __init__(self) -> None:
        self._up = False
        self._waiting: tuple[int, Any] | None = None  # the arguments of a pending call of the handler
        self._handler: Any = None

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Install the handler inside this block, in the main thread, which alone receives interrupts."""
        handler = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is not threading.main_thread() or not callable(handler):
            yield
            return
        self._handler = handler
        signal.signal(signal.SIGINT, self._handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, handler)

    def __enter__(self) -> None:
        self._up = True

    def __exit__(self, *error: Any) -> None:
        self._up = False
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._handler(*waiting)

    def _handle(self, number: int, frame: Any) -> None:
        if self._up:
            self._waiting = number, frame
        else:
            self._handler(number, frame)
