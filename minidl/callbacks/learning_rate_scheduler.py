"""LearningRateScheduler: set the learning rate at the beginning of each epoch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.callbacks.base import Callback, Logs
from minidl.callbacks.learning_rates import learning_rates, single_optimizers
from minidl.core.messages import say


class LearningRateScheduler(Callback):
    """Set the learning rate of each epoch to the value of a function.

    Nothing is recompiled. The rate of each epoch is in the history as `learning_rate`. Each optimizer
    of a `MultiOptimizer` is set separately; its rate is in the history under its name.

    Args:
        schedule: function of (epoch, learning rate) or of (epoch) that returns the rate; epochs count from 0.
        verbose: 1 prints each rate.

    Raises:
        TypeError: `schedule` is not a function, takes other arguments, or does not return a number; or the
            optimizer's learning rate is a schedule.

    Example:
    >>> from minidl.optimizers import SGD
    >>> class Model:
    ...     optimizer = SGD(0.4)
    >>> halving = LearningRateScheduler(lambda epoch, rate: rate if epoch < 1 else rate / 2)
    >>> halving.set_model(Model())
    >>> for epoch in range(3):
    ...     halving.on_epoch_begin(epoch)
    >>> round(float(Model.optimizer.learning_rate), 6)
    0.1
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0):
        if not callable(schedule):
            raise TypeError(f"LearningRateScheduler: schedule must be a function of (epoch, rate), got {schedule!r}.")
        self.schedule = schedule
        self.verbose = verbose
        self._takes_rate = _takes(schedule, 2)
        if not self._takes_rate and not _takes(schedule, 1):
            raise TypeError(
                f"LearningRateScheduler: schedule must take (epoch, rate) or (epoch); {schedule!r} takes "
                f"{inspect.signature(schedule)}."
            )

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Set the rate of the epoch."""
        for optimizer in single_optimizers(self.model.optimizer):
            rate = self.schedule(epoch, float(optimizer.learning_rate)) if self._takes_rate else self.schedule(epoch)
            if np.ndim(rate) != 0 or np.asarray(rate).dtype.kind not in "fiu":
                raise ValueError(
                    f"LearningRateScheduler: schedule must return a number; for epoch {epoch} it returned {rate!r}."
                )
            optimizer.learning_rate = float(rate)
            if self.verbose:
                say(f"Epoch {epoch + 1}: the learning rate of {optimizer.name} is {float(rate):.6g}.")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Add the rate to the logs."""
        if logs is not None:
            logs.update(learning_rates(self.model.optimizer))


def _takes(function: Callable[..., Any], count: int) -> bool:
    """Whether a function can be called with `count` arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    return True
