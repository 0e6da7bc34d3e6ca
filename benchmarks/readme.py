"""Write the newest saved results into the README: `python -m benchmarks.readme`."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.runner import ROOT, Round, median_ratio
from benchmarks.workloads import Workload

_BEGIN, _END = "<!-- benchmark table: begin -->", "<!-- benchmark table: end -->"


def main() -> None:
    """Replace what stands between the README's marks.

    Raises:
        FileNotFoundError: no results were saved yet.
    """
    saved = sorted((Path(__file__).parent / "results").glob("*.json"))
    if not saved:
        raise FileNotFoundError("No saved results: run `python -m benchmarks --save` first.")
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(_BEGIN)
    after = rest.split(_END)[1]
    readme.write_text(f"{before}{_BEGIN}\n{markdown(json.loads(saved[-1].read_text()), saved[-1].name)}{_END}{after}")


def markdown(record: dict[str, Any], name: str) -> str:
    """The tables of a record, with where, when and with what it was measured."""
    parts = [_table(**entry) for entry in record["workloads"].values()]
    versions = ", ".join(f"{library} {version}" for library, version in record["versions"].items() if version)
    machine = record["machine"]
    memory = f"{machine['memory'] / 1e9:.0f} GB"
    where = f"{machine['cores']} cores ({machine['processor']}), {memory}, Python {machine['python']}"
    return "".join(parts) + f"\nMeasured {record['date'][:10]} ({name}) on {where}, {versions}.\n"


def _table(workload: dict[str, Any], peers: dict[str, dict[str, Any]]) -> str:
    work = Workload(**{**workload, "peers": tuple(workload["peers"])})
    rounds = {peer: [Round(**one) for one in result["rounds"]] for peer, result in peers.items() if result["rounds"]}
    reference = [one.cost(work) for one in rounds["minidl"]]
    unit = "us a step" if work.measure == "step" else "seconds"
    lines = [f"\n{work.about}:\n", f"| | {unit} | times minidl | peak MB |", "|---|---:|---:|---:|"]
    for peer, measured in rounds.items():
        costs = [one.cost(work) for one in measured]
        memory = statistics.median(one.peak_memory for one in measured) / 1e6
        cost, ratio = statistics.median(costs), median_ratio(costs, reference)
        lines.append(f"| {peer} | {cost:.4g} | {ratio:.2f} | {memory:.0f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
