"""Checkpoints by orbax while a model trains, for weights that are split between devices and processes."""

from __future__ import annotations

import os
from typing import Any

from minidl.callbacks.base import Logs
from minidl.callbacks.monitor import check_mode, improves, monitored, resolve_mode
from minidl.callbacks.saving import SavingCallback
from minidl.core import processes
from minidl.core.messages import say
from minidl.saving.orbax import orbax, state_of


class OrbaxCheckpoint(SavingCallback):
    """Save the variables of a model and of its optimizer at the end of epochs, or every so many batches.

    Each process writes the shards of its devices, in the background if it may: nothing is gathered. The checkpoints
    are numbered by the updates of the weights. `minidl.saving.load_orbax_checkpoint` loads one, on any number of
    devices. It is not a backup of the run: `BackupAndRestore` is. Needs `pip install 'minidl[orbax]'`.

    Args:
        directory: the folder of the checkpoints; made if missing. All processes must see it.
        monitor: the name of the metric in the logs that tells which model is better.
        verbose: 1 prints what is saved.
        save_best_only: save only when the metric is better than ever before.
        mode: "min", "max", or "auto" to ask the metric, or tell from its name.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: with save_best_only, what the first save has to be better than.
        max_to_keep: how many of the newest checkpoints are kept; None for all.
        save_on_background: whether training goes on while files are written.
        save_weights_only: whether to leave out the optimizer's state.

    Raises:
        ImportError: orbax is not installed.
        ValueError: an unknown mode, or another save_freq.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = 1,
        save_on_background: bool = True,
        save_weights_only: bool = False,
    ):
        self._orbax = orbax("OrbaxCheckpoint")
        super().__init__(save_freq)
        check_mode(mode, "OrbaxCheckpoint")
        self.directory = os.path.abspath(directory)
        self.monitor = monitor
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.max_to_keep = max_to_keep
        self.save_on_background = save_on_background
        self.save_weights_only = save_weights_only
        self.mode = self._given_mode = mode
        self.best = initial_value_threshold
        self._manager: Any = None

    def set_model(self, model: Any) -> None:
        """Take the model, and ask its metric which way is better if values will be compared."""
        super().set_model(model)
        if self.save_best_only:
            self.mode = resolve_mode(self.monitor, self._given_mode, type(self).__name__, model)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Open the folder."""
        options = self._orbax.CheckpointManagerOptions(
            max_to_keep=self.max_to_keep, enable_async_checkpointing=self.save_on_background
        )
        self._manager = self._orbax.CheckpointManager(self.directory, options=options)

    def on_train_end(self, logs: Logs = None) -> None:
        """Wait until all is written."""
        self._manager.close()
        self._manager = None

    def wait_until_finished(self) -> None:
        """Wait until what was saved is written."""
        if self._manager is not None:
            self._manager.wait_until_finished()

    def is_multihost_enabled(self) -> bool:
        """Whether several processes save together."""
        return processes.are_many()

    def is_primary_host(self) -> bool:
        """Whether this is process 0."""
        return processes.is_first()

    def get_state(self) -> dict[str, Any]:
        """The best value, and the batches since the last save."""
        return {"best": self.best, "batches": self.batches}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.best, self.batches = state["best"], state["batches"]

    def save(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> None:
        """Save the state, if it is to be saved."""
        if self.save_best_only:
            value = monitored(logs, self.monitor, type(self).__name__, "the model is saved without a comparison")
            if value is not None and not improves(value, self.best, self.mode, 0.0):
                return
            self.best = self.best if value is None else value
        step = int(self.model.optimizer.iterations)
        state = state_of(self.model, self.save_weights_only)
        self._manager.save(step, args=self._orbax.args.StandardSave(state), force=True)
        if self.verbose:
            say(f"OrbaxCheckpoint: saved step {step} in {self.directory}.")
