"""Compilation: tells callbacks when a program for a chunk is traced and compiled, and how long it took."""

from __future__ import annotations

from time import perf_counter

from minidl.callbacks import Callback


class Compilation:
    """The part of the loop in which a chunk is traced and dispatched, which compiles if it was not compiled before.

    Args:
        callbacks: one, or a list of all.
        mode: "train", "test" or "predict".
        step: the number of steps before the chunk.
    """

    def __init__(self, callbacks: Callback, mode: str, step: int = 0):
        self._callbacks = callbacks
        self._mode = mode
        self._step = step
        self._began = 0.0

    def __enter__(self) -> Compilation:
        return self

    def begin(self) -> None:
        """Tell the callbacks, the first time."""
        if not self._began:
            self._callbacks.on_compile_begin(self._mode, self._step)
            self._began = perf_counter()

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if self._began and kind is None:
            self._callbacks.on_compile_end(self._mode, perf_counter() - self._began)
