"""Overlap losses for segmentation: Dice and Tversky.

By default their sums run over all values of a batch, so a class of few pixels counts as much as one of many. With
`axis` they run over these axes alone, and there is one value for each position along the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp

from minidl.core import dtypes
from minidl.core.operation import of_family
from minidl.core.typing import Array, ArrayLike, DType
from minidl.losses.base import LossFunctionWrapper, pair

Axis = int | Sequence[int] | None


@of_family("losses")
def dice(y_true: ArrayLike, y_pred: ArrayLike, axis: Axis = None) -> Array:
    """Dice loss: `1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred))`.

    Source: Milletari et al., "V-Net: fully convolutional neural networks for volumetric medical image segmentation",
    2016.

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
def tversky(y_true: ArrayLike, y_pred: ArrayLike, alpha: float = 0.5, beta: float = 0.5, axis: Axis = None) -> Array:
    """Tversky loss: `1 - tp / (tp + alpha fn + beta fp)`.

    True positives are `sum(y_true y_pred)`, false negatives `sum(y_true (1 - y_pred))`, false positives
    `sum((1 - y_true) y_pred)`. With alpha = beta = 1/2 it is `dice`.

    Source: Salehi et al., "Tversky loss function for image segmentation", 2017.

    Args:
        y_true: labels 0 and 1.
        y_pred: probabilities of the same shape.
        alpha: weight of false negatives.
        beta: weight of false positives.
        axis: the axes of the sums; None for all of them.

    Raises:
        ValueError: the shapes differ.

    >>> f"{tversky(jnp.array([1.0, 1.0, 0.0]), jnp.array([1.0, 0.0, 0.0]), alpha=1.0):.3f}"
    '0.500'
    """
    y_true, y_pred = pair("tversky", y_true, y_pred)
    axis = _axes(axis)
    tp = jnp.sum(y_true * y_pred, axis=axis)
    fn = jnp.sum(y_true * (1.0 - y_pred), axis=axis)
    fp = jnp.sum((1.0 - y_true) * y_pred, axis=axis)
    return 1.0 - tp / (tp + alpha * fn + beta * fp + dtypes.epsilon())


def _axes(axis: Axis) -> int | tuple[int, ...] | None:
    """Axes as NumPy takes them: a list, as configs have it, becomes a tuple."""
    return axis if axis is None or isinstance(axis, int) else tuple(axis)


class Dice(LossFunctionWrapper):
    """Dice loss: see `dice`.

    >>> f"{Dice()(jnp.array([[1.0, 1.0, 0.0]]), jnp.array([[1.0, 0.0, 0.0]])):.3f}"
    '0.333'
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "dice",
        axis: Axis = None,
        dtype: DType | None = None,
    ):
        super().__init__(dice, reduction, name, dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """Tversky loss: see `tversky`.

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
        dtype: DType | None = None,
    ):
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)
