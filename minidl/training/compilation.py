"""Compilation: tells callbacks when a program for a chunk is traced and compiled, and how long it took."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import Any


class Compilation:
    """The part of the loop in which a chunk is traced and dispatched, which compiles if it was not compiled before.

    Args:
        epoch: the `Epoch`.
        dispatched: (chunk, result) of each chunk that is computed meanwhile.
    """

    def __init__(self, epoch: Any, dispatched: Iterable[tuple[Any, Any]]):
        self._epoch = epoch
        self._dispatched = dispatched
        self._began = 0.0

    def __enter__(self) -> Compilation:
        return self

    def begin(self) -> None:
        """Tell the callbacks, the first time."""
        if not self._began:
            step = self._epoch.execution.done + sum(chunk.num_batches for chunk, _ in self._dispatched)
            self._epoch.callbacks.on_compile_begin(self._epoch.run.mode, step)
            self._began = perf_counter()

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        if self._began and kind is None:
            self._epoch.callbacks.on_compile_end(self._epoch.run.mode, perf_counter() - self._began)
