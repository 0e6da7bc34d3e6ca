"""Regression losses: distances of predictions from targets."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from minidl.core import dtypes
from minidl.core.operation import of_family
from minidl.core.typing import Array, ArrayLike, DType
from minidl.losses.base import LossFunctionWrapper, pair


@of_family("losses")
def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean squared error: `mean((y_true - y_pred)^2)` over the last axis.

    Raises:
        ValueError: the shapes differ.

    >>> float(mean_squared_error(jnp.array([0.0, 2.0]), jnp.array([1.0, 2.0])))
    0.5
    """
    y_true, y_pred = pair("mean_squared_error", y_true, y_pred)
    return jnp.mean(jnp.square(y_true - y_pred), axis=-1)


@of_family("losses")
def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean absolute error: `mean(|y_true - y_pred|)` over the last axis.

    Raises:
        ValueError: the shapes differ.

    >>> float(mean_absolute_error(jnp.array([0.0, 2.0]), jnp.array([1.0, 2.0])))
    0.5
    """
    y_true, y_pred = pair("mean_absolute_error", y_true, y_pred)
    return jnp.mean(jnp.abs(y_true - y_pred), axis=-1)


@of_family("losses")
def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean absolute percentage error: `100 mean(|y_true - y_pred| / max(|y_true|, epsilon))` over the last axis.

    Raises:
        ValueError: the shapes differ.

    >>> float(mean_absolute_percentage_error(jnp.array([2.0, 4.0]), jnp.array([1.0, 4.0])))
    25.0
    """
    y_true, y_pred = pair("mean_absolute_percentage_error", y_true, y_pred)
    size = jnp.maximum(jnp.abs(y_true), dtypes.epsilon())
    return 100.0 * jnp.mean(jnp.abs((y_true - y_pred) / size), axis=-1)


@of_family("losses")
def mean_squared_logarithmic_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Mean squared logarithmic error: `mean((log(1 + y_true) - log(1 + y_pred))^2)` over the last axis.

    Negative values are clipped to 0.

    Raises:
        ValueError: the shapes differ.

    >>> f"{mean_squared_logarithmic_error(jnp.array([0.0, 3.0]), jnp.array([1.0, 1.0])):.3f}"
    '0.480'
    """
    y_true, y_pred = pair("mean_squared_logarithmic_error", y_true, y_pred)
    log_true = jnp.log(jnp.maximum(y_true, dtypes.epsilon()) + 1.0)
    log_pred = jnp.log(jnp.maximum(y_pred, dtypes.epsilon()) + 1.0)
    return jnp.mean(jnp.square(log_pred - log_true), axis=-1)


@of_family("losses")
def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Array:
    """Negative cosine similarity: `-sum(y_true y_pred) / (|y_true| |y_pred|)`.

    -1 for the same direction, 0 for orthogonal vectors and for a vector of zeros, 1 for opposite directions.

    Args:
        y_true: vectors.
        y_pred: vectors of the same shape.
        axis: the axis of the vectors' elements.

    Raises:
        ValueError: the shapes differ.

    >>> values = cosine_similarity(jnp.array([[0.0, 1.0], [3.0, 4.0]]), jnp.array([[2.0, 0.0], [6.0, 8.0]]))
    >>> [f"{value:.1f}" for value in values]
    ['-0.0', '-1.0']
    """
    y_true, y_pred = pair("cosine_similarity", y_true, y_pred)
    return -jnp.sum(_directions(y_true, axis) * _directions(y_pred, axis), axis=axis)


def _directions(x: Array, axis: int) -> Array:
    """Vectors of length 1, or less for vectors of almost zero."""
    squares = jnp.sum(jnp.square(x), axis=axis, keepdims=True)
    return x * jax.lax.rsqrt(jnp.maximum(squares, dtypes.epsilon() ** 2))  # the gradient at 0 stays finite


@of_family("losses")
def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> Array:
    """Huber loss: mean of `e^2 / 2` where `|e| <= delta`, else of `delta |e| - delta^2 / 2`, for e = y_pred - y_true.

    Quadratic for small errors and linear for large ones, so less sensitive to outliers than the squared error.

    Source: Huber, "Robust estimation of a location parameter", 1964.

    Args:
        y_true: numbers.
        y_pred: numbers of the same shape.
        delta: the size of an error from which the loss is linear.

    Raises:
        ValueError: the shapes differ.

    >>> huber(jnp.zeros((2, 1)), jnp.array([[0.5], [3.0]])).tolist()
    [0.125, 2.5]
    """
    y_true, y_pred = pair("huber", y_true, y_pred)
    error = y_pred - y_true
    size = jnp.abs(error)
    return jnp.mean(jnp.where(size <= delta, 0.5 * jnp.square(error), delta * size - 0.5 * delta**2), axis=-1)


@of_family("losses")
def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Log-cosh loss: `mean(log(cosh(y_pred - y_true)))` over the last axis.

    About `e^2 / 2` for small errors e and `|e| - log(2)` for large ones.

    Raises:
        ValueError: the shapes differ.

    >>> f"{log_cosh(jnp.array([0.0, 0.0]), jnp.array([1.0, 0.0])):.3f}"
    '0.217'
    """
    y_true, y_pred = pair("log_cosh", y_true, y_pred)
    error = y_pred - y_true
    # cosh(e) = exp(e) (1 + exp(-2 e)) / 2, whose logarithm does not overflow in this form
    return jnp.mean(error + jax.nn.softplus(-2.0 * error) - jnp.log(2.0).astype(error.dtype), axis=-1)


