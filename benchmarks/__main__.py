"""The command line: workloads, peers, number of rounds, and destination of the results."""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import comparison, report, runner, saved
from benchmarks.peers import BEFORE, PEERS
from benchmarks.workloads import WORKLOADS


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table for each workload or series, and write JSON and a plot where asked.

    Returns:
        The exit status: 1 when a peer failed.
    """
    options = _parser().parse_args(arguments)
    console = Console()
    announce = Console(stderr=True, style="dim").print  # plain lines: a spinner would use processor time
    if options.before:
        os.environ[BEFORE] = str(options.before.resolve())
    names = list(dict.fromkeys(itertools.chain(*options.workloads))) or list(WORKLOADS)
    results = {}
    for name in names:
        work = WORKLOADS[name]
        versions = ["minidl-before"] if options.before and "minidl" in work.peers else []
        peers = [peer for peer in [*work.peers, *versions] if peer in options.peers]
        results[name] = (work, runner.measure(work, peers, options.rounds, announce))
        if not work.series:
            console.print(report.table(*results[name]))
    for series in dict.fromkeys(work.series for work, _ in results.values() if work.series):
        points = [one for one in results.values() if one[0].series == series]
        table = comparison.tables if points[0][0].ratios else report.series_table
        console.print(table(points))
    record = report.record(results)
    if options.json:
        options.json.write_text(json.dumps(record, indent=1))
    if options.save:
        _save(record, console.print)
    return int(any(result.error for _, measured in results.values() for result in measured.values()))


def _save(record: dict[str, Any], tell: Callable[[str], None]) -> None:
    """Save the results, and a plot of them if there are ratios and matplotlib is installed."""
    path = saved.write(record)
    tell(f"Saved {path}")
    if not saved.comparable(saved.read(path)):
        tell("No plot: only minidl was measured.")
    elif importlib.util.find_spec("matplotlib") is None:
        tell("No plot: matplotlib is not installed (pip install 'minidl[plot]').")
    else:
        from benchmarks import plot

        tell(f"Saved {plot.write(path)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="minidl against its peers.")
    parser.add_argument(
        "workloads", nargs="*", type=_workloads, metavar="WORKLOAD", help=f"of {', '.join(_choices())}; default all"
    )
    parser.add_argument("--peers", type=_peers, default=list(PEERS), help=f"of {','.join(PEERS)}; default all")
    parser.add_argument(
        "--before", type=_version, metavar="FOLDER", help="a checkout of another version, measured too as minidl-before"
    )
    parser.add_argument("--rounds", type=_positive, default=5, help="how often each peer runs (default 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round as JSON")
    parser.add_argument("--save", action="store_true", help="the same into benchmarks/results/, and a plot")
    return parser


def _workloads(text: str) -> list[str]:
    """The workload of a name, or all whose names begin with it: "growth", "stream"."""
    matching = [text] if text in WORKLOADS else [name for name in WORKLOADS if name.startswith(f"{text}-")]
    return matching or [_known(text, _choices())]


def _choices() -> list[str]:
    """The names to choose from; a series has one name for all its points."""
    return list(dict.fromkeys(work.series.partition(":")[0] or name for name, work in WORKLOADS.items()))


def _peers(text: str) -> list[str]:
    return [_known(name, PEERS) for name in text.split(",")]


def _known(name: str, names: Iterable[str]) -> str:
    if name not in names:
        raise argparse.ArgumentTypeError(f"unknown: {name!r}; known: {', '.join(names)}")
    return name


def _version(text: str) -> Path:
    """A folder that holds a version of minidl."""
    if not Path(text, "minidl", "__init__.py").is_file():
        raise argparse.ArgumentTypeError(f"expected a folder that holds minidl/, got {text!r}")
    return Path(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
