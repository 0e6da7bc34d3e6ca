"""Who is measured. Each peer is a module here with one function for each workload that it computes.

A function takes the workload and a `Clock`, calls `clock.start()` when its data and model are ready, calls
`clock.lap()` at the end of every epoch, and returns its final loss and accuracy.

This file must not import the modules: they import their libraries, and only a worker process may do that.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from benchmarks.workloads import Workload


class Result(TypedDict):
    """What a peer's program returns: a check that everybody did the same work."""

    loss: float
    accuracy: float | None


class Clock:
    """Times of laps, in seconds.

    >>> clock = Clock()
    >>> clock.start(); clock.lap(); clock.lap()
    >>> len(clock.laps)
    2
    """

    def __init__(self) -> None:
        self.laps: list[float] = []
        self._last: float | None = None

    def start(self) -> None:
        """The first lap begins now."""
        self._last = time.perf_counter()

    def lap(self) -> None:
        """A lap ends now, and the next one begins.

        Raises:
            RuntimeError: the clock was not started.
        """
        if self._last is None:
            raise RuntimeError("Clock.lap: call Clock.start before the first lap.")
        now = time.perf_counter()
        self.laps.append(now - self._last)
        self._last = now


Program = Callable[["Workload", Clock], Result]


@dataclass(frozen=True)
class Peer:
    """One column of the comparison.

    Args:
        module: the file in this folder.
        needs: what must be installed.
        environment: variables of its process.
    """

    module: str
    needs: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def missing(self) -> list[str]:
        """What of `needs` is not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


PEERS = {
    "minidl": Peer("minidl", ("minidl", "jax")),
    **{
        f"minidl+{more}": Peer("minidl_with", ("minidl", "jax"), {"MINIDL_WITH": more})
        for more in ("callback", "validation", "class weights", "schedule")
    },
    "handwritten": Peer("handwritten", ("jax",)),
    "handwritten+metrics": Peer("handwritten_metrics", ("jax",)),
    "keras-jax": Peer("keras", ("keras", "jax"), {"KERAS_BACKEND": "jax"}),
    "keras-tensorflow": Peer("keras", ("keras", "tensorflow"), {"KERAS_BACKEND": "tensorflow"}),
    "torch": Peer("torch", ("torch",)),
}
