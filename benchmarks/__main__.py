"""The command line: workloads, peers, number of rounds, and destination of the results."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import importlib.util
import itertools
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks import comparison, device, report, runner, saved
from benchmarks.peers import BEFORE, PEERS
from benchmarks.runner import Measured
from benchmarks.workloads import WORKLOADS, Workload

Results = dict[str, tuple[Workload, dict[str, Measured]]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table for each workload or series, and write JSON and a plot where asked.

    Returns:
        The exit status: 1 when a peer failed.
    """
    options = _parser().parse_args(arguments)
    begun, deadline = datetime.now(UTC), time.monotonic() + options.budget
    console = Console()
    announce = Console(stderr=True, style="dim").print  # plain lines: a spinner would use processor time
    if options.before:
        os.environ[BEFORE] = str(options.before.resolve())
    if options.device:
        os.environ[device.DEVICE] = options.device
    if options.utilization:
        os.environ[device.UTILIZATION] = "1"
    names = list(dict.fromkeys(itertools.chain(*options.workloads)))
    names = names or [name for name, work in WORKLOADS.items() if work.device == device.chosen()]
    works = {name: _divided(WORKLOADS[name], options.divide) for name in names}
    hardware, path, failed = None, None, False
    if options.utilization:
        try:
            hardware = runner.hardware(list(works.values()), options.limit)
        except runner.PeerError as error:
            console.print(f"The device's peak was not measured:\n{error}", markup=False)
            failed = True
    results: Results = {}
    for some, (name, work) in itertools.product(options.peers or [list(PEERS)], works.items()):
        versions = ["minidl-before"] if options.before and "minidl" in work.peers else []
        peers = [peer for peer in [*work.peers, *versions] if peer in some]
        measured = runner.measure(work, peers, options.rounds, announce, options.limit, deadline)
        results[name] = (work, {**results.get(name, (work, {}))[1], **measured})
        if options.json or options.save:  # each time: a later workload may be interrupted
            record = report.record(results, hardware, begun)
            path = saved.write(record) if options.save else None
            if options.json:
                options.json.write_text(json.dumps(record, indent=1))
        if not work.series:
            console.print(report.table(*results[name]))
    for series in dict.fromkeys(work.series for work, _ in results.values() if work.series):
        points = [one for one in results.values() if one[0].series == series]
        console.print(comparison.tables(points, hardware) if points[0][0].ratios else report.series_table(points))
    if path:
        _plot(path, functools.partial(console.print, markup=False))
    return int(failed or any(result.error for _, measured in results.values() for result in measured.values()))


def _divided(work: Workload, by: int) -> Workload:
    """A workload with as many steps of smaller batches."""
    return dataclasses.replace(work, rows=work.rows // by, batch_size=work.batch_size // by) if by > 1 else work


def _plot(path: Path, tell: Callable[[str], None]) -> None:
    """Plot saved results if there are ratios and matplotlib is installed."""
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
        "workloads",
        nargs="*",
        type=_workloads,
        metavar="WORKLOAD",
        help=f"of {', '.join(_choices())}; default: all for the device",
    )
    parser.add_argument(
        "--peers",
        type=_peers,
        action="append",
        help=f"of {','.join(PEERS)}; default all. Those of another --peers run after all workloads of the first",
    )
    parser.add_argument(
        "--before", type=_version, metavar="FOLDER", help="a checkout of another version, measured too as minidl-before"
    )
    parser.add_argument("--device", choices=list(device.ENVIRONMENTS), help="what to compute on (default cpu)")
    parser.add_argument(
        "--utilization", action="store_true", help="measure the device's memory, idle time and share of its peak, too"
    )
    parser.add_argument(
        "--divide", type=_positive, default=1, metavar="N", help="divide rows and batch sizes, to try it"
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=runner.DEFAULT_LIMIT,
        metavar="SECONDS",
        help="how long one run of a peer may take; one that takes longer has failed (default %(default)g)",
    )
    parser.add_argument(
        "--budget", type=float, default=math.inf, metavar="SECONDS", help="when to end: what is left is skipped"
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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # an exception, which ends the process of the peer, too
    sys.exit(main())
