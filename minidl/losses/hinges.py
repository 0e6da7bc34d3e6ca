"""Hinge losses, for maximum-margin classification: zero where a score is right by a margin of 1."""

from __future__ import annotations

import jax.numpy as jnp

from minidl.core.operation import of_family
from minidl.core.typing import Array, ArrayLike, DType
from minidl.losses.base import LossFunctionWrapper, pair


@of_family("losses")
def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Hinge loss: `mean(max(1 - y_true y_pred, 0))` over the last axis.

    Args:
        y_true: labels -1 and 1. Where all of them are 0 or 1, the zeros count as -1.
        y_pred: scores of the same shape.

    Raises:
        ValueError: the shapes differ.

    >>> hinge(jnp.array([[1.0], [-1.0]]), jnp.array([[0.25], [-3.0]])).tolist()
    [0.75, 0.0]
    """
    y_true, y_pred = pair("hinge", y_true, y_pred)
    return jnp.mean(jnp.maximum(1.0 - _signs(y_true) * y_pred, 0.0), axis=-1)


@of_family("losses")
def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Squared hinge loss: `mean(max(1 - y_true y_pred, 0)^2)` over the last axis.

    Args:
        y_true: labels -1 and 1. Where all of them are 0 or 1, the zeros count as -1.
        y_pred: scores of the same shape.

    Raises:
        ValueError: the shapes differ.

    >>> squared_hinge(jnp.array([[1.0], [-1.0]]), jnp.array([[0.5], [-3.0]])).tolist()
    [0.25, 0.0]
    """
    y_true, y_pred = pair("squared_hinge", y_true, y_pred)
    return jnp.mean(jnp.square(jnp.maximum(1.0 - _signs(y_true) * y_pred, 0.0)), axis=-1)


@of_family("losses")
def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Categorical hinge loss: `max(max((1 - y_true) y_pred) - sum(y_true y_pred) + 1, 0)` over the classes.

    Args:
        y_true: one-hot labels, (batch, ..., classes).
        y_pred: scores of the same shape.

    Raises:
        ValueError: the shapes differ.

    >>> categorical_hinge(jnp.array([[0.0, 1.0], [1.0, 0.0]]), jnp.array([[0.5, 1.0], [4.0, 2.0]])).tolist()
    [0.5, 0.0]
    """
    y_true, y_pred = pair("categorical_hinge", y_true, y_pred)
    right = jnp.sum(y_true * y_pred, axis=-1)
    largest = jnp.max((1.0 - y_true) * y_pred, axis=-1)
    return jnp.maximum(largest - right + 1.0, 0.0)


def _signs(y_true: Array) -> Array:
    """Labels -1 and 1 for labels 0 and 1; others stay as they are."""
    is_binary = jnp.all((y_true == 0) | (y_true == 1))
    return jnp.where(is_binary, 2.0 * y_true - 1.0, y_true)


class Hinge(LossFunctionWrapper):
    """Hinge loss of binary labels: see `hinge`.

    >>> float(Hinge()(jnp.array([[1.0], [-1.0]]), jnp.array([[0.25], [-3.0]])))
    0.375
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "hinge",
        dtype: DType | None = None,
    ):
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(LossFunctionWrapper):
    """Squared hinge loss of binary labels: see `squared_hinge`.

    >>> float(SquaredHinge()(jnp.array([[1.0], [-1.0]]), jnp.array([[0.5], [-3.0]])))
    0.125
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "squared_hinge",
        dtype: DType | None = None,
    ):
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(LossFunctionWrapper):
    """Hinge loss of one-hot labels: see `categorical_hinge`.

    >>> float(CategoricalHinge()(jnp.array([[0.0, 1.0]]), jnp.array([[0.5, 1.0]])))
    0.5
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_hinge",
        dtype: DType | None = None,
    ):
        super().__init__(categorical_hinge, reduction, name, dtype)
