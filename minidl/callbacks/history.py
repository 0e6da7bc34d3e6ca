"""History: the logs of every epoch, which `fit` returns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from minidl.callbacks.base import Callback, Logs
from minidl.callbacks.epoch_table import epochs_as_html
from minidl.callbacks.formats import format_number
from minidl.callbacks.history_plot import plot_history


class History(Callback):
    """Record of the losses and metrics of every epoch. `fit` adds one and returns it.

    Attributes:
        history: metric name -> one number per epoch; validation under val_*.
        epoch: the numbers of the epochs, from `initial_epoch` on.

    Example:
    >>> history = History()
    >>> history.on_epoch_end(0, {"accuracy": 0.5, "loss": 2.0})
    >>> history.on_epoch_end(1, {"accuracy": 0.75, "loss": 1.0})
    >>> history
    <History of 2 epochs: accuracy 0.5000 -> 0.7500, loss 2.0000 -> 1.0000>
    >>> history.history["loss"]
    [2.0, 1.0]
    """

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs = None) -> None:
        """Reset `epoch`; the numbers of an earlier `fit` with the same object are kept."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Record the epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def plot(self, names: Sequence[str] | None = None, to_file: str | os.PathLike[str] | None = None) -> Any:
        """Plot the curves with matplotlib: see `minidl.utils.plot_history`. Returns the figure."""
        return plot_history(self, names, to_file)

    def __repr__(self) -> str:
        count = max(map(len, self.history.values()), default=0)
        ends = [(name, *map(format_number, (values[0], values[-1]))) for name, values in self.history.items()]
        curves = [f"{name} {first} -> {last}" if count > 1 else f"{name} {last}" for name, first, last in ends]
        of = f"{count} epoch{'s' * (count != 1)}"
        return f"<History of {of}{': ' * bool(curves)}{', '.join(curves)}>"

    def _repr_html_(self) -> str:
        """The table and the curves that a notebook shows."""
        count = max(map(len, self.history.values()), default=0)
        epochs = self.epoch if len(self.epoch) == count else list(range(count))
        return epochs_as_html(epochs, self.history)

    def get_state(self) -> dict[str, Any]:
        """The numbers so far."""
        return {"history": self.history, "epoch": self.epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the numbers."""
        self.history, self.epoch = state["history"], state["epoch"]
