"""The command line: which workloads, which peers, how often, and where the results go."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import report, runner
from benchmarks.peers import PEERS
from benchmarks.workloads import WORKLOADS

_RESULTS = Path(__file__).parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table for each workload, and write JSON where asked.

    Returns:
        The exit status: 1 when a peer failed.
    """
    options = _parser().parse_args(arguments)
    console = Console()
    announce = Console(stderr=True, style="dim").print  # plain lines: a spinner would take time from the peers
    results = {}
    for name in options.workloads or WORKLOADS:
        work = WORKLOADS[name]
        peers = [peer for peer in work.peers if peer in options.peers]
        measured = runner.measure(work, peers, options.rounds, announce)
        console.print(report.table(work, measured))
        results[name] = (work, measured)
    text = json.dumps(report.record(results), indent=1)
    if options.json:
        options.json.write_text(text)
    if options.save:
        _RESULTS.mkdir(exist_ok=True)
        record = json.loads(text)
        saved = _RESULTS / f"{record['date'].replace(':', '')}-{record['revision'] or 'unversioned'}.json"
        saved.write_text(text)
        console.print(f"Saved {saved}")
    return int(any(result.error for _, measured in results.values() for result in measured.values()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="minidl beside its peers.")
    parser.add_argument(
        "workloads", nargs="*", type=_workload, metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}; default all"
    )
    parser.add_argument("--peers", type=_peers, default=list(PEERS), help=f"of {','.join(PEERS)}; default all")
    parser.add_argument("--rounds", type=_positive, default=5, help="how often each peer runs (default 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round as JSON")
    parser.add_argument("--save", action="store_true", help="the same, into benchmarks/results/")
    return parser


def _workload(text: str) -> str:
    return _known(text, WORKLOADS)


def _peers(text: str) -> list[str]:
    return [_known(name, PEERS) for name in text.split(",")]


def _known(name: str, names: Iterable[str]) -> str:
    if name not in names:
        raise argparse.ArgumentTypeError(f"unknown: {name!r}; known: {', '.join(names)}")
    return name


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
