"""The device that peers compute on, the CPU or a GPU, and how much of it they use.

`jax.py` and `torch.py` ask the library that holds a peer's arrays: only the process of a peer imports them.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from typing import Literal, Protocol

from benchmarks.peers import Clock

DEVICE = "BENCHMARK_DEVICE"  # environment variable: one of `ENVIRONMENTS`
UTILIZATION = "BENCHMARK_UTILIZATION"  # environment variable: set if the device's utilization is measured as well

ENVIRONMENTS = {
    "cpu": {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"},
    # Without preallocation, so that JAX reports the memory that was needed. It fails where there is no GPU.
    "gpu": {"JAX_PLATFORMS": "cuda,cpu", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
}
"""Device -> the variables of a peer's process."""


class Meter(Protocol):
    """What the modules of this folder have."""

    def kind(self) -> str:
        """The name of the device."""

    def peak_memory(self) -> int | None:
        """The most bytes of the device's memory that arrays took at once; None where it is not known."""

    def start(self) -> None:
        """Start a trace."""

    def stop(self) -> list[tuple[float, float]]:
        """End it: when each operation began and ended, in seconds, without copies from and to the host."""


def chosen() -> str:
    """The device that is measured."""
    return os.environ.get(DEVICE, "cpu")


def meter(library: Literal["jax", "torch"]) -> Meter:
    """The meter of a library."""
    module: Meter = importlib.import_module(f"benchmarks.device.{library}")
    return module


class TracedClock(Clock):
    """A clock that traces one lap more than it counts: tracing takes time.

    Args:
        meter: of the device.
        laps: how many are counted.

    Attributes:
        busy: the seconds of the traced lap in which the device computed; None if nothing was traced.
    """

    def __init__(self, meter: Meter, laps: int) -> None:
        super().__init__()
        self.busy: float | None = None
        self._meter = meter
        self._counted = laps

    def lap(self, count: int = 1) -> None:
        if len(self.laps) == self._counted:
            self.busy = covered(self._meter.stop()) or None
            return
        super().lap(count)
        if len(self.laps) == self._counted:
            self._meter.start()


def covered(intervals: Iterable[tuple[float, float]]) -> float:
    """How long at least one of the intervals lasts.

    >>> covered([(0.0, 2.0), (5.0, 6.0), (1.0, 3.0), (1.5, 2.0)])
    4.0
    """
    total, last = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, last))
        last = max(last, end)
    return total
