"""How many batches are computed at a time."""

from __future__ import annotations

import time

from minidl.core import processes

_CHUNK_SECONDS = 0.05  # long enough to hide dispatch, short enough that progress moves
_FEW, _LONGEST = 16, 0.25  # of long steps: so many in a chunk, for at most so long; each chunk begins with new memory


class Execution:
    """Batches as batch callbacks see them: `steps_per_execution` at a time."""

    def __init__(self, size: int):
        self._size = size
        self.done = 0  # batches of this epoch

    @property
    def is_complete(self) -> bool:
        """Whether the next batch is the first of another one."""
        return self.done % self._size == 0

    def left(self) -> int:
        """How many batches it needs to be complete."""
        return self._size - self.done % self._size


class Pace:
    """How many batches the next chunk should hold: as many as take `_CHUNK_SECONDS`, of long steps somewhat more.

    Starts at one batch and grows, to a few and then at most fourfold at a time, from the shortest time
    per step seen. What it learns is kept for later epochs, of which the first chunk is a
    short one, since the device waits while it is gathered; of long steps that is soon done.
    """

    def __init__(self, seconds: dict[str, float], mode: str, capacity: int):
        self._seconds = seconds
        self._mode = mode
        self._largest = capacity // 4
        self._capacity = capacity
        self._last = time.perf_counter()
        self._asked = 0
        self._agreed = 1

    def batches(self) -> int:
        """How many batches to take next; of several processes, as many as process 0 says, which is asked ever less."""
        self._asked += 1
        if not processes.are_many() or self._asked.bit_count() == 1:
            self._agreed = int(processes.from_first([self._wanted()])[0])
        return self._agreed

    def _wanted(self) -> int:
        seconds = self._seconds.get(self._mode)
        wanted = 1
        if seconds is not None:
            wanted = max(int(_CHUNK_SECONDS / seconds), min(_FEW, int(_LONGEST / seconds)))
        wanted, self._largest = min(wanted, max(_FEW, self._largest)), self._capacity
        return max(1, wanted)

    def measured(self, count: int) -> None:
        """Note that the results of `count` more batches have come."""
        now = time.perf_counter()
        per_step = max((now - self._last) / count, _CHUNK_SECONDS / (4 * count))
        self._seconds[self._mode] = min(per_step, self._seconds.get(self._mode, per_step))
        self._last = now
