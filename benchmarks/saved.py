"""The results in benchmarks/results/: one file for each time that they were saved, named for its date and commit."""

from __future__ import annotations

import dataclasses
import json
import statistics
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.runner import Round, median_ratio
from benchmarks.workload import Workload
from benchmarks.workloads import WORKLOADS

RESULTS = Path(__file__).parent / "results"
REFERENCE = "minidl"


class Row(NamedTuple):
    """A workload that was measured, the rounds of each peer, and what is known about the device."""

    work: Workload
    rounds: dict[str, list[Round]]
    hardware: dict[str, Any] | None = None

    def costs(self, peer: str) -> list[float]:
        """The peer's costs, by round."""
        return [one.cost(self.work) for one in self.rounds[peer]]

    def ratio(self, peer: str) -> float:
        """The ratios of the peer's time to minidl's, by round."""
        return median_ratio(self.costs(peer), self.costs(REFERENCE))

    def share_of_peak(self, peer: str) -> float | None:
        """The floating-point operations per second of the peer's steps, as a share of those of a matrix product."""
        flops = self.hardware["flops"].get(self.work.name) if self.hardware else None
        if not self.hardware or flops is None:
            return None
        return flops / (1e-6 * statistics.median(self.costs(peer))) / self.hardware["peak"]["float32"]


def write(record: dict[str, Any]) -> Path:
    """Save the result of `report.record`, and return the path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{record['date'].replace(':', '')}-{record['revision'] or 'unversioned'}.json"
    path.write_text(json.dumps(record, indent=1))
    return path


def files() -> list[Path]:
    """All saved results, oldest first.

    Raises:
        FileNotFoundError: nothing was saved yet.
    """
    found = sorted(RESULTS.glob("*.json"))
    if not found:
        raise FileNotFoundError("No saved results: run `python -m benchmarks --save` first.")
    return found


def read(path: Path) -> list[Row]:
    """The results in a file of the workloads that still exist, in their order."""
    record = json.loads(path.read_text())
    return [row(record, name) for name in WORKLOADS if name in record["workloads"]]


def row(record: dict[str, Any], name: str) -> Row:
    """A workload of a file: with the sizes that were measured, and the current description."""
    saved = record["workloads"][name]
    fields = saved["workload"]
    known = WORKLOADS[fields["name"]]
    sizes = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    work = dataclasses.replace(known, **{**sizes, "about": known.about, "series": known.series})
    peers = saved["peers"].items()
    rounds = {peer: [Round(**one) for one in result["rounds"]] for peer, result in peers if result["rounds"]}
    return Row(work, rounds, record.get("hardware"))


def comparable(rows: list[Row]) -> list[Row]:
    """The workloads in which minidl and another peer were measured, without series."""
    return [row for row in rows if not row.work.series and REFERENCE in row.rounds and len(row.rounds) > 1]
