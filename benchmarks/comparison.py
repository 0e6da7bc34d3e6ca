"""Tables of a series whose workloads each compare peers: a line per workload, a column per peer; and a summary."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.report import figure, remarks_on, unit_of
from benchmarks.runner import Measured, Round, disagreements, median_ratio
from benchmarks.saved import REFERENCE, Row
from benchmarks.workload import Workload

Points = Sequence[tuple[Workload, Mapping[str, Measured]]]


class Grid(NamedTuple):
    """A table: the cells of a line are a workload's name, then one for each peer."""

    title: str
    peers: list[str]
    lines: list[list[str]]


def tables(points: Points, about_device: dict[str, Any] | None = None) -> RenderableType:
    """For a terminal: the tables, how many workloads are won, losses that differ, skipped peers, and errors."""
    rows = [
        Row(work, {peer: one.rounds for peer, one in peers.items() if one.rounds}, about_device)
        for work, peers in points
    ]
    about = [f"{work.name}: {work.about}." for work, _ in points if work.measure == "step"]
    named = {f"{work.name}, {peer}": one for work, peers in points for peer, one in peers.items()}
    texts = [*summary(rows), *far_losses(rows), *hardware(rows), *about, *remarks_on(named)]
    return Group(points[0][0].series, *[_drawn(grid) for grid in grids(rows)], *[Text(text) for text in texts])


def grids(rows: Sequence[Row]) -> list[Grid]:
    """Times, compilation and memory, of training steps and of inference; the device's use where it was measured."""
    found = []
    for measure, what in (("step", "Training"), ("row", "Inference")):
        measured = [row for row in rows if row.work.measure == measure and REFERENCE in row.rounds]
        peers = list(dict.fromkeys(peer for row in measured for peer in row.rounds))
        for title, cell in (
            ("steady time, of minidl and of the others as a multiple of it", steady),
            ("seconds by which the first epoch is longer: compilation", _median(lambda one: one.compile)),
            ("seconds until epochs are steady: data, model, compilation", _median(lambda one: one.until_steady)),
            ("peak memory of the process, MB", _median(lambda one: one.peak_memory / 1e6)),
            *(
                _OF_DEVICE
                if any(one.device for row in measured for one in itertools.chain(*row.rounds.values()))
                else ()
            ),
        ):
            lines = [
                [row.work.name, *[cell(row, peer) if peer in row.rounds else "" for peer in peers]] for row in measured
            ]
            if any(any(line[1:]) for line in lines):
                found.append(Grid(f"{what}, {title}", peers, lines))
    return found


def summary(rows: Sequence[Row]) -> list[str]:
    """For training and for inference: in how many workloads minidl is not slower than each peer, and than all.

    Likewise for the time until epochs are steady.
    """
    lines = []
    for measure, what in (("step", "Training"), ("row", "Inference")):
        measured = [row for row in rows if row.work.measure == measure and REFERENCE in row.rounds]
        lines += _won(f"{what}: minidl is not slower than", measured, Row.ratio)
        lines += _won(f"{what}: until epochs are steady, minidl takes no longer than", measured, _until_steady)
    return lines


def _won(text: str, rows: Sequence[Row], ratio: Callable[[Row, str], float | None]) -> list[str]:
    """A line that counts the workloads in which the ratio of a peer's time to minidl's, where known, is at least 1."""
    known = [
        {peer: found for peer in row.rounds if peer != REFERENCE and (found := ratio(row, peer)) is not None}
        for row in rows
    ]
    known = [ratios for ratios in known if ratios]
    if not known:
        return []
    each = ", ".join(
        f"{peer} in {sum(ratios[peer] >= 1 for ratios in known if peer in ratios)} of "
        f"{sum(peer in ratios for ratios in known)}"
        for peer in dict.fromkeys(peer for ratios in known for peer in ratios)
    )
    every = sum(all(ratio >= 1 for ratio in ratios.values()) for ratios in known)
    return [f"{text} {each}; than every peer in {every} of {len(known)}."]


def _until_steady(row: Row, peer: str) -> float | None:
    """The ratio of the peer's seconds until epochs are steady to minidl's."""
    times = [[one.until_steady for one in row.rounds[name]] for name in (peer, REFERENCE)]
    mine, reference = ([value for value in values if value is not None] for values in times)
    return median_ratio(mine, reference) if mine and reference else None


def far_losses(rows: Sequence[Row]) -> list[str]:
    """The peers that did not learn to the others' loss. Inference has initial weights, whose loss says nothing."""
    told = []
    for row in rows:
        losses = {peer: statistics.median(one.loss for one in rounds) for peer, rounds in row.rounds.items()}
        if row.work.measure == "step" and losses:
            told += [f"{row.work.name}, {peer} {distance:+.0%}" for peer, distance in disagreements(losses).items()]
    if not told:
        return []
    return [f"Final losses further than 5% from the median of all; initial weights differ: {'; '.join(told)}."]


def steady(row: Row, peer: str) -> str:
    """The time of minidl with its unit, or another peer's as a multiple of it."""
    if peer != REFERENCE:
        return figure(row.ratio(peer))
    reference = row.costs(REFERENCE)
    unit, divisor = unit_of(row.work, reference)
    return f"{figure(statistics.median(reference) / divisor)} {unit}"


def hardware(rows: Sequence[Row]) -> list[str]:
    """What the device can do, and how its use was measured."""
    known = next((row.hardware for row in rows if row.hardware), None)
    if known is None:
        return []
    peaks = ", ".join(f"{figure(value / 1e12)} TFLOP/s in {name}" for name, value in known["peak"].items())
    return [
        f"Device: {known['device']}. Products of large matrices: {peaks}. Its peak is that in float32 at the default "
        "precision; the operations are those of minidl's loss and gradients. It idles when neither a kernel nor a copy "
        "within its memory runs, by a trace of one more epoch."
    ]


def _median(value: Callable[[Round], float | None]) -> Callable[[Row, str], str]:
    """A cell with the median over rounds; it is empty where the value is not known."""

    def cell(row: Row, peer: str) -> str:
        known = [found for one in row.rounds[peer] if (found := value(one)) is not None]
        return figure(statistics.median(known)) if known else ""

    return cell


def _milliseconds(row: Row, peer: str) -> str:
    return figure(statistics.median(row.costs(peer)) / 1e3)


def _percent_of_peak(row: Row, peer: str) -> str:
    share = row.share_of_peak(peer)
    return "" if share is None else figure(100 * share)


_OF_DEVICE = (
    ("steady time, ms per step or row", _milliseconds),
    ("time in which the device idles, %", _median(lambda one: None if one.idle is None else 100 * one.idle)),
    ("peak memory of the device, MB", _median(lambda one: one.device_memory and one.device_memory / 1e6)),
    ("share of the device's peak, %", _percent_of_peak),
)


def _drawn(grid: Grid) -> Table:
    table = Table(title=grid.title, title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for peer in grid.peers:
        table.add_column(peer, justify="right")
    for line in grid.lines:
        table.add_row(*line)
    return table
