"""CallbackList: a container that forwards every hook to a list of callbacks.

The training loop calls a `CallbackList`, never single callbacks. It checks the callbacks that the user passed, adds the
history and the progress bar, and converts logs to Python numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from minidl.callbacks.base import HOOKS, Callback, Logs, does_something
from minidl.callbacks.history import History
from minidl.callbacks.progress_bar import ProgbarLogger
from minidl.callbacks.terminate_on_nan import TerminateOnNaN
from minidl.core import processes
from minidl.core.tracebacks import described, warn
from minidl.core.typing import PyTree

_BATCH_HOOKS = {
    "train": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


class CallbackList(Callback):
    """A container that calls many callbacks in order; then the history, then the progress bar.

    Callbacks with `comes_last` are called after all others. Each hook calls that hook of all
    callbacks with a new dict of logs: Python floats, sorted by name.

    Args:
        callbacks: None, a callback, or a (nested) list of callbacks.
        model: the model. Its attribute `history` is set to the history.
        params: {"verbose", "epochs", "steps"}.
        add_history: add a `History` unless there is one.
        add_progbar: add a `ProgbarLogger` unless there is one.
        more_params: added to params: `CallbackList(callbacks, model=model, epochs=2)` as in Keras.

    Raises:
        TypeError: an object that is not a callback; the message says how to make one.

    Example:
    >>> class Adder(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         logs["double"] = 2 * logs["loss"]
    >>> class Model:
    ...     history = None
    >>> model = Model()
    >>> callbacks = CallbackList(Adder(), model, add_history=True)
    >>> callbacks.on_train_begin()
    >>> callbacks.on_epoch_end(0, {"loss": 1.5})
    >>> model.history.history
    {'loss': [1.5], 'double': [3.0]}
    """

    def __init__(
        self,
        callbacks: PyTree = None,
        model: Any = None,
        params: dict[str, Any] | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        **more_params: Any,
    ):
        if isinstance(model, bool):
            raise TypeError("CallbackList: the second argument is the model; write add_history=True by name.")
        self.callbacks: list[Any] = list(_flatten(callbacks))
        if add_history and not self._find(History):
            self.callbacks.append(History())
        if add_progbar and not self._find(ProgbarLogger):
            self.callbacks.append(ProgbarLogger())
        self.callbacks.sort(key=lambda callback: isinstance(callback, Callback) and callback.comes_last)
        self._warned_of_nan = bool(self._find(TerminateOnNaN))  # which reports it itself
        self._watchers = [callback for callback in self.called if does_something(callback, "on_progress")]
        if model is not None:
            self.set_model(model)
        self.set_params({**(params or {}), **more_params})

    @property
    def called(self) -> list[Any]:
        """Those that are called in this process: of several processes, some are called in process 0 only."""
        if processes.is_first():
            return self.callbacks
        return [one for one in self.callbacks if not (isinstance(one, Callback) and one.first_process_only)]

    def set_model(self, model: Any) -> None:
        """Set the model of every callback, and the history of the model."""
        self.model = model
        for history in self._find(History):
            model.history = history
        for callback in self.callbacks:
            if isinstance(callback, Callback):
                callback.callback_list = self
            callback.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Set the settings of the run for every callback."""
        self.params = params
        if params:
            for callback in self.callbacks:
                callback.set_params(params)

    def wants_batches(self, mode: str) -> bool:
        """Whether a callback must be called for every batch of "train", "test" or "predict"."""
        return any(does_something(callback, hook) for callback in self.callbacks for hook in _BATCH_HOOKS[mode])

    def close(self) -> None:
        """Remove the progress bar from the screen. To be called in a `finally`."""
        for bar in self._find(ProgbarLogger):
            bar.close()

    def on_progress(self, mode: str, step: int, logs: Logs = None) -> None:
        """Forward `on_progress`, and warn once if the loss is NaN."""
        if mode == "train" and logs and not self._warned_of_nan and logs.get("loss") != logs.get("loss"):
            self._warned_of_nan = True
            warn(
                f"The loss is NaN at batch {step}, and remains NaN. Lower the learning rate, clip the gradients "
                "(clipnorm=1.0), and look for a division by 0, or for the logarithm or the root of a number that is "
                "not positive. The callback TerminateOnNaN stops such a run."
            )
        for callback in self._watchers:
            callback.on_progress(mode, step, _python_logs(logs))

    def on_compile_begin(self, mode: str, step: int) -> None:
        """Forward `on_compile_begin`."""
        for callback in self.called:
            if does_something(callback, "on_compile_begin"):
                callback.on_compile_begin(mode, step)

    def on_compile_end(self, mode: str, seconds: float) -> None:
        """Forward `on_compile_end`."""
        for callback in self.called:
            if does_something(callback, "on_compile_end"):
                callback.on_compile_end(mode, seconds)

    def _find(self, kind: type) -> list[Any]:
        return [callback for callback in self.callbacks if isinstance(callback, kind)]


def _forward_logs(hook: str) -> Callable[..., None]:
    def method(self: CallbackList, logs: Logs = None) -> None:
        plain = _python_logs(logs)
        for callback in self.called:
            getattr(callback, hook)(plain)

    return method


def _forward_epoch(hook: str) -> Callable[..., None]:
    def method(self: CallbackList, epoch: int, logs: Logs = None) -> None:
        plain = _python_logs(logs)
        for callback in self.called:
            getattr(callback, hook)(epoch, plain)

    return method


def _forward_batch(hook: str) -> Callable[..., None]:
    def method(self: CallbackList, batch: int, logs: Logs = None) -> None:
        plain = _python_logs(logs)
        for callback in self.called:
            getattr(callback, hook)(batch, logs=plain)  # by keyword, as in Keras: users' methods may rely on it

    return method


for _hook in HOOKS:
    _forward = _forward_batch if "batch" in _hook else _forward_epoch if "epoch" in _hook else _forward_logs
    setattr(CallbackList, _hook, _forward(_hook))


def _flatten(callbacks: Any) -> Iterator[Any]:
    if isinstance(callbacks, CallbackList):
        yield from callbacks.callbacks
    elif isinstance(callbacks, (list, tuple)):
        for callback in callbacks:
            yield from _flatten(callback)
    elif callbacks is not None:
        _check(callbacks)
        yield callbacks


def _check(callback: Any) -> None:
    """Duck typing: callbacks of other packages subclass Keras's class, so an object with all hooks is accepted."""
    if isinstance(callback, type):
        raise TypeError(f"callbacks: got the class {callback.__name__}; give an object: {callback.__name__}().")
    missing = [name for name in ("set_model", "set_params", *HOOKS) if not callable(getattr(callback, name, None))]
    if missing:
        raise TypeError(
            f"callbacks: {described(callback)} is not a callback: it has no {missing[0]}(). Subclass "
            "minidl.callbacks.Callback, or wrap a function: LambdaCallback(on_epoch_end=function)."
        )


def _python_logs(logs: Logs) -> dict[str, Any]:
    """Logs as a new dict, sorted by name and flattened as in Keras, with numbers as Python floats."""
    plain: dict[str, Any] = {}
    if not logs:
        return plain
    for name, value in sorted(logs.items()):
        if isinstance(value, dict):
            plain.update(_python_logs(value))
        else:
            plain[name] = _python_value(value)
    return plain


def _python_value(value: Any) -> Any:
    if isinstance(value, (int, float)) or (getattr(value, "shape", None) == () and not isinstance(value, np.str_)):
        return float(value)
    return np.asarray(value) if isinstance(value, jax.Array) else value
