"""ProgbarLogger: the progress bar of `fit`, `evaluate` and `predict`.

It is updated by `on_progress`, which the loop calls once per chunk, and redraws at most eight times a second, so its
cost is negligible. The final line of an epoch has the numbers of the history.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

from minidl.callbacks import displays
from minidl.callbacks.base import Callback, Logs, fine_without
from minidl.callbacks.formats import format_compilation, format_number, format_rate, format_seconds, format_step
from minidl.callbacks.step_clock import StepClock

REFRESH_SECONDS = 0.125


class ProgbarLogger(Callback):
    """Show the number of steps, the speed, the remaining time and the metrics.

    In a terminal or notebook a live bar during each epoch; everywhere one line at its end:

        600/600 - 0.9s - 45us/step - accuracy: 0.9215 - loss: 0.2871 - val_loss: 0.3012 - compiled in 0.8 s

    The first time is that of the whole epoch, with compilation and validation. The time of a step is the time of
    training without compilation, divided by the number of steps. An epoch in which nothing was compiled shows no time
    of compilation. Added by `fit`, `evaluate` and `predict` unless verbose is 0. During validation within `fit` the bar
    shows the number of its steps.

    Settings are read from `params`: "verbose" (0 silent, 1 or "auto" live, 2 lines only), "epochs", "steps" and
    "validation_steps" (None while unknown).

    Raises:
        ValueError: an invalid `verbose` in `set_params`.
    """

    first_process_only = True

    def __init__(self) -> None:
        self.verbose: int = 1
        self.epochs: int = 1
        self.target: int | None = None  # total steps
        self._mode: str | None = None  # mode of the open bar: "train", "test", "predict"
        self._display: displays.Display = displays.LineDisplay()
        self._run_display: displays.Display | None = None  # that of all epochs
        self._logs: Logs = None
        self._clock = StepClock()
        self._drawn_time = 0.0
        self._validation: int | None = None  # steps of validation so far, while it runs
        self._validation_steps: int | None = None

    @property
    def seen(self) -> int:
        """The number of steps done."""
        return self._clock.seen

    def set_params(self, params: dict[str, Any]) -> None:
        """Read verbose, epochs and steps."""
        self.params = params
        verbose = params.get("verbose", 1)
        if verbose not in (0, 1, 2, "auto"):
            raise ValueError(f"verbose must be 'auto', 0 (silent), 1 (bar) or 2 (a line per epoch), got {verbose!r}.")
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.epochs = params.get("epochs") or 1
        self.target = params.get("steps")
        self._validation_steps = params.get("validation_steps")

    def on_train_begin(self, logs: Logs = None) -> None:
        """Choose the display of the epochs."""
        self._run_display = None

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Open a bar."""
        if self._run_display is None:
            self._run_display = self._choose_display()
        heading = f"Epoch {epoch + 1}/{self.epochs}" if self.verbose and self.epochs > 1 else ""
        self._run_display.begin_epoch(heading, getattr(self.model, "history", None))
        run = getattr(self.model, "training_run", None)
        self._open("train", run.start.batches if run is not None and run.start.epoch == epoch else 0)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Print the line of the epoch."""
        self._finish("train", logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        """Open a bar, or count the steps of validation on the bar of the epoch."""
        if self._mode is None:
            self._open("test")
        elif self._mode == "train":
            self._validation = 0

    def on_test_end(self, logs: Logs = None) -> None:
        """Print the final line."""
        if self._mode == "train" and self._validation:
            self._validation_steps = self._validation
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
        if mode == self._mode:
            self._clock.progress(step)
            self._logs = None if mode == "predict" else logs  # those of predict are its outputs
        elif self._validation is not None and mode == "test":
            self._validation = step
        else:
            return
        if self._display.live and perf_counter() - self._drawn_time >= REFRESH_SECONDS:
            self._draw()

    def on_compile_begin(self, mode: str, step: int) -> None:
        """Show that a program is compiled."""
        if self._is_shown(mode):
            self._clock.compiling(step if mode == self._mode else self.seen)
            if self._display.live:
                self._draw()

    def on_compile_end(self, mode: str, seconds: float) -> None:
        """Add the time, which is not that of steps."""
        if self._is_shown(mode):
            self._clock.has_compiled(seconds)

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
            self._print([count, *self._times(), *_metrics(self._logs), *self._compiled(), "unfinished"])
        self._display.clear()
        self._mode = None

    def _choose_display(self) -> displays.Display:
        return displays.choose_display() if self.verbose == 1 else displays.LineDisplay()

    def _open(self, mode: str, done: int = 0) -> None:
        self._mode = mode
        self._display = self._run_display if mode == "train" and self._run_display else self._choose_display()
        self._logs = None
        self._validation = None
        self._clock = StepClock(done)
        self._drawn_time = self._clock.start

    def _is_shown(self, mode: str) -> bool:
        """Whether the open bar is that of a mode, or of training that is being validated."""
        return self._mode is not None and (mode == self._mode or (mode == "test" and self._validation is not None))

    def _draw(self) -> None:
        total, step_seconds = self._total(), self._clock.step_seconds()
        now, speed, rate = [], [], []
        if self._clock.is_compiling:
            now = ["compiling"]
        elif self._validation is not None:
            now = [f"validation {self._validation}/{self._validation_steps or '?'}"]
        elif step_seconds is not None and total:
            now = [f"{format_seconds(step_seconds * (total - self.seen))} left"]
        if step_seconds is not None:
            speed, rate = [format_step(step_seconds)], [format_rate(step_seconds)]
        metrics = _metrics(self._logs)
        details = [*now, *speed, *metrics, *rate]
        less_important = [*rate, *(text for text in reversed(metrics) if not text.startswith("loss: ")), *speed]
        count = f"{self.seen}/{total or '?'}"
        self._display.update(count, self.seen / total if total else None, details, less_important)
        self._drawn_time = perf_counter()

    def _finish(self, mode: str, logs: Logs) -> None:
        if mode != self._mode:
            return
        if mode == "train" and self.target is None:
            self.target = self.seen  # the length of the next epoch
        count = [f"{self.seen}/{self._total() or self.seen}"] if self.seen else []
        self._print([*count, *self._times(), *_metrics(logs), *self._compiled()])

    def _print(self, parts: list[str]) -> None:
        self._mode = None
        if self.verbose:
            self._display.finish(" - ".join(parts))

    def _times(self) -> list[str]:
        step_seconds = self._clock.step_seconds()
        speed = [format_step(step_seconds)] if step_seconds is not None else []
        return [format_seconds(self._clock.elapsed()), *speed]

    def _compiled(self) -> list[str]:
        return [format_compilation(self._clock.compiled)] if self._clock.compiled else []

    def _total(self) -> int | None:
        """The total number of steps; None if it is unknown or has been exceeded."""
        return self.target if self.target and self.target >= self.seen else None


def _metrics(logs: Logs) -> list[str]:
    return [f"{name}: {format_number(value)}" for name, value in (logs or {}).items()]
