"""ProgbarLogger: the progress bar of `fit`, `evaluate` and `predict`.

It is updated by `on_progress`, which the loop calls once per chunk, and redraws at most eight times a second, so its
cost is negligible. The final line of an epoch has the numbers of the history.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from minidl.callbacks import displays
from minidl.callbacks.base import Callback, Logs, fine_without
from minidl.core.messages import say

REFRESH_SECONDS = 0.125


class ProgbarLogger(Callback):
    """Show the number of steps, the speed, the remaining time and the metrics.

    In a terminal or notebook a live bar during each epoch; everywhere one line at its end:

        600/600 - 0.1s - 45us/step - accuracy: 0.9215 - loss: 0.2871 - val_loss: 0.3012

    The time is that of the whole epoch with its validation; the time of a step is that of
    training alone, without the first chunk, which may include compilation. Added by
    `fit`, `evaluate` and `predict` unless verbose is 0. Validation within `fit` has no bar.

    Settings are read from `params`: "verbose" (0 silent, 1 or "auto" live, 2 lines only), "epochs", and
    "steps" (None while unknown).

    Raises:
        ValueError: an invalid `verbose` in `set_params`.
    """

    first_process_only = True

    def __init__(self) -> None:
        self.verbose: int = 1
        self.epochs: int = 1
        self.target: int | None = None  # total steps
        self.seen = 0  # steps done
        self._mode: str | None = None  # mode of the open bar: "train", "test", "predict"
        self._display: displays.Display = displays.LineDisplay()
        self._logs: Logs = None
        self._first: tuple[int, float] | None = None  # steps done and the time after the first chunk
        self._start = self._seen_time = self._drawn_time = 0.0

    def set_params(self, params: dict[str, Any]) -> None:
        """Read verbose, epochs and steps."""
        self.params = params
        verbose = params.get("verbose", 1)
        if verbose not in (0, 1, 2, "auto"):
            raise ValueError(f"verbose must be 'auto', 0 (silent), 1 (bar) or 2 (a line per epoch), got {verbose!r}.")
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.epochs = params.get("epochs") or 1
        self.target = params.get("steps")

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Open a bar."""
        if self.verbose and self.epochs > 1:
            say(f"Epoch {epoch + 1}/{self.epochs}")
        self._open("train")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Print the line of the epoch."""
        self._finish("train", logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        """Open a bar, unless this is validation within an epoch."""
        if self._mode is None:
            self._open("test")

    def on_test_end(self, logs: Logs = None) -> None:
        """Print the final line."""
        self._finish("test", logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Open a bar."""
        if self._mode is None:
            self._open("predict")

    def on_predict_end(self, logs: Logs = None) -> None:
        """Print the final line."""
        self._finish("predict", None)

    def on_progress(self, mode: str, step: int, logs: Logs = None) -> None:
        """Record the time, and redraw if the last drawing is old enough."""
        if mode != self._mode:
            return
        now = time.perf_counter()
        self.seen, self._seen_time = step, now
        self._logs = None if mode == "predict" else logs  # those of predict are its outputs
        if self._first is None:
            self._first = (step, now)
        if self._display.live and now - self._drawn_time >= REFRESH_SECONDS:
            self._draw()
            self._drawn_time = now

    # A custom training loop may call these instead of on_progress.

    @fine_without
    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """As `on_progress`."""
        self.on_progress("train", batch + 1, logs)

    @fine_without
    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """As `on_progress`."""
        self.on_progress("test", batch + 1, logs)

    @fine_without
    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """As `on_progress`."""
        self.on_progress("predict", batch + 1, logs)

    def close(self) -> None:
        """Close a bar that an exception left open; its last state is printed as a line."""
        if self._mode is not None and self.seen:
            count = f"{self.seen}/{self._total() or '?'}"
            self._print([count, *self._times(), *_metrics(self._logs), "unfinished"])
        self._mode = None

    def _open(self, mode: str) -> None:
        self._mode = mode
        self.seen = 0
        self._logs = None
        self._first = None
        self._start = self._seen_time = self._drawn_time = time.perf_counter()
        self._display = displays.choose_display() if self.verbose == 1 else displays.LineDisplay()

    def _draw(self) -> None:
        total, step_seconds = self._total(), self._step_seconds()
        left = [f"{format_seconds(step_seconds * (total - self.seen))} left"] if total else []
        details = [*left, format_step(step_seconds), format_rate(step_seconds), *_metrics(self._logs)]
        self._display.update(f"{self.seen}/{total or '?'}", self.seen / total if total else None, " - ".join(details))

    def _finish(self, mode: str, logs: Logs) -> None:
        if mode != self._mode:
            return
        if mode == "train" and self.target is None:
            self.target = self.seen  # the length of the next epoch
        count = [f"{self.seen}/{self._total() or self.seen}"] if self.seen else []
        self._print([*count, *self._times(), *_metrics(logs)])

    def _print(self, parts: list[str]) -> None:
        self._mode = None
        if self.verbose:
            self._display.finish(" - ".join(parts))

    def _times(self) -> list[str]:
        elapsed = format_seconds(time.perf_counter() - self._start)
        return [elapsed, format_step(self._step_seconds())] if self.seen else [elapsed]

    def _total(self) -> int | None:
        """The total number of steps; None if it is unknown or has been exceeded."""
        return self.target if self.target and self.target >= self.seen else None

    def _step_seconds(self) -> float:
        if self._first is not None and self.seen > self._first[0]:
            return (self._seen_time - self._first[1]) / (self.seen - self._first[0])
        return (self._seen_time - self._start) / self.seen


def format_number(value: Any) -> str:
    """A metric for the bar: four decimals, or scientific notation up to 0.001; the mean of an array.

    >>> format_number(0.98765), format_number(0.000123)
    ('0.9877', '1.2300e-04')
    """
    if isinstance(value, str):
        return value
    number = float(np.mean(value))
    return f"{number:.4f}" if abs(number) > 1e-3 else f"{number:.4e}"


def format_seconds(seconds: float) -> str:
    """A duration, in seconds, minutes or hours.

    >>> format_seconds(3.14), format_seconds(75), format_seconds(3725)
    ('3.1s', '1:15', '1:02:05')
    """
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def format_step(seconds: float) -> str:
    """The time per step, in a suitable unit.

    >>> format_step(45e-6), format_step(0.0123), format_step(2.5)
    ('45us/step', '12.3ms/step', '2.50s/step')
    """
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f}us/step"
    return f"{seconds * 1e3:.1f}ms/step" if seconds < 1 else f"{seconds:.2f}s/step"


def format_rate(seconds: float) -> str:
    """Steps per second, from the time per step.

    >>> format_rate(45e-6), format_rate(2.5)
    ('22222 steps/s', '0.4 steps/s')
    """
    return f"{1 / seconds:.0f} steps/s" if seconds < 0.1 else f"{1 / seconds:.1f} steps/s"


def _metrics(logs: Logs) -> list[str]:
    return [f"{name}: {format_number(value)}" for name, value in (logs or {}).items()]
