"""The options that all optimizers share: validation, and clipping of gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import numpy as np
import optax

from minidl.core import dtypes
from minidl.core.typing import Array
from minidl.core.variables import Variable

LearningRate: TypeAlias = float | Array | np.ndarray | Variable | Callable[..., Any]  # a number, or a schedule


def check(
    owner: str,
    clips: dict[str, float | None],
    ema_momentum: float,
    ema_overwrite_frequency: int | None,
    gradient_accumulation_steps: int | None,
) -> None:
    """Check options for conflicts and for values out of range.

    Args:
        owner: the optimizer's class name, for the error message.
        clips: the clipping options, by name.
        ema_momentum: see `Optimizer`.
        ema_overwrite_frequency: see `Optimizer`.
        gradient_accumulation_steps: see `Optimizer`.

    Raises:
        ValueError: an invalid option; the message has the valid range.
    """
    if sum(value is not None for value in clips.values()) > 1:
        raise ValueError(f"{owner}: expected at most one kind of gradient clipping, got {clips}. Leave out the others.")
    if any(value is not None and not value >= 0 for value in clips.values()):
        raise ValueError(f"{owner}: clipping needs a number of at least 0, or None; got {clips}.")
    if not 0 <= ema_momentum <= 1:
        raise ValueError(f"{owner}: ema_momentum must be from 0 to 1, got {ema_momentum}.")
    frequency = ema_overwrite_frequency
    if frequency is not None and (not isinstance(frequency, int) or frequency < 1):
        raise ValueError(f"{owner}: ema_overwrite_frequency must be an integer of at least 1, got {frequency!r}.")
    if gradient_accumulation_steps is not None and gradient_accumulation_steps < 2:
        raise ValueError(f"{owner}: gradient_accumulation_steps must be at least 2, got {gradient_accumulation_steps}.")


def learning_rate(owner: str, rate: LearningRate) -> Variable | Callable[..., Any]:
    """A learning rate as an optimizer stores it: a number becomes a variable, a function stays a function.

    Raises:
        ValueError: neither a number nor a function.
    """
    if callable(rate):
        return rate
    is_number = isinstance(rate, (int, float, np.number, jax.Array, np.ndarray, Variable))
    if not is_number or isinstance(rate, bool) or np.ndim(rate) != 0:
        raise ValueError(f"{owner}: learning_rate must be a number or a schedule, got {rate!r}.")
    check_rate(owner, rate)
    return Variable(float(rate), dtype=dtypes.floatx(), trainable=False, name="learning_rate")


def check_rate(owner: str, rate: float | Array | np.ndarray | Variable) -> None:
    """Check that a learning rate is finite and not negative; a tracer has no value to check.

    Raises:
        ValueError: it is negative, infinite or NaN.
    """
    if not isinstance(rate, jax.core.Tracer) and not 0 <= float(rate) < np.inf:
        raise ValueError(f"{owner}: learning_rate must be a finite number of at least 0, got {float(rate)}.")


def check_decays(owner: str, **decays: float) -> None:
    """Check decay rates of running means: at least 0 and below 1.

    Raises:
        ValueError: one is out of this range.
    """
    for name, value in decays.items():
        if not 0 <= value < 1:
            raise ValueError(f"{owner}: {name} must be at least 0 and below 1, got {value}.")


def clip(
    grads: list[Array],
    clipnorm: float | None = None,
    clipvalue: float | None = None,
    global_clipnorm: float | None = None,
) -> list[Array]:
    """Clip gradients by value, by their global norm, or each by its norm; a limit of 0 means none, as in Keras.

    >>> [round(float(grad), 2) for grad in clip([np.float32(3), np.float32(4)], global_clipnorm=1.0)]
    [0.6, 0.8]
    """
    if clipvalue:
        return optax.clip(clipvalue).update(grads, optax.EmptyState())[0]
    if global_clipnorm:
        return optax.clip_by_global_norm(global_clipnorm).update(grads, optax.EmptyState())[0]
    if clipnorm:
        by_norm = optax.clip_by_global_norm(clipnorm)
        return [by_norm.update([grad], optax.EmptyState())[0][0] for grad in grads]
    return grads
