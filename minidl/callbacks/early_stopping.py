"""Stop training when a metric no longer gets better."""

from __future__ import annotations

from typing import Any

from minidl.callbacks.base import Logs
from minidl.callbacks.monitor import MonitorCallback, watched
from minidl.core.messages import say

_REMEMBERED = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")


class EarlyStopping(MonitorCallback):
    """Stop after `patience` epochs in which a metric did not get better.

    An epoch is better when `value < best - min_delta` (for "max": `value > best + min_delta`). All memory is
    cleared when training begins, so one object serves many fits.

    Args:
        monitor: the name of the metric in the logs.
        min_delta: a smaller change does not count as better.
        patience: how many epochs without a better one to allow.
        verbose: 1 prints why training stopped and which weights were restored.
        mode: "min", "max", or "auto" to ask the metric, or tell from its name.
        baseline: epochs that are not better than this use up patience too.
        restore_best_weights: whether the model ends with the weights of its best epoch, however
            training ended, and whether or not that epoch was better than the baseline.
        start_from_epoch: epochs before this one, counted from 0, are not looked at.

    Raises:
        ValueError: an unknown mode, or before training: "auto" with a metric that does not tell.

    Attributes:
        best: the best value so far; None before the first.
        best_epoch: its epoch, counted from 0.
        stopped_epoch: the epoch after which training was stopped; 0 if it was not.
        wait: the number of epochs since a better one.

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
        self._forget()

    def _forget(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        """Forget earlier runs."""
        self._forget()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Compare the epoch with the best one; stop when patience is used up."""
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
        """What an epoch is judged by: the watched metric; None if it is not there. May be overridden."""
        return watched(logs or {}, self.monitor, type(self).__name__)

    def on_train_end(self, logs: Logs = None) -> None:
        """Put the best weights back if that was asked for."""
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
        """The best epoch and how long ago it was."""
        return {name: getattr(self, name) for name in _REMEMBERED}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        for name in _REMEMBERED:
            setattr(self, name, state[name])
