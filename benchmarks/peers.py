"""Who is measured, and the clock that each of them is given.

This file imports none of their libraries: only the process of a peer may do that.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict


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


@dataclass(frozen=True)
class Peer:
    """One column of the comparison.

    Args:
        programs: the end of the names of the files with its programs; "" for the Keras programs, which take a library.
        needs: what must be installed; the first one is the library that a Keras program takes.
        environment: variables of its process.
    """

    programs: str
    needs: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def missing(self) -> list[str]:
        """What of `needs` is not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


WITH = "BENCHMARK_WITH"  # the variable of a process that says what a peer does more than its name without "+..."

PEERS = {
    "minidl": Peer("", ("minidl", "jax")),
    **{
        f"minidl+{more}": Peer("", ("minidl", "jax"), {WITH: more})
        for more in ("callback", "validation", "class weights", "schedule", "cache")
    },
    "handwritten": Peer("_handwritten", ("jax",)),
    "handwritten+metrics": Peer("_handwritten", ("jax",), {WITH: "metrics"}),
    "keras-jax": Peer("", ("keras", "jax"), {"KERAS_BACKEND": "jax"}),
    "keras-tensorflow": Peer("", ("keras", "tensorflow"), {"KERAS_BACKEND": "tensorflow"}),
    "torch": Peer("_torch", ("torch",)),
    "flax": Peer("_flax", ("flax", "optax")),
}
