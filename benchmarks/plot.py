"""Plot saved results: `python -m benchmarks.plot [FILE]`, by default the newest; the plot is saved next to the file."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks import saved
from benchmarks.report import figure as digits
from benchmarks.saved import REFERENCE, Row

_COLUMNS = 3
_WIDTH, _BAR, _MARGIN = 4.2, 0.22, 0.9  # inches: width of a chart, height of a bar, margins


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw a file, or the newest."""
    given = sys.argv[1:] if arguments is None else arguments
    path = Path(given[0]) if given else saved.files()[-1]
    print(f"Saved {write(path)}")


def write(path: Path) -> Path:
    """Plot a file of results as a PNG of the same name.

    Raises:
        ValueError: no other peer was measured.
    """
    rows = saved.comparable(saved.read(path))
    if not rows:
        raise ValueError(f"{path}: no workload with minidl and another peer, so there are no ratios to draw.")
    image = path.with_suffix(".png")
    draw(rows, json.loads(path.read_text())).savefig(image, dpi=80)
    return image


def draw(rows: Sequence[Row], record: dict[str, Any]) -> Figure:
    """A chart for each workload: the time of each peer as a multiple of minidl's."""
    lines = math.ceil(len(rows) / _COLUMNS)
    bars = max(len(row.rounds) for row in rows)
    whole = Figure(figsize=(_COLUMNS * _WIDTH, lines * (bars * _BAR + _MARGIN)), layout="constrained")
    axes = whole.subplots(lines, _COLUMNS, squeeze=False).ravel()
    for chart, row in zip(axes, rows):
        _bars(chart, row)
    for chart in axes[len(rows) :]:
        chart.axis("off")
    whole.suptitle(f"Times as a multiple of minidl's; less is faster\n{_source(record)}", fontsize=8)
    return whole


def _source(record: dict[str, Any]) -> str:
    """When, on what machine and with what it was measured, in two lines."""
    machine, revision = record["machine"], record["revision"] or "no commit"
    where = f"{machine['cores']} cores ({machine['processor']}), Python {machine['python']}"
    versions = ", ".join(f"{library} {version}" for library, version in record["versions"].items() if version)
    return f"{record['date'][:10]}, {revision}, {where}\n{versions}"


def _bars(chart: Axes, row: Row) -> None:
    """One bar for each peer, to the left of minidl's line where it is faster, to the right where it is slower."""
    ratios = {peer: row.ratio(peer) for peer in row.rounds}
    colors = ["tab:blue" if peer == REFERENCE else "tab:gray" for peer in ratios]
    drawn = chart.barh(list(ratios), [ratio - 1 for ratio in ratios.values()], left=1, color=colors)
    for bar, ratio in zip(drawn, ratios.values()):
        chart.annotate(
            digits(ratio),
            (max(ratio, 1), bar.get_y() + bar.get_height() / 2),
            (3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
        )
    chart.set_xscale("log")
    chart.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    chart.xaxis.set_major_formatter("{x:g}")
    chart.xaxis.set_minor_locator(NullLocator())
    chart.set_xlim(min(0.5, 0.8 * min(ratios.values())), 2 * max(2, *ratios.values()))
    chart.axvline(1, color="black", linewidth=0.8)
    chart.invert_yaxis()
    chart.set_title(row.work.name, fontsize=9)
    chart.tick_params(labelsize=7)


if __name__ == "__main__":
    main()
