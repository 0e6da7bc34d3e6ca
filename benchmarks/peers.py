"""The peers that are measured, and the clock that each of them gets.

This file does not import their libraries: only the process of a peer does.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sysconfig
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict


class Result(TypedDict):
    """The result of a peer's program, to check that all did the same work."""

    loss: float
    accuracy: float | None


class Clock:
    """Times of laps, in seconds.

    Args:
        between: called after each lap, if given; what it takes belongs to no lap.

    Attributes:
        laps: those that have ended.
        preparation: from making the clock to its start; None before it.

    >>> clock = Clock()
    >>> clock.start(); clock.lap(); clock.lap()
    >>> len(clock.laps)
    2
    """

    def __init__(self, between: Callable[[], None] | None = None) -> None:
        self._between = between
        self.laps: list[float] = []
        self.preparation: float | None = None
        self._made = time.perf_counter()
        self._last: float | None = None

    def start(self) -> None:
        """Begin a lap."""
        self._last = time.perf_counter()
        self.preparation = self._last - self._made

    def lap(self, count: int = 1) -> None:
        """End a lap, and begin the next one.

        Args:
            count: how many laps end now, where the peer does not tell one from the next; each gets its share.

        Raises:
            RuntimeError: the clock was not started.
        """
        if self._last is None:
            raise RuntimeError("Clock.lap: call Clock.start before the first lap.")
        self.laps += [(time.perf_counter() - self._last) / count] * count
        if self._between is not None:
            self._between()
        self._last = time.perf_counter()


@dataclass(frozen=True)
class Peer:
    """One column of the comparison.

    Args:
        programs: the end of the names of the files with its programs; "" for the Keras programs, which take a library.
        needs: what must be installed; the first one is the library that a Keras program takes.
        environment: variables of its process.
        arrays: the library that holds its arrays and can put them on a GPU; None for a peer of the CPU alone.
        compiles: whether it needs a C++ compiler while it runs.
        fills_cache: whether a run that is not counted comes before the first round, and leaves what it compiled in the
            folder that the variable `CACHE` names.
    """

    programs: str
    needs: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    arrays: Literal["jax", "torch"] | None = "jax"
    compiles: bool = False
    fills_cache: bool = False

    def missing(self) -> list[str]:
        """Required packages and programs that are not installed."""
        return missing_libraries(self.needs) + (_missing_for_compiling() if self.compiles else [])


def missing_libraries(names: Iterable[str]) -> list[str]:
    """Those that are not installed."""
    return [name for name in names if importlib.util.find_spec(name) is None]


def _missing_for_compiling() -> list[str]:
    """What is missing of the compiler that PyTorch calls, and of the headers that it needs."""
    compiler = os.environ.get("CXX") or "g++"
    header = Path(sysconfig.get_path("include"), "Python.h")
    missing = [] if shutil.which(compiler) else [f"the C++ compiler {compiler}"]
    return missing if header.exists() else [*missing, "Python.h, the header for C programs"]


CACHE = "BENCHMARK_CACHE"  # environment variable: a folder that is kept from one round to the next
TURNS = "BENCHMARK_TURNS"  # environment variable: whether a peer stops after each lap, until its next turn
BEFORE = "BENCHMARK_BEFORE"  # environment variable: a folder with another version of minidl
WITH = "BENCHMARK_WITH"  # environment variable: how a peer differs from others with the same programs

PEERS = {
    "minidl": Peer("", ("minidl", "jax")),
    "minidl-before": Peer("", ("minidl", "jax")),  # the version that the command line names
    **{
        f"minidl+{more}": Peer("", ("minidl", "jax"), {WITH: more})
        for more in ("callback", "validation", "class weights", "schedule")
    },
    "minidl+cache": Peer("", ("minidl", "jax"), {WITH: "cache"}, fills_cache=True),
    "handwritten": Peer("_handwritten", ("jax",)),
    "handwritten+metrics": Peer("_handwritten", ("jax",), {WITH: "metrics"}),
    "keras-jax": Peer("", ("keras", "jax"), {"KERAS_BACKEND": "jax"}),
    "keras-tensorflow": Peer("", ("keras", "tensorflow"), {"KERAS_BACKEND": "tensorflow"}, arrays=None),
    "torch": Peer("_torch", ("torch",), arrays="torch"),
    "torch-compiled": Peer("_torch", ("torch",), {WITH: "compile"}, arrays="torch", compiles=True),
    "scikit-learn": Peer("_sklearn", ("sklearn",), arrays=None),
    "flax": Peer("_flax", ("flax", "optax")),
}
