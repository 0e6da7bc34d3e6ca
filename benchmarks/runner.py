"""Runs peers in separate processes, and computes comparable numbers from their times."""

from __future__ import annotations

import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import device
from benchmarks.peers import CACHE, PEERS, TURNS, missing_libraries
from benchmarks.processes import Process, run_in_turns
from benchmarks.workload import Workload

ROOT = Path(__file__).resolve().parent.parent

_EVERY_PEER = {
    # Compile times are measured, so no peer may use compiled code of an earlier round.
    "JAX_ENABLE_COMPILATION_CACHE": "false",
    "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1",
    # pip has saved the bytecode of installed libraries; so Python may save that of minidl's files, too.
    "PYTHONDONTWRITEBYTECODE": "",
    "TERM": "xterm-256color",
}
DEFAULT_LIMIT = 1800.0  # seconds that one run of a peer may take; the longest one takes 25
_NO_TIME = "no time was left"
_SHORTEST = 5.0  # seconds that are left, if another run is to begin
_FILLING = "a run that fills the cache and is not counted"


@dataclass(frozen=True)
class Round:
    """One run of one peer.

    Args:
        laps: seconds of each epoch.
        loss: at the end.
        accuracy: at the end; None where the peer does not report it.
        wall: seconds from starting the process to its exit, less the turns of others.
        peak_memory: the most bytes it held at once.
        load: programs that wanted a core, this one among them, averaged over about a minute before its end.
        preparation: seconds from the library's import to the first epoch, in which the data and the model are made;
            None in older results.
        device: the name of the device that it computed on, if the utilization was measured; likewise the following.
        device_memory: the most bytes of the device's memory that its arrays took at once; None where it is not known.
        busy: seconds of an epoch in which the device computed, from a trace of one more epoch than there are laps.
    """

    laps: list[float]
    loss: float
    accuracy: float | None
    wall: float
    peak_memory: int
    load: float
    preparation: float | None = None
    device: str | None = None
    device_memory: int | None = None
    busy: float | None = None

    @property
    def steady(self) -> float:
        """Seconds of an epoch once everything is compiled: the median of all but the first."""
        return statistics.median(self.laps[1:])

    @property
    def compile(self) -> float:
        """Additional seconds of the first epoch, compared with a steady one."""
        return self.laps[0] - self.steady

    @property
    def until_steady(self) -> float | None:
        """Seconds from the library's import until epochs are steady: preparation and compilation."""
        return None if self.preparation is None else self.preparation + self.compile

    @property
    def idle(self) -> float | None:
        """The share of a steady epoch in which the device did not compute."""
        return None if self.busy is None else max(0.0, 1 - self.busy / self.steady)

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
    """The median over rounds of value / reference: measured in turns or within seconds, under the same load.

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
    work: Workload,
    peers: Sequence[str],
    rounds: int,
    announce: Callable[[str], None] = print,
    limit: float = DEFAULT_LIMIT,
    deadline: float = math.inf,
) -> dict[str, Measured]:
    """Run every peer once, then every peer again in reverse order, and so on, so that no peer always comes first.

    Within a round they take turns where they can (see `_take_turns`). Runs that fill a cache come before all and are
    not counted.

    Args:
        work: what they compute.
        peers: who; one that is not installed is skipped, one that failed does not run again.
        rounds: how often, unless the workload has a limit below it.
        announce: told who runs next.
        limit: the seconds that one run of a peer may take; one that takes longer is ended and has failed.
        deadline: the time of `time.monotonic` at which all end; what was not measured until then is skipped.
    """
    measured = {name: Measured() for name in peers}
    for name, result in measured.items():
        if missing := [*PEERS[name].missing(), *missing_libraries(work.needs)]:
            result.skipped = f"not installed: {', '.join(missing)}"
        elif PEERS[name].arrays is None and device.chosen() != "cpu":
            result.skipped = "computes on the CPU"
    rounds = min(rounds, work.most_rounds or rounds)
    groups = [list(peers)] if _take_turns(work) else [[name] for name in peers]
    turns = [(_FILLING, [name]) for name in peers if PEERS[name].fills_cache]
    for number in range(rounds):
        ordered = [group[::-1] for group in reversed(groups)] if number % 2 else groups
        turns += [(f"round {number + 1} of {rounds}", group) for group in ordered]
    with tempfile.TemporaryDirectory() as cache:
        for turn, group in turns:
            names = [name for name in group if not (measured[name].skipped or measured[name].error)]
            found: dict[str, Round | PeerError] = {}
            if names and deadline - time.monotonic() >= _SHORTEST:
                announce(f"{work.name}: {turn}, {', '.join(names)}")
                found = run(work, names, cache, limit, deadline)
            for name in names:
                one, result = found.get(name), measured[name]
                if isinstance(one, Round):
                    if turn != _FILLING:
                        result.rounds.append(one)
                elif one is not None:
                    result.error = str(one)
                elif not result.rounds:
                    result.skipped = _NO_TIME
    return measured


def _take_turns(work: Workload) -> bool:
    """Whether peers take turns within a round, lap by lap, so that all meet the same load of the machine.

    Not where the time of the process is measured, nor on a GPU, whose memory a process keeps.
    """
    return work.measure != "process" and device.chosen() == "cpu" and not os.environ.get(device.UTILIZATION)


def run(
    work: Workload, peers: Sequence[str], cache: str = "", limit: float = DEFAULT_LIMIT, deadline: float = math.inf
) -> dict[str, Round | PeerError]:
    """One round of peers that take turns, each in its own process and terminal, so that progress bars are drawn.

    Args:
        work: what they compute.
        peers: who; of several, each waits after every lap until all others have had one.
        cache: the folder for compiled programs, for a peer that keeps them.
        limit: the seconds that the turns of one may take.
        deadline: the time of `time.monotonic` at which all end.

    Returns:
        For each peer its round, or an error if its process failed or took too long and was ended; nothing of those that
        the deadline ended.
    """
    with tempfile.TemporaryDirectory() as folder:
        results = {peer: Path(folder, peer) for peer in peers}
        turns = {TURNS: "1"} if len(peers) > 1 else {}
        processes = {}
        for peer, result in results.items():
            command = ["-m", "benchmarks.worker", peer, json.dumps(asdict(work)), str(result)]
            processes[peer] = _process(command, {CACHE: cache, **turns, **PEERS[peer].environment}, limit)
        run_in_turns(list(processes.values()), deadline)
        load = os.getloadavg()[0]
        return {
            peer: PeerError(process.error)
            if process.error
            else Round(
                **json.loads(results[peer].read_text()),
                wall=process.seconds,
                peak_memory=process.peak_memory,
                load=load,
            )
            for peer, process in processes.items()
            if not process.is_cut_off
        }


def hardware(works: Sequence[Workload], limit: float = DEFAULT_LIMIT) -> dict[str, Any]:
    """The device's name, memory and peak FLOP/s, and the FLOPs of a step of each workload; see `benchmarks.hardware`.

    Raises:
        PeerError: the process failed, or took too long and was ended.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        fields = json.dumps([asdict(work) for work in works])
        process = _process(["-m", "benchmarks.hardware", fields, str(result)], {}, limit)
        run_in_turns([process])
        if process.error:
            raise PeerError(process.error)
        found: dict[str, Any] = json.loads(result.read_text())
    return found


def _process(arguments: Sequence[str], environment: Mapping[str, str], limit: float) -> Process:
    """A process of Python for the chosen device."""
    variables = {**os.environ, **_EVERY_PEER, **device.ENVIRONMENTS[device.chosen()], **environment}
    return Process([sys.executable, *arguments], variables, ROOT, limit)
