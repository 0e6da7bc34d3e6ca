"""Stop training when the loss is no longer a finite number."""

from __future__ import annotations

import math

from minidl.callbacks.base import Callback, Logs, fine_without
from minidl.core.messages import say


class TerminateOnNaN(Callback):
    """Stop as soon as the loss is NaN or infinite.

    The loss in the logs is the mean of the epoch so far. Once it is NaN it stays so, so it is enough
    to look whenever the loop reads it: steps cost nothing more, and training stops within a
    chunk of batches (about a twentieth of a second).

    Args:
        raise_error: raise an error instead of ending the training in good order. Other callbacks then get no
            `on_epoch_end` and no `on_train_end`, so that a backup of the last good epoch stays.

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
        """Look at the loss after a chunk of batches."""
        if mode == "train":
            self._check(logs, f"batch {step - 1}")  # counted from 0, as in the batch methods

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Look at the loss of the epoch."""
        self._check(logs, f"epoch {epoch + 1}")

    @fine_without
    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """As `on_progress`, for a loop of the user's own."""
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
