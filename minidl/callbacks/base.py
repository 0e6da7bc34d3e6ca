"""Base class of callbacks: objects whose methods (hooks) the training loop calls.

A callback observes and controls training: it can log, save, change the learning rate or stop. `Callback` has every hook
that Keras documents, as a method that does nothing; a subclass overrides those that it needs.

The loop computes a chunk of batches at once unless a callback overrides a batch hook, which `does_something` finds out.
A class that needs a batch hook for some of its settings only marks it with `fine_without`; the objects that need it
list it in `needed_hooks`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from minidl.core.arguments import CheckedArguments

Logs = dict[str, Any] | None
_Hook = TypeVar("_Hook", bound=Callable[..., None])


def fine_without(hook: _Hook) -> _Hook:
    """Mark a hook as optional: the loop need not call it."""
    # Keras marks its empty hooks with this attribute, so callbacks written for Keras are recognized too.
    hook._is_default = True  # type: ignore[attr-defined]
    return hook


def does_something(callback: Any, hook: str) -> bool:
    """Whether a callback has a hook of this name that the loop must call.

    >>> class Printer(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch)
    >>> does_something(Printer(), "on_epoch_end"), does_something(Printer(), "on_batch_end")
    (True, False)
    """
    method = getattr(callback, hook, None)
    if not callable(method):
        return False
    return getattr(method, "_is_default", None) is not True or hook in getattr(callback, "needed_hooks", ())


class Callback(CheckedArguments):
    """Base class of callbacks: hooks that `fit`, `evaluate` and `predict` call.

    Subclass it and override the hooks you need. `logs` maps metric names to Python floats. All callbacks get the same
    dict, so later ones and the history see what one adds.

    Overriding a batch hook makes the loop compute batch by batch, which is slower for a small model; `on_progress` is
    enough where the numbers are needed only from time to time.

    Attributes:
        model: the model being trained, set before the first call. Set
            `model.stop_training = True` to stop.
        params: {"verbose", "epochs", "steps"}, the settings of the run; steps is None while unknown.
        callback_list: the list of all callbacks of the run, set with the model.
        needed_hooks: names of hooks marked `fine_without` that this object does need.
        comes_last: whether it is called after all others, whatever its position in the list.
        first_process_only: whether, of several processes, only process 0 calls it: it writes or shows something, and
            decides nothing.

    Example:
    >>> class StopWhenGood(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         if logs["loss"] < 0.1:
    ...             self.model.stop_training = True
    """

    model: Any = None
    params: dict[str, Any] | None = None
    callback_list: Any = None
    needed_hooks: tuple[str, ...] = ()
    comes_last: bool = False
    first_process_only: bool = False

    def set_params(self, params: dict[str, Any]) -> None:
        """Set the settings of the run."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Set the model."""
        self.model = model

    def get_state(self) -> dict[str, Any]:
        """The state of the callback: plain data and arrays, by name. `BackupAndRestore` saves it."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_state` returned. Called after `on_train_begin` when an interrupted run is resumed."""

    @fine_without
    def on_train_begin(self, logs: Logs = None) -> None:
        """Called when `fit` begins."""

    @fine_without
    def on_train_end(self, logs: Logs = None) -> None:
        """Called when `fit` ends without an exception; logs: those of the last epoch."""

    @fine_without
    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Called when an epoch, counted from 0, begins."""

    @fine_without
    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Called when an epoch ends; logs: its loss and metrics, and those of validation as val_*."""

    @fine_without
    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a training batch, counted from 0 in its epoch. Calls `on_batch_begin`."""
        self.on_batch_begin(batch, logs=logs)

    @fine_without
    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a training batch; logs: loss and metrics of the epoch so far. Calls `on_batch_end`."""
        self.on_batch_end(batch, logs=logs)

    @fine_without
    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Older name of `on_train_batch_begin`."""

    @fine_without
    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Older name of `on_train_batch_end`."""

    @fine_without
    def on_test_begin(self, logs: Logs = None) -> None:
        """Called when `evaluate`, or validation within `fit`, begins."""

    @fine_without
    def on_test_end(self, logs: Logs = None) -> None:
        """Called when `evaluate`, or validation within `fit`, ends; logs: its loss and metrics."""

    @fine_without
    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a batch of `evaluate` or validation."""

    @fine_without
    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a batch of `evaluate` or validation; logs: loss and metrics so far."""

    @fine_without
    def on_predict_begin(self, logs: Logs = None) -> None:
        """Called when `predict` begins."""

    @fine_without
    def on_predict_end(self, logs: Logs = None) -> None:
        """Called when `predict` ends."""

    @fine_without
    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a batch of `predict`."""

    @fine_without
    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a batch of `predict`; logs: {"outputs": its predictions}."""

    @fine_without
    def on_progress(self, mode: str, step: int, logs: Logs = None) -> None:
        """Called after a chunk of batches (minidl's own hook). Cheap, for displays; how often is not specified.

        Args:
            mode: "train", "test" or "predict".
            step: the number of batches done so far.
            logs: loss and metrics so far.
        """

    @fine_without
    def on_compile_begin(self, mode: str, step: int) -> None:
        """Called before the program for a chunk is traced and compiled (minidl's own hook), for displays.

        Args:
            mode: "train", "test" or "predict".
            step: the number of batches dispatched so far. Some of them may still be computed.
        """

    @fine_without
    def on_compile_end(self, mode: str, seconds: float) -> None:
        """Called after a program was traced and compiled (minidl's own hook); seconds: the time that it took."""


OWN_HOOKS = ("on_progress", "on_compile_begin", "on_compile_end")  # which callbacks written for Keras lack
HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_") and name not in OWN_HOOKS)
