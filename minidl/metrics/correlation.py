"""Correlation of predictions and targets: Pearson and concordance coefficients."""

from __future__ import annotations

import jax.numpy as jnp

from minidl import losses
from minidl.core import dtypes
from minidl.core.operation import of_family
from minidl.core.typing import Array, ArrayLike, DType
from minidl.metrics.reduction import MeanMetricWrapper


@of_family("metrics")
def pearson_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Array:
    """Pearson correlation: `cov(y_true, y_pred) / (std(y_true) std(y_pred))` along an axis, from -1 to 1.

    NaN where one of the two is constant.

    Args:
        y_true: targets.
        y_pred: predictions of the same shape.
        axis: the axis of the samples.

    Raises:
        ValueError: the shapes differ.

    >>> round(float(pearson_correlation([1.0, 1.0, 0.2], [1.0, 0.9, 0.0])), 3)
    0.996
    """
    y_true, y_pred = losses.pair("pearson_correlation", y_true, y_pred)
    y_true = y_true - jnp.mean(y_true, axis=axis, keepdims=True)
    y_pred = y_pred - jnp.mean(y_pred, axis=axis, keepdims=True)
    y_true = y_true / jnp.std(y_true, axis=axis, keepdims=True)
    y_pred = y_pred / jnp.std(y_pred, axis=axis, keepdims=True)
    return jnp.mean(y_true * y_pred, axis=axis)


@of_family("metrics")
def concordance_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Array:
    """Concordance: `2 cov(y_true, y_pred) / (var(y_true) + var(y_pred) + (mean(y_true) - mean(y_pred))^2)`.

    It is 1 where the two are equal; unlike Pearson's correlation, a shift or a change of scale reduces it.

    Source: Lin, "A concordance correlation coefficient to evaluate reproducibility", 1989.

    Args:
        y_true: targets.
        y_pred: predictions of the same shape.
        axis: the axis of the samples.

    Raises:
        ValueError: the shapes differ.

    >>> round(float(concordance_correlation([0.0, 1.0, 2.0], [1.0, 2.0, 3.0])), 3)
    0.571
    """
    y_true, y_pred = losses.pair("concordance_correlation", y_true, y_pred)
    true_mean, pred_mean = jnp.mean(y_true, axis=axis, keepdims=True), jnp.mean(y_pred, axis=axis, keepdims=True)
    covariance = jnp.mean((y_true - true_mean) * (y_pred - pred_mean), axis=axis)
    shift = jnp.square(jnp.squeeze(true_mean - pred_mean, axis=axis))
    spread = jnp.var(y_true, axis=axis) + jnp.var(y_pred, axis=axis) + shift
    return 2 * covariance / (spread + dtypes.epsilon())


class PearsonCorrelation(MeanMetricWrapper):
    """The mean of `pearson_correlation`.

    >>> round(float(PearsonCorrelation()([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0]])), 3)
    0.998
    """

    def __init__(self, name: str = "pearson_correlation", dtype: DType | None = None, axis: int = -1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)
        self.axis = axis


class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean of `concordance_correlation`.

    >>> round(float(ConcordanceCorrelation()([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]])), 3)
    0.571
    """

    def __init__(self, name: str = "concordance_correlation", dtype: DType | None = None, axis: int = -1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)
        self.axis = axis
