"""ReduceLROnPlateau: reduce the learning rate when a metric has stopped improving."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.callbacks.base import Logs
from minidl.callbacks.learning_rates import learning_rates, single_optimizers
from minidl.callbacks.monitor import MonitorCallback, monitored
from minidl.core.messages import say

_STATE = ("best", "wait", "cooldown_counter")


class ReduceLROnPlateau(MonitorCallback):
    """Multiply the learning rate by `factor` when a metric has not improved for `patience` epochs.

    `new rate = max(rate * factor, min_lr)`. An epoch improves the metric when `value < best - min_delta` (for "max":
    `value > best + min_delta`). The rate of each epoch is in the history as `learning_rate`. All state is
    reset when training begins, except for the learning rate. Each optimizer of a `MultiOptimizer` is
    changed; its rate is in the history under its name.

    Args:
        monitor: the name of the metric in the logs.
        factor: the factor of the learning rate, below 1.
        patience: the number of epochs without improvement after which the rate is reduced.
        verbose: 1 prints each change.
        mode: "min", "max", or "auto" to infer it from the metric or its name.
        min_delta: the minimum change that counts as an improvement.
        cooldown: the number of epochs after a reduction that are not counted.
        min_lr: lower bound of the learning rate.

    Raises:
        ValueError: a factor of 1 or more, or an unknown mode; before training, "auto" with a metric whose
            direction is unknown.

    Attributes:
        best: the best value so far; None before the first.
        wait: the number of epochs since the last improvement or reduction.
        cooldown_counter: the remaining epochs of the cooldown.

    Example:
    >>> from minidl.optimizers import SGD
    >>> class Model:
    ...     optimizer = SGD(0.5)
    >>> reducer = ReduceLROnPlateau(monitor="loss", factor=0.5, patience=2)
    >>> reducer.set_model(Model())
    >>> reducer.on_train_begin()
    >>> for epoch, loss in enumerate([0.9, 0.7, 0.8, 0.75]):
    ...     reducer.on_epoch_end(epoch, {"loss": loss})
    >>> float(Model.optimizer.learning_rate)
    0.25
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ):
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1 to lower the learning rate, got {factor}.")
        super().__init__(monitor, mode, min_delta=min_delta)
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._reset()

    def _reset(self) -> None:
        self.best = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        """Reset the state."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Compare the epoch with the best one; reduce the rate if `patience` epochs have not improved."""
        logs = {} if logs is None else logs
        logs.update(learning_rates(self.model.optimizer))
        value = monitored(logs, self.monitor, type(self).__name__)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(value, self.best):
            self.best = value
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def in_cooldown(self) -> bool:
        """Whether the cooldown after a reduction is not over."""
        return self.cooldown_counter > 0

    def get_state(self) -> dict[str, Any]:
        """The best value and the counters."""
        return {name: getattr(self, name) for name in _STATE}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the state."""
        for name in _STATE:
            setattr(self, name, state[name])

    def _reduce(self, epoch: int) -> None:
        lowest = float(np.float32(self.min_lr))  # min_lr as the optimizer stores it
        for optimizer in single_optimizers(self.model.optimizer):
            rate = float(optimizer.learning_rate)
            if rate <= lowest:
                continue
            optimizer.learning_rate = rate = max(rate * self.factor, self.min_lr)
            self.cooldown_counter = self.cooldown
            self.wait = 0
            if self.verbose:
                say(f"Epoch {epoch + 1}: the learning rate of {optimizer.name} is lowered to {rate:.6g}.")
