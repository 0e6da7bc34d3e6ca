"""ModelCheckpoint: save the model during training: always, on improvement, or the best few."""

from __future__ import annotations

import math
import os
import pathlib
import re
import string
from typing import Any

import numpy as np

from minidl.callbacks.base import Logs
from minidl.callbacks.monitor import check_mode, improves, monitored, resolve_mode
from minidl.callbacks.saving import SavingCallback
from minidl.core import naming
from minidl.core.messages import say
from minidl.core.tracebacks import warn

_STATE = ("best", "kept", "batches")


class ModelCheckpoint(SavingCallback):
    """Save the model, or its weights, at the end of epochs or every `save_freq` batches.

    All state is reset when training begins, so an object can be used for several fits: the first save of a new fit
    replaces the file of an earlier one, unless `initial_value_threshold` is given.

    Args:
        filepath: a path that ends in ".keras" or ".h5", or in ".weights.h5" with save_weights_only.
            It may have the fields `{epoch}` and `{batch}`, counted from 1, and the names of the metrics in
            the logs, as in "{epoch:02d}-{val_loss:.2f}.keras". Missing folders are created.
        monitor: the name of the metric in the logs by which models are compared.
        verbose: 1 prints what is saved and why.
        save_best_only: save only when the metric has improved.
        save_weights_only: `model.save_weights(path)` instead of `model.save(path)`.
        mode: "min", "max", or "auto" to infer it from the metric or its name.
        save_freq: "epoch", or a number of batches. A number makes the loop compute batch by batch; the metric is
            then that of the epoch up to the batch.
        initial_value_threshold: with save_best_only, the initial best value.
        save_top_k: keep the files of the k best models of this training and remove its other files; a model
            that is not among the k best is not saved. None keeps all.

    Raises:
        ValueError: another ending of the path, an unknown mode, a metric whose direction is needed and unknown, or,
            when saving, a field in the path that is not in the logs.

    Attributes:
        best: the best value so far; None before the first.
        kept: with save_top_k, [value, path] of the files kept, the best first.

    Example:
    >>> import tempfile
    >>> class Model:
    ...     def save(self, path):
    ...         print(pathlib.Path(path).name)
    >>> saver = ModelCheckpoint(tempfile.gettempdir() + "/{epoch}-{loss:.1f}.keras", "loss", save_best_only=True)
    >>> saver.set_model(Model())
    >>> saver.on_train_begin()
    >>> for epoch, loss in enumerate([0.9, 0.7, 0.8]):
    ...     saver.on_epoch_end(epoch, {"loss": loss})
    1-0.9.keras
    2-0.7.keras
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        save_top_k: int | None = None,
    ):
        super().__init__(save_freq)
        self.filepath = os.fspath(filepath)
        self.monitor = monitor
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.initial_value_threshold = initial_value_threshold
        self.save_top_k = save_top_k
        self._check()
        check_mode(mode, "ModelCheckpoint")
        self.mode = self._given_mode = mode
        self._reset()

    def set_model(self, model: Any) -> None:
        """Set the model, and infer the mode from its metric if values will be compared."""
        super().set_model(model)
        if self.save_best_only or self.save_top_k is not None:
            self.mode = resolve_mode(self.monitor, self._given_mode, type(self).__name__, model)

    def _reset(self) -> None:
        self.best = self.initial_value_threshold
        self.kept: list[list[Any]] = []
        self.batches = 0  # since the last save

    def on_train_begin(self, logs: Logs = None) -> None:
        """Reset the state."""
        self._reset()

    def get_state(self) -> dict[str, Any]:
        """The best value, the files kept, and the batches since the last save."""
        return {name: getattr(self, name) for name in _STATE}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore the state."""
        for name in _STATE:
            setattr(self, name, state[name])

    def save(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> None:
        """Save the model, if it is to be saved."""
        fields = {} if batch is None else {"batch": batch + 1}
        path = self._path({"epoch": epoch + 1, **fields, **logs})
        value = self._value(logs)
        if value is not None:
            reason = self._reason_against(value)
            if reason:
                self._say(epoch, f"{reason}; nothing is saved.")
                return
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        save = self.model.save_weights if self.save_weights_only else self.model.save
        save(path)
        self._say(epoch, f"saved {path}" + (f", {self.monitor} {value:.5g}." if value is not None else "."))
        if value is not None:
            if improves(value, self.best, self.mode, 0.0):
                self.best = value
            self._keep(value, path)

    def _value(self, logs: dict[str, Any]) -> float | None:
        """The monitored metric; None if no comparison is needed or possible."""
        if not self.save_best_only and self.save_top_k is None:
            return None
        value = monitored(logs, self.monitor, type(self).__name__, "the model is saved without a comparison")
        if np.ndim(value) != 0:
            warn(
                f"ModelCheckpoint: {self.monitor!r} is an array of {np.size(value)} values, not a scalar: the model is "
                "saved without a comparison."
            )
            return None
        return value

    def _reason_against(self, value: float) -> str:
        if self.save_best_only and not improves(value, self.best, self.mode, 0.0):
            return f"{self.monitor} {value:.5g} is not better than {self.best:.5g}"
        if self.save_top_k is not None and len(self.kept) >= self.save_top_k:
            worst, _ = self.kept[-1]
            if self._rank(value) >= self._rank(worst):
                return f"{self.monitor} {value:.5g} is not among the best {self.save_top_k}"
        return ""

    def _keep(self, value: float, path: str) -> None:
        """Record a saved file; remove the worst one if there are more than save_top_k."""
        if self.save_top_k is None:
            return
        others = [entry for entry in self.kept if entry[1] != path]
        self.kept = sorted([*others, [value, path]], key=lambda entry: self._rank(entry[0]))
        for _, worse in self.kept[self.save_top_k :]:
            pathlib.Path(worse).unlink(missing_ok=True)
        self.kept = self.kept[: self.save_top_k]

    def _rank(self, value: float) -> float:
        """Smaller is better; NaN is worst."""
        if math.isnan(value):
            return math.inf
        return value if self.mode == "min" else -value

    def _path(self, fields: dict[str, Any]) -> str:
        for _, field, _, _ in string.Formatter().parse(self.filepath):
            name = re.split(r"[.\[]", field or "")[0]
            if field is not None and name not in fields:
                raise naming.unknown("field in ModelCheckpoint's filepath", name, fields)
        return self.filepath.format(**fields)

    def _say(self, epoch: int, message: str) -> None:
        if self.verbose:
            say(f"Epoch {epoch + 1}: {message}")

    def _check(self) -> None:
        endings = (".weights.h5",) if self.save_weights_only else (".keras", ".h5")
        if not self.filepath.endswith(endings):
            raise ValueError(
                f"ModelCheckpoint: with save_weights_only={self.save_weights_only} the filepath must end in "
                f"{' or '.join(endings)}, got {self.filepath!r}."
            )
        if self.save_top_k is None:
            return
        if isinstance(self.save_top_k, bool) or not isinstance(self.save_top_k, int) or self.save_top_k < 1:
            raise ValueError(
                f"ModelCheckpoint: save_top_k must be a number of at least 1, or None, got {self.save_top_k!r}."
            )
        if self.save_top_k > 1 and not any(field for _, field, _, _ in string.Formatter().parse(self.filepath)):
            raise ValueError(
                f"ModelCheckpoint: save_top_k={self.save_top_k} needs a different path for each save, got "
                f"{self.filepath!r}. Put a field in it, such as '{{epoch}}'."
            )
