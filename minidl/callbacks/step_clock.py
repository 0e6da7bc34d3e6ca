"""StepClock: the time of a step, from what the loop reports, without the time of compilation.

The loop dispatches a chunk before it reads the previous one, so that the time between two reads need not be that of the
second chunk's steps. Elapsed time over steps done is exact once all dispatched chunks have been read, and needs no
synchronization with the device. What compiles while steps are computed hides them: these are left out.
"""

from __future__ import annotations

from time import perf_counter


class StepClock:
    """The time per step of one pass over data.

    Args:
        done: the number of steps done before, in a resumed pass.

    Attributes:
        seen: the number of steps done.
        compiled: seconds of compilation so far.

    >>> clock = StepClock()
    >>> clock.compiling(0)
    >>> clock.has_compiled(0.8)
    >>> clock.is_compiling, clock.compiled
    (False, 0.8)
    """

    def __init__(self, done: int = 0):
        self.seen = done
        self.compiled = 0.0
        self.is_compiling = False
        self.start = self._since = perf_counter()
        self._hidden = done  # up to this step, results are read after a compilation that took place meanwhile
        self._steps, self._seconds = 0, 0.0

    def compiling(self, dispatched: int) -> None:
        """Compilation begins, when so many steps have been dispatched."""
        self.is_compiling = True
        self._hidden = max(self._hidden, dispatched)

    def has_compiled(self, seconds: float) -> None:
        """Compilation has ended."""
        self.is_compiling = False
        self.compiled += seconds
        self._since += seconds

    def progress(self, step: int) -> None:
        """So many steps are done."""
        now = perf_counter()
        if step > self._hidden:
            self._steps += step - max(self.seen, 0)
            self._seconds += now - self._since
        self.seen, self._since = step, now

    def elapsed(self) -> float:
        """Seconds since the start, with compilation."""
        return perf_counter() - self.start

    def step_seconds(self) -> float | None:
        """Seconds per step, without compilation; None while unknown."""
        return self._seconds / self._steps if self._steps else None
