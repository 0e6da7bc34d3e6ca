"""Write the newest saved results of each workload into the README files: `python -m benchmarks.readme`.

All results into benchmarks/README.md, the times of a few workloads into README.md.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import comparison, saved
from benchmarks.peers import PEERS
from benchmarks.report import figure
from benchmarks.runner import ROOT, Round
from benchmarks.saved import REFERENCE, Row
from benchmarks.workloads import WORKLOADS

SHORT = ("mlp", "mlp-wide", "convnet", "lstm", "transformer", "predict")  # the workloads of README.md
_BEGIN, _END = "<!-- benchmark table: begin -->", "<!-- benchmark table: end -->"


def main() -> None:
    """Replace the text between the marks of both files.

    Raises:
        FileNotFoundError: no results were saved yet.
    """
    records = {path.name: json.loads(path.read_text()) for path in saved.files()}
    for readme, is_short in ((ROOT / "README.md", True), (ROOT / "benchmarks" / "README.md", False)):
        before, rest = readme.read_text().split(_BEGIN)
        after = rest.split(_END)[1]
        readme.write_text(f"{before}{_BEGIN}\n{markdown(records, is_short)}{_END}{after}")


def markdown(records: dict[str, dict[str, Any]], is_short: bool = False) -> str:
    """The tables, with the date, machine and versions of the measurement.

    Args:
        records: file name -> what it holds, oldest first.
        is_short: whether to give the times of a few workloads alone.
    """
    newest = {name: file for file, record in records.items() for name in record["workloads"] if name in WORKLOADS}
    named = SHORT if is_short else tuple(WORKLOADS)
    measured = [saved.row(records[newest[name]], name) for name in named if name in newest]
    measured = [row for row in measured if row.rounds.get(REFERENCE)]
    rows = [row for row in measured if not row.work.series]
    about = "".join(f"- {row.work.name}: {row.work.about}\n" for row in rows)
    laps = [row for row in rows if row.work.measure != "process"]
    processes = [row for row in rows if row.work.measure == "process"]
    times = [
        _table("Steady time, of minidl and of the others as a multiple of it", laps, comparison.steady),
        _table(
            "Seconds of a whole process, from starting Python to its exit", processes, _median(lambda one: one.wall)
        ),
    ]
    sources = [_source(file, records[file]) for file in dict.fromkeys(newest[row.work.name] for row in measured)]
    if is_short:
        where = dict.fromkeys(_machine(records[newest[row.work.name]]) for row in measured)
        link = "[benchmarks/](benchmarks/README.md) has all workloads, with dates, versions, compile times and memory."
        return "".join([*times, f"\nMeasured on {', and on '.join(where)}. ", f"{link}\n"])
    parts = [
        *times,
        _table("Seconds by which the first epoch is longer: compilation", laps, _median(lambda one: one.compile)),
        _table("Peak memory of the process, MB", rows, _median(lambda one: one.peak_memory / 1e6)),
        f"\n{about}" if about else "",
        *_series_tables([row for row in measured if row.work.series]),
        *sources,
    ]
    return "".join(parts)


def _table(title: str, rows: Sequence[Row], cell: Callable[[Row, str], str]) -> str:
    """A line per workload, a column per peer. Peers that are minidl with an option are left out."""
    peers = [peer for peer in PEERS if "+" not in peer and any(peer in row.rounds for row in rows)]
    rows = [row for row in rows if sum(peer in row.rounds for peer in peers) > 1]
    if not rows:
        return ""
    lines = [f"\n{title}:\n", f"| | {' | '.join(peers)} |", f"|---|{'---:|' * len(peers)}"]
    for row in rows:
        cells = [cell(row, peer) if peer in row.rounds else "" for peer in peers]
        lines.append(f"| {row.work.name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _series_tables(rows: Sequence[Row]) -> list[str]:
    """A table per series, a line per point and peer; more where each point compares peers."""
    tables = []
    for series in dict.fromkeys(row.work.series for row in rows):
        points = [row for row in rows if row.work.series == series]
        if points[0].work.ratios:
            tables.append(_comparison(series, points))
            continue
        lines = [f"\n{series}:\n", "| | | us/step | compile, s | peak MB |", "|---|---|---:|---:|---:|"]
        for row in points:
            for peer, rounds in row.rounds.items():
                values = [row.costs(peer), [one.compile for one in rounds], [one.peak_memory / 1e6 for one in rounds]]
                cells = [figure(statistics.median(value)) for value in values]
                lines.append(f"| {row.work.about} | {peer} | {' | '.join(cells)} |")
        tables.append("\n".join(lines) + "\n")
    return tables


def _comparison(series: str, rows: Sequence[Row]) -> str:
    """A series whose points each compare peers."""
    about = [f"- {row.work.name}: {row.work.about}" for row in rows if row.work.measure == "step"]
    remarks = [*comparison.summary(rows), *comparison.far_losses(rows), *comparison.hardware(rows)]
    parts = [f"{series}.", *remarks, "\n".join(about)]
    for grid in comparison.grids(rows):
        header = [f"| | {' | '.join(grid.peers)} |", f"|---|{'---:|' * len(grid.peers)}"]
        parts += [f"{grid.title}:", "\n".join([*header, *[f"| {' | '.join(line)} |" for line in grid.lines]])]
    return "\n" + "\n\n".join(parts) + "\n"


def _median(value: Callable[[Round], float]) -> Callable[[Row, str], str]:
    return lambda row, peer: figure(statistics.median(map(value, row.rounds[peer])))


def _source(file: str, record: dict[str, Any]) -> str:
    versions = ", ".join(f"{library} {version}" for library, version in record["versions"].items() if version)
    return f"\nMeasured {record['date'][:10]} ({file}) on {_machine(record)}, {versions}.\n"


def _machine(record: dict[str, Any]) -> str:
    machine = record["machine"]
    memory = f"{machine['memory'] / 1e9:.0f} GB"
    return f"{machine['cores']} cores ({machine['processor']}), {memory}, Python {machine['python']}"


if __name__ == "__main__":
    main()
