"""BackupAndRestore: resume an interrupted training run, with bitwise the same results."""

from __future__ import annotations

import os
import pathlib
from collections import Counter
from typing import Any

from minidl.callbacks.base import Callback, Logs
from minidl.callbacks.run_identity import differences, identity, is_same_data, rates
from minidl.callbacks.saving import SavingCallback
from minidl.core import processes
from minidl.core.tracebacks import warn
from minidl.saving.files import remove_partial
from minidl.saving.state import read_state, write_state
from minidl.training.run_state import Position, RunState

_FORMAT = 4
_PARTS = ("format", "run", "rates", "state")


class BackupAndRestore(SavingCallback):
    """Save a checkpoint of the whole run; when the same program is started again, resume from it.

    The checkpoint holds all that the rest of the run depends on: weights, the variables of the optimizer and the
    metrics, seed generators, the state of Python's and NumPy's random generators, the state of the other callbacks
    (the history, too), the position in the data, and `stop_training`. So a run that is interrupted, even killed, ends
    with the same numbers as an uninterrupted one. A generator is read again up to its position, a `tf.data.Dataset`
    from its first pass on; of a torch `DataLoader` the random states are saved. Not restored are a `PyDataset` that
    changes itself, and other iterables with a random generator of their own: a warning says so when training begins.

    The checkpoint is one file, written atomically, without code. This callback is called after all others, whatever its
    position in the list.

    Args:
        backup_dir: the folder of the checkpoint, created if missing. Each run needs its own.
        save_freq: "epoch", or a number of batches: then training resumes at the batch after the last checkpoint. A
            number makes the loop compute batch by batch.
        double_checkpoint: also keep the previous checkpoint, to be used if the last one is damaged.
        delete_checkpoint: remove the checkpoint when training has ended normally. If it is kept, a later `fit`
            resumes from it, with more epochs or after training was stopped early.
        strict: whether a checkpoint of another run is refused: one with other data (shapes, and values of some rows),
            batch size, layers, loss, optimizer or learning rate. Otherwise it is restored with a warning: weights, the
            optimizer's state and its learning rate. With other data an interrupted epoch starts from its
            beginning. The number of epochs may always differ.

    Raises:
        ValueError: an empty backup_dir or an invalid save_freq; when training begins, a checkpoint that is damaged
            or of another model or run.

    Example:
    >>> import tempfile
    >>> import numpy as np
    >>> from minidl import Sequential, layers
    >>> x, y = np.ones((8, 2)), np.ones((8, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for epochs in (2, 3):
    ...         model = Sequential([layers.Dense(1)])
    ...         model.compile("sgd", "mse")
    ...         backup = BackupAndRestore(folder, delete_checkpoint=False)
    ...         history = model.fit(x, y, epochs=epochs, callbacks=backup, verbose=0)
    >>> history.epoch
    [0, 1, 2]
    """

    comes_last = True  # to save the state of the others after they were called

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
        strict: bool = True,
    ):
        if not backup_dir:
            raise ValueError("BackupAndRestore: backup_dir is empty; give the path of a folder for the backup.")
        super().__init__(save_freq)
        self.backup_dir = os.fspath(backup_dir)
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self.strict = strict
        self._last = pathlib.Path(backup_dir, "backup.npz")
        self._previous = pathlib.Path(backup_dir, "previous.npz")
        self._identity: dict[str, Any] = {}  # which run it is
        self._rates: list[Any] = []  # the learning rates that it began with
        self._within: RunState | None = None  # of a backup that was made within the epoch that begins

    def on_train_begin(self, logs: Logs = None) -> None:
        """Restore the checkpoint, if there is one, and its epoch."""
        self.batches = 0
        self._identity, self._rates = identity(self.model), rates(self.model)
        lost = self.model.training_run.data.lost
        if lost:
            warn(f"BackupAndRestore: a resumed run may get other batches: {lost}")
        if processes.is_first():
            remove_partial(self._last)
        backup = self._read()
        if backup is not None:
            self._restore(backup)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Restore again what others change as an epoch begins, if the backup was made within the epoch."""
        super().on_epoch_begin(epoch)
        if self._within is not None:
            self._within.restore_values(self.model, self._others())
            self._within = None

    def on_train_end(self, logs: Logs = None) -> None:
        """Remove the backup, and its folder if nothing else is in it; or keep it for a later fit to continue from."""
        if not self.delete_checkpoint:
            if self.model.stop_training and self._last.exists():
                backup = read_state(self._last)
                write_state(self._last, {**backup, "state": {**backup["state"], "stop_training": False}})
            return
        if not processes.is_first():
            return
        for path in (self._last, self._previous):
            path.unlink(missing_ok=True)
        folder = pathlib.Path(self.backup_dir)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    # Saving

    def save(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> None:
        """Save the state of the run."""
        position = Position(epoch + 1) if batch is None else Position(epoch, batch + 1, logs)
        state = RunState.capture(self.model.training_run, position, self._others())
        self._last.parent.mkdir(parents=True, exist_ok=True)
        if self.double_checkpoint and self._last.exists() and processes.is_first():
            os.replace(self._last, self._previous)
        values = (_FORMAT, self._identity, [self._rates, rates(self.model)], state.to_plain())
        write_state(self._last, dict(zip(_PARTS, values)))

    def _others(self) -> dict[str, Callback]:
        """The other callbacks by names that tell them apart: `EarlyStopping 1`, `EarlyStopping 2`, ..."""
        seen: Counter[str] = Counter()
        others = {}
        for callback in self.callback_list.callbacks if self.callback_list is not None else ():
            if isinstance(callback, Callback) and callback is not self:
                kind = type(callback).__name__
                seen[kind] += 1
                others[f"{kind} {seen[kind]}"] = callback
        return others

    # Restoring

    def _read(self) -> dict[str, Any] | None:
        found = processes.from_each([self._last.exists(), self._previous.exists()]).tolist()
        if any(one != found[0] for one in found):
            raise RuntimeError(
                f"BackupAndRestore: some processes find a backup in {self.backup_dir!r} and others do not. Give the "
                "path of a folder that all of them share."
            )
        if not self._last.exists():
            return read_state(self._previous) if self._previous.exists() else None
        try:
            return read_state(self._last)
        except ValueError as error:
            if not self._previous.exists():
                raise ValueError(f"{error} To train from the beginning, remove the file.") from error
            warn(f"BackupAndRestore: {error} Resuming from the previous backup.")
            return read_state(self._previous)

    def _restore(self, backup: Any) -> None:
        state = None
        if isinstance(backup, dict) and tuple(backup) == _PARTS and backup["format"] == _FORMAT:
            state = RunState.from_plain(backup["state"])
        if state is None:
            raise ValueError(
                f"BackupAndRestore: the file in {self.backup_dir!r} is not a backup, or one of another version of "
                "minidl. Remove it to train from the beginning."
            )
        misfit = state.misfit(self.model)
        if misfit:
            raise ValueError(
                f"BackupAndRestore: the backup in {self.backup_dir!r} is of another model or optimizer: it has "
                f"{misfit}. Make the model as it was, or give another backup_dir."
            )
        others = self._others()
        self._warn_of_callbacks(dict(state.callbacks), others)
        is_same_data = self._is_of_same_data(backup)
        state.restore(self.model.training_run, others, is_same_data)
        if state.stop_training and not (is_same_data and state.batches):
            # It was told to stop, and interrupted after the end of the epoch: only the end of training is left to do.
            assert self.params is not None, "fit gives them"
            self.model.training_run.start = Position(self.params["epochs"])
        self._within = state if is_same_data and state.batches else None

    def _is_of_same_data(self, backup: dict[str, Any]) -> bool:
        """Compare the runs, and refuse another one, or warn of it."""
        found = list(differences(backup["run"], self._identity))
        if self._rates not in backup["rates"]:  # a model that continues itself has the newest rates, not the first ones
            found += differences(backup["rates"][0], self._rates, "learning_rate")
        if not found:
            return True
        text = f"BackupAndRestore: the backup in {self.backup_dir!r} is of another run: {'; '.join(found[:3])}"
        text += f"; and {len(found) - 3} more differences. " if len(found) > 3 else ". "
        if self.strict:
            raise ValueError(
                f"{text}Make the run as it was, remove the backup to train from the beginning, or continue from it "
                "with BackupAndRestore(..., strict=False)."
            )
        warn(f"{text}It is accepted, since strict=False.")
        return is_same_data(backup["run"], self._identity)

    def _warn_of_callbacks(self, states: dict[str, Any], others: dict[str, Callback]) -> None:
        gone = [name for name, state in states.items() if state and name not in others]
        new = [name for name, callback in others.items() if name not in states and callback.get_state()]
        if gone or new:
            warn(
                f"BackupAndRestore: not the same callbacks as before: {', '.join(gone) or 'none'} gone, "
                f"{', '.join(new) or 'none'} new. New ones start from the beginning."
            )
