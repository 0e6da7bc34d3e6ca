"""Reports of the measurements: tables for a terminal, a record for a file."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks import device
from benchmarks.runner import ROOT, Measured, disagreements, median_ratio, spread
from benchmarks.workload import Workload

_LIBRARIES = ("minidl", "numpy", "jax", "jaxlib", "optax", "keras", "tensorflow", "torch", "flax", "sklearn")
_TOLERANCE = 0.05


def table(work: Workload, measured: Mapping[str, Measured]) -> RenderableType:
    """A line per peer; below it whether final losses agree, skipped peers, and all errors in full."""
    reference = next((name for name, result in measured.items() if result.rounds), None)
    unit, divisor = unit_of(work, [one.cost(work) for one in measured[reference].rounds] if reference else [0.0])
    grid = Table(title=f"{work.name}: {work.about}", title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
    grid.add_column("peer", no_wrap=True)
    seconds = [] if work.measure == "process" else ["compile\nseconds", "process\nseconds"]
    for heading in [unit, "range", "ratio", *seconds, "peak\nMB", "loss"]:
        grid.add_column(heading, justify="right", min_width=11 if heading == "range" else None)
    for name, result in measured.items():
        if result.rounds and reference:
            grid.add_row(name, *_cells(work, result, measured[reference], divisor))
        else:
            grid.add_row(name, "skipped" if result.skipped else "failed")
    remarks = [f"ratio: to {reference}, in the same round; the median over rounds."] if reference else []
    remarks += [_agreement(measured), *_later_laps(work, measured), *remarks_on(measured)]
    return Group(grid, *[Text(remark) for remark in remarks])


def series_table(points: Sequence[tuple[Workload, Mapping[str, Measured]]]) -> RenderableType:
    """A line per point and peer, for workloads that share a table; no ratios, because the points differ."""
    unit = f"us/{points[0][0].measure}"
    grid = Table(title=points[0][0].series, title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for heading in ("what", "peer"):
        grid.add_column(heading, no_wrap=True)
    for heading in (unit, "range", "compile\nseconds", "process\nseconds", "peak\nMB"):
        grid.add_column(heading, justify="right")
    for work, measured in points:
        for name, result in measured.items():
            cells = _series_cells(work, result) if result.rounds else ["skipped" if result.skipped else "failed"]
            grid.add_row(work.about, name, *cells)
    named = {f"{work.name}, {name}": result for work, measured in points for name, result in measured.items()}
    return Group(grid, *[Text(remark) for remark in remarks_on(named)])


def remarks_on(measured: Mapping[str, Measured]) -> list[str]:
    """Other load on the machine, skipped peers, and all errors in full."""
    return [*_busy(measured), *_absences(measured)]


def record(
    results: Mapping[str, tuple[Workload, Mapping[str, Measured]]],
    hardware: Mapping[str, Any] | None = None,
    date: datetime | None = None,
) -> dict[str, Any]:
    """All raw measurements with date, machine and versions, as data for JSON.

    Args:
        results: the workloads, and the rounds of peers.
        hardware: what was found out about the device, if anything.
        date: when they began, by default now.
    """
    return {
        "date": (date or datetime.now(UTC)).isoformat(timespec="seconds"),
        "device": device.chosen(),
        "hardware": hardware,
        "revision": revision(),
        "machine": machine(),
        "versions": versions(),
        "workloads": {
            name: {"workload": asdict(work), "peers": {peer: asdict(result) for peer, result in measured.items()}}
            for name, (work, measured) in results.items()
        },
    }


def machine() -> dict[str, Any]:
    """The processor, its cores that this process may use, and the memory in bytes."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


def versions() -> dict[str, str | None]:
    """Library -> version, None where it is not an installed package."""
    packages = importlib.metadata.packages_distributions()
    return {
        library: importlib.metadata.version(packages[library][0]) if library in packages else None
        for library in _LIBRARIES
    }


def revision() -> str | None:
    """The commit that was measured, with "-dirty" appended if files were changed since; None outside of git."""
    command = ["git", "describe", "--always", "--dirty"]
    try:
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:  # git is not installed
        return None
    return answer.stdout.strip() or None


