"""The number of batches per chunk, adapted to the time of a step."""

from __future__ import annotations

import time

from minidl.core import processes

_CHUNK_SECONDS = 0.05  # long enough to hide the overhead of dispatch, short enough for smooth progress
_FEW, _LONGEST = 16, 0.25  # for long steps: the batches of a chunk and its longest time; each chunk allocates memory


class Execution:
    """Executions of `steps_per_execution` batches, after which batch hooks are called."""

    def __init__(self, size: int):
        self._size = size
        self.done = 0  # batches of this epoch

    @property
    def is_complete(self) -> bool:
        """Whether the next batch is the first of an execution."""
        return self.done % self._size == 0

    def left(self) -> int:
        """The number of batches until the execution is complete."""
        return self._size - self.done % self._size


class Pace:
    """The number of batches of the next chunk: as many as take `_CHUNK_SECONDS`, somewhat more of long steps.

    Starts at one batch and grows, to a few and then at most fourfold at a time, by the shortest time per step so far.
    The measurements are kept for later epochs, whose first chunk is short, since the device is idle while it is
    gathered.
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
        """The number of batches of the next chunk; of several processes the choice of process 0, asked ever less."""
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
        """Record that the results of `count` more batches are available."""
        now = time.perf_counter()
        per_step = max((now - self._last) / count, _CHUNK_SECONDS / (4 * count))
        self._seconds[self._mode] = min(per_step, self._seconds.get(self._mode, per_step))
        self._last = now
