"""EarlyStopping: stop training when a metric has stopped improving."""

from __future__ import annotations

from typing import Any

from minidl.callbacks.base import Logs
from minidl.callbacks.monitor import MonitorCallback, monitored
from minidl.core.messages import say

_STATE = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")


class EarlyStopping(MonitorCallback):
    """Stop training when a metric has not improved for `patience` epochs.

    An epoch improves the metric when `value < best - min_delta` (for "max": `value > best + min_delta`). All state is
    reset when training begins, so an object can be used for several fits.

    Args:
        monitor: the name of the metric in the logs.
        min_delta: the minimum change that counts as an improvement.
        patience: the number of epochs without improvement after which training stops.
        verbose: 1 prints why training stopped and which weights were restored.
        mode: "min", "max", or "auto" to infer it from the metric or its name.
        baseline: epochs that are not better than this count against `patience` too.
        restore_best_weights: whether the model ends with the weights of its best epoch, also if training
            was not stopped early or that epoch was not better than the baseline.
        start_from_epoch: epochs before this one, counted from 0, are ignored.

    Raises:
        ValueError: an unknown mode, or before training, "auto" with a metric whose direction is unknown.

    Attributes:
        best: the best value so far; None before the first.
        best_epoch: its epoch, counted from 0.
        stopped_epoch: the epoch after which training was stopped; 0 if it was not.
        wait: the number of epochs since the last improvement.

    Example:
    >>> class Model:
    ...     stop_training = False
    >>> stopper = EarlyStopping(monitor="loss", patience=2)
    >>> stopper.set_model(Model())
    >>> stopper.on_train_begin()
    >>> for epoch, loss in enumerate([0.9, 0.7, 0.8, 0.75]):
    ...     stopper.on_epoch_end(epoch, {"loss": loss})
    >>> stopper.model.stop_training, stopper.best, stopper.best_epoch
    (True, 0.7, 1)

    Source: L. Prechelt, "Early stopping, but when?", 1998.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        """Reset the state."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Compare the epoch with the best one; stop training if `patience` epochs have not improved."""
        value = self.get_monitor_value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.improves(value, self.best):
            self._remember(epoch, value)
            if self.improves(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def get_monitor_value(self, logs: Logs) -> Any:
        """The monitored metric in the logs; None if it is missing. May be overridden."""
        return monitored(logs or {}, self.monitor, type(self).__name__)

    def on_train_end(self, logs: Logs = None) -> None:
        """Restore the best weights, with restore_best_weights."""
        if self.verbose and self.stopped_epoch:
            say(
                f"Epoch {self.stopped_epoch + 1}: stopped early; the best {self.monitor} was {self.best:.6g} "
                f"in epoch {self.best_epoch + 1}."
            )
        if self.best_weights is not None:
            if self.verbose:
                say(f"The weights of epoch {self.best_epoch + 1} are restored.")
            self.model.set_weights(self.best_weights)

    def _remember(self, epoch: int, value: float) -> None:
        self.best = value
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def get_state(self) -> dict[str, Any]:
        """The best epoch and the counters."""
        return {name: getattr(self, name) for name in _STATE}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the state."""
        for name in _STATE:
            setattr(self, name, state[name])