def unit_of(work: Workload, costs: Sequence[float]) -> tuple[str, int]:
    """The unit of a workload's times, and the divisor of its costs: milliseconds if they are long.

    >>> unit_of(Workload("mine", "an example"), [1200.0, 3400.0])
    ('ms/step', 1000)
    """
    if work.measure == "process":
        return "seconds", 1
    return (f"ms/{work.measure}", 1000) if statistics.median(costs) >= 1000 else (f"us/{work.measure}", 1)


def _cells(work: Workload, result: Measured, reference: Measured, divisor: int) -> list[str]:
    rounds = result.rounds
    costs = [one.cost(work) for one in rounds]
    ratio = median_ratio(costs, [one.cost(work) for one in reference.rounds])
    middle, low, high = (value / divisor for value in spread(costs))
    cells = [figure(middle), f"{figure(low)}-{figure(high)}", figure(ratio)]
    if work.measure != "process":
        cells += [figure(statistics.median(one.compile for one in rounds))]
        cells += [figure(statistics.median(one.wall for one in rounds))]
    peak_memory = statistics.median(one.peak_memory for one in rounds)
    return [*cells, f"{peak_memory / 1e6:.0f}", f"{_final_loss(result):.3f}"]


def _series_cells(work: Workload, result: Measured) -> list[str]:
    middle, low, high = spread([one.cost(work) for one in result.rounds])
    seconds = [statistics.median(one.compile for one in result.rounds)]
    seconds += [statistics.median(one.wall for one in result.rounds)]
    peak_memory = statistics.median(one.peak_memory for one in result.rounds)
    return [figure(middle), f"{figure(low)}-{figure(high)}", *map(figure, seconds), f"{peak_memory / 1e6:.0f}"]


def figure(value: float) -> str:
    """Three significant digits, but all digits before the point.

    >>> figure(0.0512), figure(3.14159), figure(38.2), figure(1764.2)
    ('0.0512', '3.14', '38.2', '1764')
    """
    magnitude = math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{max(0, 2 - magnitude)}f}"


def _agreement(measured: Mapping[str, Measured]) -> str:
    """Whether the peers did the same work, judged by their final losses."""
    losses = {name: _final_loss(result) for name, result in measured.items() if result.rounds}
    if len(losses) < 2:
        return "One peer at most was measured: nothing to compare its loss with."
    far = disagreements(losses, _TOLERANCE)
    if not far:
        return f"All final losses are within {_TOLERANCE:.0%} of their median."
    told = ", ".join(f"{name} {distance:+.0%}" for name, distance in far.items())
    return f"NOT COMPARABLE: final losses further than {_TOLERANCE:.0%} from the median of all: {told}."


def _later_laps(work: Workload, measured: Mapping[str, Measured]) -> list[str]:
    """What a lap after the first costs, where laps are parts of a process that are alike."""
    if work.measure != "process":
        return []
    shares = {
        name: statistics.median(one.steady / one.laps[0] for one in result.rounds)
        for name, result in measured.items()
        if result.rounds and all(len(one.laps) > 1 for one in result.rounds)
    }
    told = ", ".join(f"{name} {figure(share)}" for name, share in shares.items())
    return [f"Time of a later lap, the first one being 1: {told}."] if len(shares) == len(measured) else []


def _busy(measured: Mapping[str, Measured]) -> list[str]:
    """A warning, if other programs used the cores while peers ran."""
    loads = [one.load for result in measured.values() for one in result.rounds]
    cores = machine()["cores"]
    if not loads or max(loads) <= cores:
        return []
    return [
        f"The machine was busy: up to {max(loads):.1f} programs on {cores} cores. Times are longer than they need be."
    ]


def _absences(measured: Mapping[str, Measured]) -> list[str]:
    """The skipped peers, and all errors in full."""
    skipped = [f"{name} skipped: {result.skipped}." for name, result in measured.items() if result.skipped]
    return skipped + [f"{name} FAILED:\n{result.error}" for name, result in measured.items() if result.error]


def _final_loss(result: Measured) -> float:
    return statistics.median(one.loss for one in result.rounds)


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
