"""Progbar: a progress bar for custom loops."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from minidl.callbacks import displays
from minidl.callbacks.formats import format_number, format_seconds, format_step


class Progbar:
    """A progress bar with the speed of a loop, the remaining time and averages of metrics.

    A live bar in a terminal or notebook; elsewhere, and with verbose=2, one line at the end.

    Args:
        target: the number of steps; None if unknown.
        width: the width of the bar, in characters.
        verbose: 0 for silent, 1 for a live bar, 2 for a line at the end.
        interval: the minimum number of seconds between updates of the display.
        stateful_metrics: names of values to show without averaging; all others are averaged.
        stateless_metrics: names of values to average; all others are shown without averaging.
        unit_name: the name of a step.

    Raises:
        ValueError: `stateful_metrics` and `stateless_metrics` are both given.

    Example:
    >>> bar = Progbar(2, verbose=0)
    >>> for step in range(2):
    ...     bar.add(1, [("loss", 0.5)])
    """

    def __init__(
        self,
        target: int | None,
        width: int = displays.BAR_WIDTH,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ):
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Progbar: pass stateful_metrics or stateless_metrics, not both.")
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics = set(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._sums: dict[str, tuple[Any, int]] = {}  # name -> sum, number of steps
        self._seen = 0
        self._start = self._drawn = time.perf_counter()
        self._display = displays.choose_display(width) if verbose == 1 else displays.LineDisplay()

    def update(
        self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """Update the number of completed steps.

        Args:
            current: the number of completed steps.
            values: (name, value) pairs for the steps since the last update.
            finalize: whether this is the last update, which shows its values without averaging; default: whether the
                target is reached.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            steps = max(current - self._seen, 1)
            total, count = self._sums.get(name, (0.0, 0))
            averaged = self._is_averaged(name) and not finalize
            self._sums[name] = (total + value * steps, count + steps) if averaged else (value, 1)
        self._seen = current
        if self.verbose and finalize:
            self._display.finish(" - ".join([f"{current}/{self.target or current}", *self._details()]))
        elif self.verbose and self._display.live and time.perf_counter() - self._drawn >= self.interval:
            fraction = current / self.target if self.target else None
            self._display.update(f"{current}/{self.target or '?'}", fraction, self._details())
            self._drawn = time.perf_counter()

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Add n completed steps."""
        self.update(self._seen + n, values)

    def _is_averaged(self, name: str) -> bool:
        if self.stateless_metrics is not None:
            return name in self.stateless_metrics
        return name not in self.stateful_metrics

    def _details(self) -> list[str]:
        elapsed = time.perf_counter() - self._start
        per_step = elapsed / max(self._seen, 1)
        left = max((self.target or 0) - self._seen, 0) * per_step
        shown = f"{format_seconds(left)} left" if left else format_seconds(elapsed)
        averages = [f"{name}: {format_number(np.mean(total) / count)}" for name, (total, count) in self._sums.items()]
        return [shown, format_step(per_step).replace("/step", f"/{self.unit_name}"), *averages]
