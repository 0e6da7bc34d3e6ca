"""Probabilistic losses: Kullback-Leibler divergence and Poisson likelihood."""

from __future__ import annotations

import jax.numpy as jnp

from minidl.core import dtypes
from minidl.core.operation import of_family
from minidl.core.typing import Array, ArrayLike, DType
from minidl.losses.base import LossFunctionWrapper, pair


@of_family("losses")
def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Kullback-Leibler divergence: `sum(y_true log(y_true / y_pred))` over the last axis.

    Args:
        y_true: probabilities, (batch, ..., outcomes), clipped below at epsilon.
        y_pred: probabilities of the same shape, likewise.

    Raises:
        ValueError: the shapes differ.

    >>> f"{kl_divergence(jnp.array([0.5, 0.5]), jnp.array([0.25, 0.75])):.3f}"
    '0.144'
    """
    y_true, y_pred = pair("kl_divergence", y_true, y_pred)
    p = jnp.clip(y_true, dtypes.epsilon(), 1.0)
    q = jnp.clip(y_pred, dtypes.epsilon(), 1.0)
    return jnp.sum(p * jnp.log(p / q), axis=-1)


@of_family("losses")
def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Poisson loss: `mean(y_pred - y_true log(y_pred))` over the last axis.

    It is the negative log-likelihood of Poisson counts, without the terms that do not depend on the predictions.

    Args:
        y_true: counts.
        y_pred: rates, that is expected counts, greater than 0, of the same shape.

    Raises:
        ValueError: the shapes differ.

    >>> f"{poisson(jnp.array([3.0]), jnp.array([2.0])):.3f}"
    '-0.079'
    """
    y_true, y_pred = pair("poisson", y_true, y_pred)
    return jnp.mean(y_pred - y_true * jnp.log(y_pred + dtypes.epsilon()), axis=-1)


class KLDivergence(LossFunctionWrapper):
    """Kullback-Leibler divergence: see `kl_divergence`.

    >>> f"{KLDivergence()(jnp.array([[0.5, 0.5]]), jnp.array([[0.25, 0.75]])):.3f}"
    '0.144'
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "kl_divergence",
        dtype: DType | None = None,
    ):
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(LossFunctionWrapper):
    """Poisson loss, for counts: see `poisson`.

    >>> f"{Poisson()(jnp.array([[3.0]]), jnp.array([[2.0]])):.3f}"
    '-0.079'
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "poisson",
        dtype: DType | None = None,
    ):
        super().__init__(poisson, reduction, name, dtype)
