"""TerminateOnNaN: stop training when the loss is NaN or infinite."""

from __future__ import annotations

import math

from minidl.callbacks.base import Callback, Logs, fine_without
from minidl.core.messages import say


class TerminateOnNaN(Callback):
    """Stop training when the loss is NaN or infinite.

    The loss in the logs is the mean of the epoch so far. Once NaN, it remains NaN, so it is checked
    only when the loop reads the logs: steps cost nothing, and training stops within a chunk of
    batches (about 0.05 s).

    Args:
        raise_error: raise an error instead of stopping normally. `on_epoch_end` and `on_train_end` of other
            callbacks are then not called, so that a backup of the last good epoch is kept.

    Raises:
        RuntimeError: while training, with raise_error.

    Example:
    >>> class Model:
    ...     stop_training = False
    >>> callback = TerminateOnNaN()
    >>> callback.set_model(Model())
    >>> callback.on_progress("train", 32, {"loss": float("nan")})
    The loss is nan at batch 31. Training stops.
    >>> callback.model.stop_training
    True
    """

    def __init__(self, raise_error: bool = False):
        self.raise_error = raise_error

    def on_progress(self, mode: str, step: int, logs: Logs = None) -> None:
        """Check the loss after a chunk of batches."""
        if mode == "train":
            self._check(logs, f"batch {step - 1}")  # counted from 0, as in the batch methods

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Check the loss of the epoch."""
        self._check(logs, f"epoch {epoch + 1}")

    @fine_without
    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """As `on_progress`, for custom training loops."""
        self.on_progress("train", batch + 1, logs)

    def _check(self, logs: Logs, when: str) -> None:
        loss = (logs or {}).get("loss")
        if self.model.stop_training or loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"The loss is {loss} at {when}, so training was stopped. Look for a learning rate that is too high, or "
                "for values in the data that are too large."
            )
        say(f"The loss is {loss} at {when}. Training stops.")
        self.model.stop_training = True
