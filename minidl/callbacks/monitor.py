"""Monitoring a metric: its value, its direction, and whether it has improved.

Shared by the callbacks that monitor one metric: early stopping, saving the best model, lowering the learning rate.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from minidl import ops
from minidl.callbacks.base import Callback
from minidl.core.naming import snake_case
from minidl.core.tracebacks import warn

# Suffixes of metric names: Keras's names and their short forms, for names such as val_loss and decoder_loss.
_LOWER_IS_BETTER = (
    *("loss", "error", "hinge", "crossentropy", "divergence", "poisson", "logcosh", "log_cosh", "perplexity"),
    *("mse", "mae", "mape", "msle", "rmse", "bce", "ce", "kld"),
)
_HIGHER_IS_BETTER = (
    *("accuracy", "acc", "auc", "precision", "recall", "sensitivity", "specificity", "correlation"),
    *("f1_score", "fbeta_score", "beta_score", "r2_score", "cosine_similarity", "io_u", "iou"),
)


def resolve_mode(monitor: str, mode: str, owner: str, model: Any) -> str:
    """The direction in which a metric improves: "min" or "max".

    Args:
        monitor: the name in the logs, such as "val_loss".
        mode: "min", "max", or "auto" to infer it from the metric of that name, or from the name.
        owner: the callback's name, for the error.
        model: the model with the metrics.

    Raises:
        ValueError: an unknown mode, or a metric whose direction is unknown.

    >>> resolve_mode("val_accuracy", "auto", "EarlyStopping", None)
    'max'
    """
    check_mode(mode, owner)
    found = mode if mode != "auto" else _mode_of_metric(monitor, model) or mode_of_name(monitor)
    if found is None:
        raise ValueError(
            f"{owner}: cannot infer from the metric {monitor!r} or from its name whether it is to be minimized or "
            "maximized. Give mode='max' or mode='min', or set `self._direction = 'up'` or 'down' in the metric's class."
        )
    return found


def check_mode(mode: str, owner: str) -> None:
    """Refuse an unknown mode."""
    if mode not in ("auto", "min", "max"):
        raise ValueError(f"{owner}: mode must be 'auto', 'min' or 'max', got {mode!r}.")


def mode_of_name(name: str) -> str | None:
    """The mode inferred from a metric's name: "min", "max" or None.

    >>> mode_of_name("val_loss"), mode_of_name("auc_1"), mode_of_name("reward")
    ('min', 'max', None)
    """
    name = re.sub(r"_\d+$", "", name.lower())  # strip the number of auc_1
    if _ends_in(name, _LOWER_IS_BETTER):
        return "min"
    return "max" if _ends_in(name, _HIGHER_IS_BETTER) else None


def _mode_of_metric(monitor: str, model: Any) -> str | None:
    """The mode of the metric of this name: its `_direction`, as in Keras, or inferred from its class's name."""
    metrics = {metric.name: metric for metric in getattr(model, "metrics", ())}
    objectives = getattr(model, "objectives", None)  # callbacks also work with other models
    if objectives is not None:
        metrics |= objectives.by_name
    metric = metrics.get(monitor.removeprefix("val_"))
    direction = getattr(metric, "_direction", None)
    if direction is not None:
        return "max" if direction == "up" else "min"
    modes = (mode_of_name(snake_case(cls.__name__)) for cls in type(metric).__mro__)
    return next((mode for mode in modes if mode is not None), None)


class MonitorCallback(Callback):
    """Base class of callbacks that monitor one metric.

    Args:
        monitor: the name of the metric in the logs.
        mode: "min", "max", or "auto": inferred from the metric of that name (`_direction`, "up" or "down"), its class,
            or the name.
        baseline: the initial value of `best`.
        min_delta: the minimum change that counts as an improvement.

    Raises:
        ValueError: an unknown mode; before training, "auto" with a metric whose direction is unknown.

    Attributes:
        best: the best value so far; None before the first.
        mode: "min" or "max"; before training it may still be "auto".

    Example:
    >>> class Watcher(MonitorCallback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         if self.improves(logs[self.monitor], self.best):
    ...             self.best = logs[self.monitor]
    >>> watcher = Watcher("val_accuracy", min_delta=0.1)
    >>> for epoch, accuracy in enumerate([0.5, 0.7, 0.75]):
    ...     watcher.on_epoch_end(epoch, {"val_accuracy": accuracy})
    >>> watcher.best
    0.7
    """

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None, min_delta: float = 0
    ):
        self.monitor = monitor
        check_mode(mode, type(self).__name__)
        self.mode = (mode_of_name(monitor) or mode) if mode == "auto" else mode
        self._given_mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)

    def set_model(self, model: Any) -> None:
        """Set the model, and infer the mode from its metric."""
        super().set_model(model)
        self.mode = resolve_mode(self.monitor, self._given_mode, type(self).__name__, model)

    @property
    def monitor_op(self) -> Callable[[Any, Any], Any]:
        """`ops.less` or `ops.greater`: the comparison of a new value with the best one."""
        return ops.less if self.mode == "min" else ops.greater

    def improves(self, value: float, reference: float | None) -> bool:
        """Whether a value is better than the reference by more than min_delta; always for a reference of None."""
        return improves(value, reference, self.mode, self.min_delta)


def improves(value: float, reference: float | None, mode: str, min_delta: float) -> bool:
    """Whether a value is better than the reference by more than min_delta; always for a reference of None.

    >>> improves(0.8, 0.9, "min", 0.05), improves(0.8, 0.9, "min", 0.2)
    (True, False)
    """
    if reference is None:
        return True
    better: Any = value + min_delta < reference if mode == "min" else value - min_delta > reference
    return bool(better)


def monitored(logs: dict[str, Any], monitor: str, owner: str, consequence: str = "it is skipped") -> Any:
    """The monitored metric in the logs of an epoch; None, with a warning, if it is missing.

    Args:
        logs: name -> value.
        monitor: the name of the metric.
        owner: the callback's name, for the warning.
        consequence: the effect on this epoch, for the warning.

    >>> monitored({"loss": 0.5}, "loss", "EarlyStopping")
    0.5
    """
    if monitor not in logs:
        warn(
            f"{owner}: the metric {monitor!r} is not in the logs of this epoch: {consequence}. "
            f"The logs have: {', '.join(sorted(logs)) or 'nothing'}."
        )
    return logs.get(monitor)


def _ends_in(name: str, words: tuple[str, ...]) -> bool:
    return any(name == word or name.endswith("_" + word) for word in words)
