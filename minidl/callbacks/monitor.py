"""What a watched metric is now, which way it should go, and whether it got better.

Callbacks that watch one metric (stopping early, keeping the best model, lowering the learning
rate) share these questions.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

from minidl import ops
from minidl.callbacks.base import Callback

# How metric names end: Keras's own, their short forms, and names made of them (val_loss, decoder_loss).
_LOWER_IS_BETTER = (
    *("loss", "error", "hinge", "crossentropy", "divergence", "poisson", "logcosh", "log_cosh", "perplexity"),
    *("mse", "mae", "mape", "msle", "rmse", "bce", "ce", "kld"),
)
_HIGHER_IS_BETTER = (
    *("accuracy", "acc", "auc", "precision", "recall", "sensitivity", "specificity", "correlation"),
    *("f1_score", "fbeta_score", "r2_score", "cosine_similarity", "io_u", "iou"),
)


def resolve_mode(monitor: str, mode: str, owner: str) -> str:
    """Which way a metric gets better: "min" or "max".

    Args:
        monitor: the name in the logs, such as "val_loss".
        mode: "min", "max", or "auto" to tell from the name.
        owner: the callback's name, for the error.

    Raises:
        ValueError: an unknown mode, or a name that does not tell.

    >>> resolve_mode("val_accuracy", "auto", "EarlyStopping")
    'max'
    """
    if mode in ("min", "max"):
        return mode
    if mode != "auto":
        raise ValueError(f"{owner}: mode must be 'auto', 'min' or 'max', got {mode!r}.")
    name = re.sub(r"_\d+$", "", monitor.lower())  # the second metric of a kind is auc_1
    if _ends_in(name, _LOWER_IS_BETTER):
        return "min"
    if _ends_in(name, _HIGHER_IS_BETTER):
        return "max"
    raise ValueError(
        f"{owner}: cannot tell from its name whether {monitor!r} is better high or low. Give mode='max' or mode='min'."
    )


class MonitorCallback(Callback):
    """The base of callbacks that watch one metric.

    Args:
        monitor: the name of the metric in the logs.
        mode: "min", "max", or "auto" to tell from the metric's name.
        baseline: the first value of `best`.
        min_delta: a smaller change does not count as better.

    Raises:
        ValueError: an unknown mode, or "auto" with a metric whose name does not tell.

    Attributes:
        best: the best value so far; None before the first.
        mode: "min" or "max".

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
        self.mode = resolve_mode(monitor, mode, type(self).__name__)
        self.best = baseline
        self.min_delta = abs(min_delta)

    @property
    def monitor_op(self) -> Callable[[Any, Any], Any]:
        """`ops.less` or `ops.greater`: what a better value is, compared with one before."""
        return ops.less if self.mode == "min" else ops.greater

    def improves(self, value: float, reference: float | None) -> bool:
        """Whether a value is better than the reference by more than min_delta; better than None always."""
        return improves(value, reference, self.mode, self.min_delta)


def improves(value: float, reference: float | None, mode: str, min_delta: float) -> bool:
    """Whether a value is better than the reference by more than min_delta; better than None always.

    >>> improves(0.8, 0.9, "min", 0.05), improves(0.8, 0.9, "min", 0.2)
    (True, False)
    """
    if reference is None:
        return True
    better: Any = value + min_delta < reference if mode == "min" else value - min_delta > reference
    return bool(better)


def watched(logs: dict[str, Any], monitor: str, owner: str, consequence: str = "nothing is decided") -> Any:
    """The watched metric in the logs of an epoch; None, with a warning, if it is not there.

    Args:
        logs: name -> value.
        monitor: the name to look for.
        owner: the callback's name, for the warning.
        consequence: what follows for this epoch, for the warning.

    >>> watched({"loss": 0.5}, "loss", "EarlyStopping")
    0.5
    """
    if monitor not in logs:
        warnings.warn(
            f"{owner} watches {monitor!r}, which is not in the logs of this epoch: {consequence}. "
            f"The logs have: {', '.join(sorted(logs)) or 'nothing'}.",
            stacklevel=3,
        )
    return logs.get(monitor)


def _ends_in(name: str, words: tuple[str, ...]) -> bool:
    return any(name == word or name.endswith("_" + word) for word in words)
