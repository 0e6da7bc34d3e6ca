"""Checks of the functions that a user passes or overrides: that they take what they are called with."""

from __future__ import annotations

import inspect
import types
from typing import Any


def check_loss(loss: Any) -> None:
    """Refuse a loss function that does not take the targets and the outputs.

    Raises:
        TypeError: it cannot be called with two arguments.
    """
    if isinstance(loss, types.FunctionType):
        try:
            inspect.signature(loss).bind(None, None)
        except TypeError as error:
            raise TypeError(
                f"compile: the loss {loss.__name__}{inspect.signature(loss)} cannot be called with (y_true, y_pred): "
                f"{error}. Define it with these two arguments."
            ) from None


def check_steps(model: Any) -> None:
    """Refuse a `train_step` or `test_step` of the user's in the form for TensorFlow, without the state.

    Raises:
        TypeError: it takes the data alone.
    """
    for name in model.written_steps() & {"train_step", "test_step"}:
        parameters = inspect.signature(getattr(model, name)).parameters.values()
        if len(parameters) == 1 and all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters):
            raise TypeError(
                f"{type(model).__name__}.{name}(self, {next(iter(parameters)).name}) has the form for TensorFlow. "
                f"On JAX it is pure: `def {name}(self, state, data)`, which returns (logs, new state). See "
                f"Trainer.{name}."
            )


def logs_and_state(returned: Any, model: Any, step: str, count: int) -> tuple[Any, Any]:
    """What a `train_step` or `test_step` of the user's returned.

    Raises:
        ValueError: it is not (logs, new state).
    """
    is_pair = isinstance(returned, tuple) and len(returned) == 2
    if not (is_pair and isinstance(returned[1], (tuple, list)) and len(returned[1]) == count):
        kind = f"a tuple of {len(returned)}" if isinstance(returned, tuple) else f"a {type(returned).__name__}"
        raise ValueError(
            f"{type(model).__name__}.{step} returned {kind}; expected (logs, new state), where the new state has "
            f"{count} lists of values, in the order of the state that it was given."
        )
    return returned
