"""What a callback is: an object whose methods the training loop calls at named moments.

A callback watches and steers training from outside: it can log, save, change the
learning rate or stop. `Callback` names every moment, as Keras documents them,
with methods that do nothing; a subclass writes those that it needs.

The loop computes many batches at once (a chunk) unless a callback asks for every batch. It
asks by having a batch method of its own: `does_something` tells such a method from the
empty ones here. A class that needs batches for some of its settings only marks its method
with `fine_without` and names it in `needed_hooks` of those objects that need it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Logs = dict[str, Any] | None
_Hook = TypeVar("_Hook", bound=Callable[..., None])


def fine_without(hook: _Hook) -> _Hook:
    """Mark a method that misses nothing when the loop leaves it out."""
    # Keras marks its own empty methods with this name, so that callbacks made for Keras count rightly here.
    hook._is_default = True  # type: ignore[attr-defined]
    return hook


def does_something(callback: Any, hook: str) -> bool:
    """Whether a callback has a method of this name that the loop must call.

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


class Callback:
    """Methods that `fit`, `evaluate` and `predict` call at the moments that their names say.

    Subclass it and write the ones you need. `logs` holds Python floats by metric name. It is the same
    dict for all callbacks at one moment: what one adds, later ones and the history see.

    A callback with a batch method of its own makes the loop compute batch by batch, which for a
    small model is slower; see `on_progress` for what needs the numbers only now and then.

    Attributes:
        model: the model being trained, set before the first call. Set
            `model.stop_training = True` to stop.
        params: {"verbose", "epochs", "steps"}: the settings of the run; steps is None while unknown.
        callback_list: the list of all callbacks of the run, set with the model.
        needed_hooks: names of methods marked `fine_without` that this object needs all the same.
        comes_last: whether to be called after all others, wherever it stands in the list.

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

    def set_params(self, params: dict[str, Any]) -> None:
        """Take the settings of the run."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Take the model."""
        self.model = model

    def get_state(self) -> dict[str, Any]:
        """What the callback knows of a run: plain data and arrays, by name. `BackupAndRestore` keeps it."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take up what `get_state` gave. Called after `on_train_begin` when an interrupted run goes on."""

    @fine_without
    def on_train_begin(self, logs: Logs = None) -> None:
        """`fit` begins."""

    @fine_without
    def on_train_end(self, logs: Logs = None) -> None:
        """`fit` ends, unless an exception ended it; logs: those of the last epoch."""

    @fine_without
    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """An epoch, counted from 0, begins."""

    @fine_without
    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """An epoch ends; logs: its loss and metrics, and those of validation as val_*."""

    @fine_without
    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """A training batch, counted from 0 in its epoch, begins. Calls `on_batch_begin`."""
        self.on_batch_begin(batch, logs=logs)

    @fine_without
    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """A training batch ends; logs: loss and metrics of the epoch so far. Calls `on_batch_end`."""
        self.on_batch_end(batch, logs=logs)

    @fine_without
    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """The older name of `on_train_batch_begin`."""

    @fine_without
    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """The older name of `on_train_batch_end`."""

    @fine_without
    def on_test_begin(self, logs: Logs = None) -> None:
        """`evaluate`, or validation within `fit`, begins."""

    @fine_without
    def on_test_end(self, logs: Logs = None) -> None:
        """`evaluate`, or validation within `fit`, ends; logs: its loss and metrics."""

    @fine_without
    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """A batch of `evaluate` or validation begins."""

    @fine_without
    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """A batch of `evaluate` or validation ends; logs: loss and metrics so far."""

    @fine_without
    def on_predict_begin(self, logs: Logs = None) -> None:
        """`predict` begins."""

    @fine_without
    def on_predict_end(self, logs: Logs = None) -> None:
        """`predict` ends."""

    @fine_without
    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """A batch of `predict` begins."""

    @fine_without
    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """A batch of `predict` ends; logs: {"outputs": its predictions}."""

    @fine_without
    def on_progress(self, mode: str, step: int, logs: Logs = None) -> None:
        """Minidl's own: a chunk of batches is done. For displays: cheap, and no promise how often.

        Args:
            mode: "train", "test" or "predict".
            step: the number of batches done so far.
            logs: loss and metrics so far.
        """


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_") and name != "on_progress")


def check_save_freq(owner: str, save_freq: Any) -> None:
    """Refuse what is neither "epoch" nor a number of batches.

    Raises:
        ValueError: so it is.
    """
    is_count = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
    if save_freq != "epoch" and not is_count:
        raise ValueError(f"{owner}: save_freq must be 'epoch' or a number of batches, got {save_freq!r}.")
