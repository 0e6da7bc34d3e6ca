"""Losses of overlap, for segmentation: how much of two sets of pixels is in both.

They look at all values together, not at one example after the other, so that a class of few pixels
counts as much as one of many. Give `axis` for one value for each of the other axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from minidl.core import dtypes
from minidl.core.operation import of_family
from minidl.losses.base import LossFunctionWrapper, pair

Axis = int | Sequence[int] | None


@of_family("losses")
def dice(y_true: Any, y_pred: Any, axis: Axis = None) -> Any:
    """1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred)).

    Dice, 1945; as a loss: Milletari et al., 2016.

    Args:
        y_true: labels 0 and 1.
        y_pred: probabilities of the same shape.
        axis: the axes of the sums; None for all of them.

    Raises:
        ValueError: the shapes differ.

    >>> f"{dice(jnp.array([1.0, 1.0, 0.0]), jnp.array([1.0, 0.0, 0.0])):.3f}"
    '0.333'
    """
    y_true, y_pred = pair("dice", y_true, y_pred)
    axis = _axes(axis)
    both = jnp.sum(y_true * y_pred, axis=axis)
    either = jnp.sum(y_true, axis=axis) + jnp.sum(y_pred, axis=axis)
    return 1.0 - 2.0 * both / (either + dtypes.epsilon())


@of_family("losses")
def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Axis = None) -> Any:
    """1 - both / (both + alpha missed + beta added).

    Here both = sum(y_true y_pred), missed = sum(y_true (1 - y_pred)) and
    added = sum((1 - y_true) y_pred). With alpha = beta = 1/2 it is `dice`. Salehi et al., 2017.

    Args:
        y_true: labels 0 and 1.
        y_pred: probabilities of the same shape.
        alpha: what a missed pixel costs.
        beta: what a pixel costs that should not be there.
        axis: the axes of the sums; None for all of them.

    Raises:
        ValueError: the shapes differ.

    >>> f"{tversky(jnp.array([1.0, 1.0, 0.0]), jnp.array([1.0, 0.0, 0.0]), alpha=1.0):.3f}"
    '0.500'
    """
    y_true, y_pred = pair("tversky", y_true, y_pred)
    axis = _axes(axis)
    both = jnp.sum(y_true * y_pred, axis=axis)
    missed = jnp.sum(y_true * (1.0 - y_pred), axis=axis)
    added = jnp.sum((1.0 - y_true) * y_pred, axis=axis)
    return 1.0 - both / (both + alpha * missed + beta * added + dtypes.epsilon())


def _axes(axis: Axis) -> int | tuple[int, ...] | None:
    """Axes as NumPy wants them: a file's list is a tuple there."""
    return axis if axis is None or isinstance(axis, int) else tuple(axis)


class Dice(LossFunctionWrapper):
    """Loss of overlap: see `dice`.

    >>> f"{Dice()(jnp.array([[1.0, 1.0, 0.0]]), jnp.array([[1.0, 0.0, 0.0]])):.3f}"
    '0.333'
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "dice",
        axis: Axis = None,
        dtype: Any = None,
    ):
        super().__init__(dice, reduction, name, dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """Loss of overlap with prices for both kinds of mistakes: see `tversky`.

    >>> f"{Tversky(alpha=1.0)(jnp.array([[1.0, 1.0, 0.0]]), jnp.array([[1.0, 0.0, 0.0]])):.3f}"
    '0.500'
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "tversky",
        axis: Axis = None,
        dtype: Any = None,
    ):
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)
