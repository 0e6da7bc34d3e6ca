"""What the options that all optimizers share mean: which values are right, and how gradients are clipped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax

from minidl.core import dtypes
from minidl.core.variables import Variable


def check(
    owner: str,
    clips: dict[str, float | None],
    ema_momentum: float,
    ema_overwrite_frequency: int | None,
    gradient_accumulation_steps: int | None,
) -> None:
    """Refuse options that contradict each other or are out of their range.

    Args:
        owner: the optimizer's class, for the error.
        clips: the ways of clipping, by name.
        ema_momentum: see `Optimizer`.
        ema_overwrite_frequency: see `Optimizer`.
        gradient_accumulation_steps: see `Optimizer`.

    Raises:
        ValueError: what is wrong, and the range.
    """
    if sum(value is not None for value in clips.values()) > 1:
        raise ValueError(
            f"{owner}: Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be given, got {clips}."
        )
    if any(value is not None and not value >= 0 for value in clips.values()):
        raise ValueError(f"{owner}: clip at a positive number, or leave it out; got {clips}.")
    if not 0 <= ema_momentum <= 1:
        raise ValueError(f"{owner}: ema_momentum must be from 0 to 1, got {ema_momentum}.")
    frequency = ema_overwrite_frequency
    if frequency is not None and (not isinstance(frequency, int) or frequency < 1):
        raise ValueError(f"{owner}: ema_overwrite_frequency must be an integer of at least 1, got {frequency!r}.")
    if gradient_accumulation_steps is not None and gradient_accumulation_steps < 2:
        raise ValueError(f"{owner}: gradient_accumulation_steps must be at least 2, got {gradient_accumulation_steps}.")


def learning_rate(owner: str, rate: Any) -> Variable | Callable[..., Any]:
    """A learning rate as the optimizer keeps it: a variable for a number, a function as it is.

    Raises:
        ValueError: neither.
    """
    if callable(rate):
        return rate
    is_number = isinstance(rate, (int, float, np.number, jax.Array, np.ndarray, Variable))
    if not is_number or isinstance(rate, bool) or np.ndim(rate) != 0:
        raise ValueError(f"{owner}: learning_rate must be a number or a function of the step, got {rate!r}.")
    check_rate(owner, rate)
    return Variable(float(rate), dtype=dtypes.floatx(), trainable=False, name="learning_rate")


def check_rate(owner: str, rate: Any) -> None:
    """Refuse a learning rate that is negative, infinite or NaN; one that is traced has no value yet.

    Raises:
        ValueError: it is.
    """
    if not isinstance(rate, jax.core.Tracer) and not 0 <= float(rate) < np.inf:
        raise ValueError(f"{owner}: learning_rate must be a finite number of at least 0, got {float(rate)}.")


def check_decays(owner: str, **decays: float) -> None:
    """Refuse what is no decay of a running mean: a number from 0 up to, but without, 1.

    Raises:
        ValueError: it is not.
    """
    for name, value in decays.items():
        if not 0 <= value < 1:
            raise ValueError(f"{owner}: {name} must be at least 0 and below 1, got {value}.")


def clip(
    grads: list[Any],
    clipnorm: float | None = None,
    clipvalue: float | None = None,
    global_clipnorm: float | None = None,
) -> list[Any]:
    """Gradients no larger than a limit; 0 stands for no limit, as in Keras.

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
