"""Regression metrics: running means of errors."""

from __future__ import annotations

import jax.numpy as jnp

from minidl import losses
from minidl.core.typing import Array, ArrayLike, DType
from minidl.metrics.reduction import Mean, MeanMetricWrapper


class MeanSquaredError(MeanMetricWrapper):
    """The mean of squared differences.

    >>> float(MeanSquaredError()([[0.0, 1.0]], [[0.0, 3.0]]))
    2.0
    """

    def __init__(self, name: str = "mean_squared_error", dtype: DType | None = None):
        super().__init__(losses.mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of absolute differences.

    >>> float(MeanAbsoluteError()([[0.0, 1.0]], [[0.0, 3.0]]))
    1.0
    """

    def __init__(self, name: str = "mean_absolute_error", dtype: DType | None = None):
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """The mean of absolute differences, in percent of the targets.

    >>> round(float(MeanAbsolutePercentageError()([[1.0, 2.0]], [[1.5, 2.0]])), 3)
    25.0
    """

    def __init__(self, name: str = "mean_absolute_percentage_error", dtype: DType | None = None):
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """The mean of squared differences of log(1 + y).

    >>> round(float(MeanSquaredLogarithmicError()([[0.0, 1.0]], [[1.0, 1.0]])), 3)
    0.24
    """

    def __init__(self, name: str = "mean_squared_logarithmic_error", dtype: DType | None = None):
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanMetricWrapper):
    """The mean of log(cosh(y_pred - y_true)): about half the squared error where small, the absolute error where large.

    >>> round(float(LogCoshError()([[0.0, 1.0]], [[1.0, 1.0]])), 3)
    0.217
    """

    def __init__(self, name: str = "logcosh", dtype: DType | None = None):
        super().__init__(losses.log_cosh, name, dtype)


class CosineSimilarity(MeanMetricWrapper):
    """The mean of sum(y_true y_pred) / (|y_true| |y_pred|): 1 for the same direction, -1 for the opposite one.

    The loss of this name has the opposite sign.

    Args:
        name: default: "cosine_similarity".
        dtype: the dtype to compute in.
        axis: the axis of the vectors' elements.

    >>> round(float(CosineSimilarity()([[0.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]])), 3)
    0.5
    """

    def __init__(self, name: str = "cosine_similarity", dtype: DType | None = None, axis: int = -1):
        super().__init__(_cosine_similarity, name, dtype, axis=axis)


def _cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int) -> Array:
    return -losses.cosine_similarity(y_true, y_pred, axis)


class RootMeanSquaredError(Mean):
    """The square root of the mean of squared differences.

    >>> float(RootMeanSquaredError()([[0.0], [0.0]], [[2.0], [2.0]]))
    2.0
    """

    def __init__(self, name: str = "root_mean_squared_error", dtype: DType | None = None):
        super().__init__(name, dtype)

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:  # type: ignore[override]
        """Update the state with a batch."""
        y_true, y_pred = losses.pair(self.name, y_true, jnp.asarray(y_pred, self.dtype))
        super().update_state(jnp.square(y_true - y_pred), sample_weight)

    def result(self) -> Array:
        return jnp.sqrt(super().result())
