"""Losses of numbers: how far predictions are from targets."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from minidl.losses.base import LossFunctionWrapper, pair


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """mean((y_true - y_pred)^2) over the last axis.

    Raises:
        ValueError: the shapes differ.

    >>> float(mean_squared_error(jnp.array([0.0, 2.0]), jnp.array([1.0, 2.0])))
    0.5
    """
    y_true, y_pred = pair("mean_squared_error", y_true, y_pred)
    return jnp.mean(jnp.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """mean(|y_true - y_pred|) over the last axis.

    Raises:
        ValueError: the shapes differ.

    >>> float(mean_absolute_error(jnp.array([0.0, 2.0]), jnp.array([1.0, 2.0])))
    0.5
    """
    y_true, y_pred = pair("mean_absolute_error", y_true, y_pred)
    return jnp.mean(jnp.abs(y_true - y_pred), axis=-1)


class MeanSquaredError(LossFunctionWrapper):
    """Mean of squared differences: see `mean_squared_error`.

    >>> float(MeanSquaredError()(jnp.zeros((2, 1)), jnp.full((2, 1), 3.0)))
    9.0
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error", dtype: Any = None
    ):
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """Mean of absolute differences: see `mean_absolute_error`.

    >>> float(MeanAbsoluteError()(jnp.zeros((2, 1)), jnp.full((2, 1), -3.0)))
    3.0
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error", dtype: Any = None
    ):
        super().__init__(mean_absolute_error, reduction, name, dtype)
