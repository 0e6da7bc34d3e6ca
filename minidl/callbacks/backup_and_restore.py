"""BackupAndRestore: resume an interrupted training run, with bitwise the same results."""

from __future__ import annotations

import os
import pathlib
import random
import warnings
from collections import Counter
from typing import Any

import numpy as np

from minidl.callbacks.base import Callback, Logs, check_save_freq, fine_without
from minidl.callbacks.run_identity import differences, identity, is_same_data, rates
from minidl.core.variables import Variable
from minidl.saving.files import remove_partial
from minidl.saving.state import read_state, write_state

_FORMAT = 3
_PARTS = {"format", "run", "rates", "epoch", "batches", "logs", "place", "stop_training"}
_PARTS |= {"variables", "callbacks", "python_random", "numpy_random"}


class BackupAndRestore(Callback):
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
        check_save_freq("BackupAndRestore", save_freq)
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self.strict = strict
        if save_freq != "epoch":
            self.needed_hooks = ("on_train_batch_end",)
        self._last = pathlib.Path(backup_dir, "backup.npz")
        self._previous = pathlib.Path(backup_dir, "previous.npz")
        self._epoch = 0
        self._batches = 0  # since the last backup
        self._run: dict[str, Any] = {}  # its identity
        self._rates: list[Any] = []  # its initial learning rates
        self._within: dict[str, Any] | None = None  # a checkpoint from within the epoch that begins

    def on_train_begin(self, logs: Logs = None) -> None:
        """Restore the checkpoint, if there is one, and its epoch."""
        self._batches = 0
        self._run, self._rates = identity(self.model), rates(self.model)
        if self.model.training_data.lost:
            lost = self.model.training_data.lost
            warnings.warn(f"BackupAndRestore: a resumed run may get other batches: {lost}", stacklevel=2)
        remove_partial(self._last)
        backup = self._read()
        if backup is not None:
            self._restore(backup)
            self._within = backup if backup["batches"] else None

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Store the epoch. Within an epoch, restore again what other callbacks have changed at its beginning."""
        self._epoch = epoch
        if self._within is not None:
            self._restore_state(self._within)
            self._within = None

    @fine_without
    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Save a checkpoint every `save_freq` batches. Called only with a number as save_freq."""
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches >= int(self.save_freq):
            self._batches = 0
            self._save(self._epoch, batch + 1, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Save a checkpoint, with save_freq="epoch"."""
        if self.save_freq == "epoch":
            self._save(epoch + 1)

    def on_train_end(self, logs: Logs = None) -> None:
        """Remove the checkpoint, and its folder if empty; or keep it for a later fit."""
        if not self.delete_checkpoint:
            if self.model.stop_training and self._last.exists():
                write_state(self._last, {**read_state(self._last), "stop_training": False})
            return
        for path in (self._last, self._previous):
            path.unlink(missing_ok=True)
        folder = pathlib.Path(self.backup_dir)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    # Saving

    def _save(self, epoch: int, batches: int = 0, logs: Logs = None) -> None:
        """Save the state after a number of batches of an epoch."""
        backup = {
            "format": _FORMAT,
            "run": self._run,
            "rates": [self._rates, rates(self.model)],
            "epoch": epoch,
            "batches": batches,
            "logs": logs or {},
            "place": self.model.training_data.place(),
            "stop_training": bool(self.model.stop_training),
            "variables": [_described(variable) for variable in self._variables()],
            "callbacks": [[name, callback.get_state()] for name, callback in self._others()],
            "python_random": random.getstate(),
            "numpy_random": np.random.get_state(legacy=False),
        }
        self._last.parent.mkdir(parents=True, exist_ok=True)
        if self.double_checkpoint and self._last.exists():
            os.replace(self._last, self._previous)
        write_state(self._last, backup)

    def _variables(self) -> list[Variable]:
        """All variables that a run changes, each once."""
        model = self.model
        kept = [*model.variables, *(v for metric in model.metrics for v in metric.variables)]
        kept += model.optimizer.variables
        return list({id(variable): variable for variable in kept}.values())

    def _others(self) -> list[tuple[str, Callback]]:
        """The other callbacks with unique names: `EarlyStopping 1`, `EarlyStopping 2`, ..."""
        seen: Counter[str] = Counter()
        others = []
        for callback in self.callback_list.callbacks if self.callback_list is not None else ():
            if isinstance(callback, Callback) and callback is not self:
                kind = type(callback).__name__
                seen[kind] += 1
                others.append((f"{kind} {seen[kind]}", callback))
        return others

    # Restoring

    def _read(self) -> dict[str, Any] | None:
        if not self._last.exists():
            return read_state(self._previous) if self._previous.exists() else None
        try:
            return read_state(self._last)
        except ValueError as error:
            if not self._previous.exists():
                raise ValueError(f"{error} To train from the beginning, remove the file.") from error
            warnings.warn(f"BackupAndRestore: {error} Resuming from the previous backup.", stacklevel=2)
            return read_state(self._previous)

    def _restore(self, backup: dict[str, Any]) -> None:
        if not isinstance(backup, dict) or backup.get("format") != _FORMAT or backup.keys() != _PARTS:
            raise ValueError(
                f"BackupAndRestore: the file in {self.backup_dir!r} is not a backup, or of another version of minidl. "
                "Remove it to train from the beginning."
            )
        self._check_fits(self._variables(), backup["variables"])
        if self._is_of_same_data(backup):
            self.model.training_data.resume(backup["place"], backup["batches"], backup["logs"])
        else:
            backup = {**backup, "batches": 0}
        self._restore_state(backup)
        assert self.params is not None, "fit gives them"
        # A run that was interrupted after stop_training was set has no epochs left.
        self.model.stop_training = backup["stop_training"]
        is_over = backup["stop_training"] and not backup["batches"]
        self.model.initial_epoch = self.params["epochs"] if is_over else backup["epoch"]

    def _is_of_same_data(self, backup: dict[str, Any]) -> bool:
        """Compare the runs; refuse a different one, or warn about it."""
        found = list(differences(backup["run"], self._run))
        if self._rates not in backup["rates"]:  # a model trained further has the latest rates, not the initial ones
            found += differences(backup["rates"][0], self._rates, "learning_rate")
        if not found:
            return True
        text = f"BackupAndRestore: the backup in {self.backup_dir!r} is of another run: {'; '.join(found[:3])}"
        text += f"; and {len(found) - 3} more differences. " if len(found) > 3 else ". "
        if self.strict:
            raise ValueError(
                f"{text}Restore the settings of that run, remove the backup to train from the beginning, or resume it "
                "with BackupAndRestore(..., strict=False)."
            )
        warnings.warn(f"{text}It is accepted, since strict=False.", stacklevel=4)
        return is_same_data(backup["run"], self._run)

    def _restore_state(self, backup: dict[str, Any]) -> None:
        variables = self._variables()
        for variable, (_, value) in zip(variables, backup["variables"]):
            variable.assign(value)
        self._restore_callbacks(dict(backup["callbacks"]))
        version, numbers, gauss = backup["python_random"]
        random.setstate((version, tuple(numbers), gauss))
        np.random.set_state(backup["numpy_random"])

    def _check_fits(self, variables: list[Variable], kept: list[Any]) -> None:
        """Compare variables before any is changed; not by name, as names differ when a model is built twice."""
        ours = [(variable.shape, str(variable._value.dtype)) for variable in variables]
        theirs = [(value.shape, str(value.dtype)) for _, value in kept]
        if ours == theirs:
            return
        difference = f"{len(theirs)} variables, the model {len(ours)}"
        for variable, one, (path, _), other in zip(variables, ours, kept, theirs):
            if one != other:
                difference = f"{path!r} as {other[1]}{other[0]}, the model {variable.path!r} as {one[1]}{one[0]}"
                break
        raise ValueError(
            f"BackupAndRestore: the backup in {self.backup_dir!r} is of another model or optimizer: it has "
            f"{difference}. Build the model as it was, or give another backup_dir."
        )

    def _restore_callbacks(self, states: dict[str, Any]) -> None:
        others = dict(self._others())
        for name, callback in others.items():
            if name in states:
                callback.set_state(states[name])
        gone = [name for name, state in states.items() if state and name not in others]
        new = [name for name, callback in others.items() if name not in states and callback.get_state()]
        if gone or new:
            warnings.warn(
                f"BackupAndRestore: the callbacks are not those of the backup: {', '.join(gone) or 'none'} removed, "
                f"{', '.join(new) or 'none'} added. Added ones start from their initial state.",
                stacklevel=2,
            )


def _described(variable: Variable) -> list[Any]:
    return [variable.path, variable.numpy()]
