"""Settings of the whole library, under the names that Keras gives them."""

from __future__ import annotations

from minidl.dtypes import (
    dtype_policy,
    epsilon,
    floatx,
    set_dtype_policy,
    set_epsilon,
    set_floatx,
)

__all__ = [
    "backend",
    "dtype_policy",
    "epsilon",
    "floatx",
    "image_data_format",
    "max_epochs",
    "max_steps_per_epoch",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_max_epochs",
    "set_max_steps_per_epoch",
]

_limits: dict[str, int | None] = {"epochs": None, "steps_per_epoch": None}


def backend() -> str:
    """What computes: always "jax"."""
    return "jax"


def image_data_format() -> str:
    """Where the channels of images are: always "channels_last", unless a layer says otherwise.

    >>> image_data_format()
    'channels_last'
    """
    return "channels_last"


def max_epochs() -> int | None:
    """How many epochs `fit` runs at most, whatever it is asked for; None for no limit."""
    return _limits["epochs"]


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of every `fit`, to see quickly whether a program runs."""
    _limits["epochs"] = max_epochs


def max_steps_per_epoch() -> int | None:
    """How many batches of an epoch are used at most; None for no limit."""
    return _limits["steps_per_epoch"]


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the batches of every epoch, to see quickly whether a program runs."""
    _limits["steps_per_epoch"] = max_steps_per_epoch
