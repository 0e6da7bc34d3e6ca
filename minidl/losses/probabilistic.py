"""Losses of distributions and of counts."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from minidl.core import dtypes
from minidl.core.operation import of_family
from minidl.losses.base import LossFunctionWrapper, pair


@of_family("losses")
def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """sum(y_true log(y_true / y_pred)) over the last axis: what is lost by taking y_pred for y_true.

    Kullback & Leibler, 1951.

    Args:
        y_true: probabilities, (batch, ..., outcomes). They are taken to be at least epsilon.
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
def poisson(y_true: Any, y_pred: Any) -> Any:
    """mean(y_pred - y_true log(y_pred)) over the last axis.

    It is the negative log-likelihood of counts, without the terms that the predictions do not change.

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
    """Divergence of distributions: see `kl_divergence`.

    >>> f"{KLDivergence()(jnp.array([[0.5, 0.5]]), jnp.array([[0.25, 0.75]])):.3f}"
    '0.144'
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "kl_divergence", dtype: Any = None):
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(LossFunctionWrapper):
    """Loss of counts: see `poisson`.

    >>> f"{Poisson()(jnp.array([[3.0]]), jnp.array([[2.0]])):.3f}"
    '-0.079'
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "poisson", dtype: Any = None):
        super().__init__(poisson, reduction, name, dtype)
