"""Runs peers in separate processes, and computes comparable numbers from their times."""

from __future__ import annotations

import errno
import json
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers import CACHE, PEERS, missing_libraries
from benchmarks.workload import Workload

ROOT = Path(__file__).resolve().parent.parent

_EVERY_PEER = {
    # The CPU for all: peers do not support the same accelerators.
    "CUDA_VISIBLE_DEVICES": "-1",
    "JAX_PLATFORMS": "cpu",
    # Compile times are measured, so no peer may use compiled code of an earlier round.
    "JAX_ENABLE_COMPILATION_CACHE": "false",
    "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1",
    # pip has saved the bytecode of installed libraries; so Python may save that of minidl's files, too.
    "PYTHONDONTWRITEBYTECODE": "",
    "TERM": "xterm-256color",
}
_LINES_OF_AN_ERROR = 30
_FILLING = "a run that fills the cache and is not counted"


@dataclass(frozen=True)
class Round:
    """One run of one peer.

    Args:
        laps: seconds of each epoch.
        loss: at the end.
        accuracy: at the end; None where the peer does not report it.
        wall: seconds from starting the process to its exit.
        peak_memory: the most bytes it held at once.
        load: programs that wanted a core, this one among them, averaged over about a minute before its end.
    """

    laps: list[float]
    loss: float
    accuracy: float | None
    wall: float
    peak_memory: int
    load: float

    @property
    def steady(self) -> float:
        """Seconds of an epoch once everything is compiled: the median of all but the first."""
        return statistics.median(self.laps[1:])

    @property
    def compile(self) -> float:
        """Additional seconds of the first epoch, compared with a steady one."""
        return self.laps[0] - self.steady

    def cost(self, work: Workload) -> float:
        """The cost by which peers are compared: microseconds per step, row or call, or seconds of the process."""
        return self.wall if work.measure == "process" else self.steady / work.parts * 1e6


@dataclass
class Measured:
    """A peer's rounds, or why rounds are missing."""

    rounds: list[Round] = field(default_factory=list)
    skipped: str | None = None
    error: str | None = None


class Spread(NamedTuple):
    """A median and its range."""

    median: float
    low: float
    high: float


class PeerError(Exception):
    """A peer's process failed; the message is the end of its output."""


def spread(values: Sequence[float]) -> Spread:
    """Median, minimum and maximum.

    >>> spread([3.0, 9.0, 4.0])
    Spread(median=4.0, low=3.0, high=9.0)
    """
    return Spread(statistics.median(values), min(values), max(values))


def median_ratio(values: Sequence[float], reference: Sequence[float]) -> float:
    """The median over rounds of value / reference: measured within seconds of each other, under the same load.

    A peer that failed in a later round has fewer values; the rounds that both have are compared.

    >>> median_ratio([2.0, 40.0, 3.0], [1.0, 10.0, 1.0])
    3.0
    """
    return statistics.median(value / base for value, base in zip(values, reference, strict=False))


def disagreements(losses: Mapping[str, float], tolerance: float = 0.05) -> dict[str, float]:
    """The peers whose final loss differs from the median of all by more than the tolerance, and by how much.

    >>> disagreements({"a": 1.0, "b": 1.01, "c": 1.5})
    {'c': 0.48514851485148514}
    """
    middle = statistics.median(losses.values())
    distances = {name: loss / middle - 1 for name, loss in losses.items()}
    return {name: distance for name, distance in distances.items() if not abs(distance) <= tolerance}


def measure(
    work: Workload, peers: Sequence[str], rounds: int, announce: Callable[[str], None] = print
) -> dict[str, Measured]:
    """Run every peer once, then every peer again, and so on. Runs that fill a cache come first and are not counted.

    Args:
        work: what they compute.
        peers: who; one that is not installed is skipped, one that failed does not run again.
        rounds: how often, unless the workload has a limit below it.
        announce: told who runs next.
    """
    measured = {name: Measured() for name in peers}
    for name, result in measured.items():
        if missing := [*PEERS[name].missing(), *missing_libraries(work.needs)]:
            result.skipped = f"not installed: {', '.join(missing)}"
    rounds = min(rounds, work.most_rounds or rounds)
    fillers = [name for name in peers if PEERS[name].fills_cache]
    turns = [(f"round {number} of {rounds}", name) for number in range(1, rounds + 1) for name in peers]
    with tempfile.TemporaryDirectory() as cache:
        for turn, name in [*[(_FILLING, name) for name in fillers], *turns]:
            result = measured[name]
            if result.skipped or result.error:
                continue
            announce(f"{work.name}: {turn}, {name}")
            try:
                one = run(work, name, cache)
            except PeerError as error:
                result.error = str(error)
            else:
                if turn != _FILLING:
                    result.rounds.append(one)
    return measured


def run(work: Workload, peer: str, cache: str = "") -> Round:
    """One round of one peer, in its own process and terminal, so that progress bars are drawn.

    Args:
        work: what it computes.
        peer: who.
        cache: the folder for compiled programs, for a peer that keeps them.

    Raises:
        PeerError: the process failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks.worker", peer, json.dumps(asdict(work)), str(result)]
        environment = {**os.environ, **_EVERY_PEER, CACHE: cache, **PEERS[peer].environment}
        screen, terminal = pty.openpty()
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal, cwd=ROOT, env=environment
        )
        os.close(terminal)
        written = _read_to_end(screen)
        _, status, usage = os.wait4(process.pid, 0)  # unlike wait(), it returns the memory of this process
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            lines = written.decode(errors="replace").splitlines()[-_LINES_OF_AN_ERROR:]
            raise PeerError("\n".join([*lines, f"exit status {process.returncode}"]))
        unit = 1 if sys.platform == "darwin" else 1024
        memory, load = usage.ru_maxrss * unit, os.getloadavg()[0]
        return Round(**json.loads(result.read_text()), wall=wall, peak_memory=memory, load=load)


def _read_to_end(screen: int) -> bytes:
    """The output on a terminal until its last writer exits, which Linux reports as an input/output error."""
    written = bytearray()
    try:
        while piece := os.read(screen, 65536):
            written += piece
    except OSError as error:
        if error.errno != errno.EIO:
            raise
    finally:
        os.close(screen)
    return bytes(written)