class MeanSquaredError(LossFunctionWrapper):
    """Mean of squared differences: see `mean_squared_error`.

    >>> float(MeanSquaredError()(jnp.zeros((2, 1)), jnp.full((2, 1), 3.0)))
    9.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_error",
        dtype: DType | None = None,
    ):
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """Mean of absolute differences: see `mean_absolute_error`.

    >>> float(MeanAbsoluteError()(jnp.zeros((2, 1)), jnp.full((2, 1), -3.0)))
    3.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_error",
        dtype: DType | None = None,
    ):
        super().__init__(mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """Mean of differences in percent of the targets: see `mean_absolute_percentage_error`.

    >>> float(MeanAbsolutePercentageError()(jnp.full((2, 1), 4.0), jnp.full((2, 1), 3.0)))
    25.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_percentage_error",
        dtype: DType | None = None,
    ):
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """Mean of squared differences of logarithms: see `mean_squared_logarithmic_error`.

    >>> f"{MeanSquaredLogarithmicError()(jnp.zeros((2, 1)), jnp.ones((2, 1))):.3f}"
    '0.480'
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_logarithmic_error",
        dtype: DType | None = None,
    ):
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class CosineSimilarity(LossFunctionWrapper):
    """Negative cosine similarity of predictions and targets: see `cosine_similarity`.

    >>> float(CosineSimilarity()(jnp.array([[0.0, 1.0]]), jnp.array([[0.0, 2.0]])))
    -1.0
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cosine_similarity",
        dtype: DType | None = None,
    ):
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)


class Huber(LossFunctionWrapper):
    """Huber loss, quadratic for small errors and linear for large ones: see `huber`.

    >>> float(Huber(delta=2.0)(jnp.zeros((2, 1)), jnp.full((2, 1), 3.0)))
    4.0
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: DType | None = None,
    ):
        super().__init__(huber, reduction, name, dtype, delta=delta)


class LogCosh(LossFunctionWrapper):
    """Logarithm of the hyperbolic cosine of the error: see `log_cosh`.

    >>> f"{LogCosh()(jnp.zeros((2, 1)), jnp.ones((2, 1))):.3f}"
    '0.434'
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "log_cosh",
        dtype: DType | None = None,
    ):
        super().__init__(log_cosh, reduction, name, dtype)
