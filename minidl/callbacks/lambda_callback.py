"""LambdaCallback: a callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl.callbacks.base import HOOKS, Callback
from minidl.core import naming


class LambdaCallback(Callback):
    """A callback made of functions, given by the names of hooks; see `Callback` for the hooks.

    Args:
        on_epoch_begin: function of (epoch, logs).
        on_epoch_end: function of (epoch, logs).
        on_train_begin: function of (logs).
        on_train_end: function of (logs).
        on_train_batch_begin: function of (batch, logs).
        on_train_batch_end: function of (batch, logs).
        kwargs: functions for other hooks, such as `on_test_end`; any other name becomes an attribute.

    Raises:
        ValueError: a name that begins with "on_" and is not a hook.
        TypeError: a hook that is not callable.

    Example:
    >>> printer = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    >>> printer.on_epoch_end(0, {"loss": 0.5})
    0 0.5
    """

    takes_any_argument = True

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Any,
    ):
        functions = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in functions.items():
            if name.startswith("on_"):
                if name not in HOOKS:
                    raise naming.unknown("LambdaCallback argument", name, HOOKS)
                if function is None:
                    continue  # keep the empty hook of Callback, which the loop need not call
                if not callable(function):
                    raise TypeError(f"LambdaCallback: {name} must be a function, got {function!r}.")
            setattr(self, name, function)
