"""Base class of callbacks that save at the end of epochs, or every so many batches."""

from __future__ import annotations

import abc
from typing import Any

from minidl.callbacks.base import Callback, Logs, fine_without


class SavingCallback(Callback, abc.ABC):
    """Saves at the end of each epoch, or every so many batches: then the loop computes batch by batch.

    Args:
        save_freq: "epoch", or a number of batches.

    Raises:
        ValueError: another save_freq.
    """

    def __init__(self, save_freq: str | int):
        is_count = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq != "epoch" and not is_count:
            raise ValueError(
                f"{type(self).__name__}: save_freq must be 'epoch' or a number of batches, got {save_freq!r}."
            )
        self.save_freq = save_freq
        self.batches = 0  # since the last save
        self._epoch = 0
        if save_freq != "epoch":
            self.needed_hooks = ("on_train_batch_end",)

    @abc.abstractmethod
    def save(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> None:
        """Save after a batch of an epoch, or with None at the end of the epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Store the epoch."""
        self._epoch = epoch

    @fine_without
    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Save every `save_freq` batches. Called only with a number as save_freq."""
        if self.save_freq == "epoch":
            return
        self.batches += 1
        if self.batches >= int(self.save_freq):
            self.batches = 0
            self.save(self._epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Save, with save_freq="epoch"."""
        if self.save_freq == "epoch":
            self.save(epoch, None, logs or {})
