"""History: the logs of every epoch, which `fit` returns."""

from __future__ import annotations

from typing import Any

from minidl.callbacks.base import Callback, Logs


class History(Callback):
    """Record of the losses and metrics of every epoch. `fit` adds one and returns it.

    Attributes:
        history: metric name -> one number per epoch; validation under val_*.
        epoch: the numbers of the epochs, from `initial_epoch` on.
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

    def get_state(self) -> dict[str, Any]:
        """The numbers so far."""
        return {"history": self.history, "epoch": self.epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the numbers."""
        self.history, self.epoch = state["history"], state["epoch"]
