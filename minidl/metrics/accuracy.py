"""Accuracy metrics: the fraction of correct predictions."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from minidl.core import array_metadata, dtypes
from minidl.core.operation import of_family
from minidl.core.typing import Array, ArrayLike, DType
from minidl.losses import same_rank
from minidl.metrics.reduction import MeanMetricWrapper


@of_family("metrics")
def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Accuracy: 1 where the two are equal, else 0.

    Raises:
        ValueError: the shapes differ.
    """
    y_true, y_pred = _same_shape("accuracy", y_true, y_pred)
    return _as_float(y_true == y_pred)


@of_family("metrics")
def binary_accuracy(y_true: ArrayLike, y_pred: ArrayLike, threshold: float = 0.5) -> Array:
    """Binary accuracy: 1 where `y_pred > threshold` equals the label (0 or 1), else 0; NaN where the prediction is.

    Raises:
        ValueError: the shapes differ.
    """
    y_true, y_pred = _same_shape("binary_accuracy", y_true, y_pred)
    matches = y_true == (y_pred > threshold).astype(y_true.dtype)
    return jnp.where(jnp.isnan(y_pred), jnp.nan, _as_float(matches))


@of_family("metrics")
def categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Accuracy of one-hot labels: 1 where `argmax(y_true) == argmax(y_pred)`, else 0.

    Args:
        y_true: one-hot labels or probabilities, (batch, ..., classes).
        y_pred: probabilities or logits, of the same shape.

    Returns:
        (batch, ...).

    Raises:
        ValueError: the shapes differ.
    """
    return sparse_categorical_accuracy(_argmax("categorical_accuracy", y_true, y_pred), y_pred)


@of_family("metrics")
def sparse_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Accuracy of integer labels: 1 where `y_true == argmax(y_pred)`, else 0; NaN where a prediction is.

    Args:
        y_true: labels, (batch, ...) or (batch, ..., 1).
        y_pred: probabilities or logits, (batch, ..., classes).

    Returns:
        (batch, ...).

    Raises:
        ValueError: the shapes do not match.
    """
    y_true = _labels("sparse_categorical_accuracy", y_true, y_pred)
    scores = _scores(y_pred)
    matches = _as_float(y_true == jnp.argmax(scores, axis=-1).astype(y_true.dtype))
    return jnp.where(jnp.isnan(jnp.max(scores, axis=-1)), jnp.nan, matches)  # losses need the maximum, too


@of_family("metrics")
def top_k_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike, k: int = 5) -> Array:
    """Top-k accuracy of one-hot labels: 1 where `argmax(y_true)` is among the k largest predictions, else 0.

    Raises:
        ValueError: the shapes differ.
    """
    return sparse_top_k_categorical_accuracy(_argmax("top_k_categorical_accuracy", y_true, y_pred), y_pred, k)


@of_family("metrics")
def sparse_top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5, from_sorted_ids: bool = False
) -> Array:
    """Top-k accuracy of integer labels: 1 where the label is among the k largest predictions, else 0.

    Args:
        y_true: labels, (batch, ...) or (batch, ..., 1).
        y_pred: scores, (batch, ..., classes); or with `from_sorted_ids` class
            indices, best first.
        k: the number of predictions that count.
        from_sorted_ids: see `y_pred`.

    Returns:
        The shape of `y_true`.

    Raises:
        ValueError: the shapes do not match.
    """
    labels, y_pred = _labels("sparse_top_k_categorical_accuracy", y_true, y_pred), jnp.asarray(y_pred)
    if from_sorted_ids:
        matches = jnp.any(labels[..., None] == y_pred[..., :k], axis=-1)
    else:
        score = jnp.take_along_axis(y_pred, labels.astype("int32")[..., None], axis=-1)
        score = jnp.where(jnp.isnan(score), -jnp.inf, score)  # NaN counts as the lowest score
        matches = jnp.sum(y_pred > score, axis=-1) < k
    return _as_float(matches).reshape(jnp.asarray(y_true).shape)


def _scores(y_pred: ArrayLike) -> jax.Array:
    """The logits of probabilities, which have the same order and save the normalization (2% of a small step).

    Probabilities of 16-bit types have ties where logits do not; Keras counts the ties, so these are not replaced.
    """
    y_pred = jnp.asarray(y_pred)
    logits = array_metadata.of(y_pred).softmax_logits if y_pred.dtype == jnp.float32 else None
    return y_pred if logits is None else logits


def _same_shape(function: str, y_true: ArrayLike, y_pred: ArrayLike) -> tuple[jax.Array, jax.Array]:
    targets, predictions = jnp.asarray(y_true), jnp.asarray(y_pred)
    given = targets.shape, predictions.shape
    targets, predictions = same_rank(targets, predictions)
    if targets.shape != predictions.shape:
        raise ValueError(f"{function}: y_true has shape {given[0]}, y_pred {given[1]}; the shapes must be equal.")
    return targets, predictions


def _argmax(function: str, y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Integer labels of one-hot labels."""
    targets, shape = jnp.asarray(y_true), jnp.asarray(y_pred).shape
    if targets.shape != shape:
        raise ValueError(
            f"{function}: y_true has shape {targets.shape}, y_pred {shape}; both need one value for each class. For "
            f"integer labels use sparse_{function}."
        )
    return jnp.argmax(targets, axis=-1)


def _labels(function: str, y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Integer labels without a last axis of size 1."""
    labels, shape = jnp.asarray(y_true), jnp.asarray(y_pred).shape
    given = labels.shape
    if labels.ndim == len(shape) and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.shape != shape[:-1]:
        raise ValueError(
            f"{function}: y_true has shape {given}, but predictions of shape {shape} need labels of shape "
            f"{shape[:-1]}. For one-hot labels use {function.removeprefix('sparse_')}."
        )
    return labels


def _as_float(matches: Array) -> Array:
    return matches.astype(dtypes.floatx())


class Accuracy(MeanMetricWrapper):
    """Fraction of predictions that equal the labels.

    >>> float(Accuracy()([1, 2, 3, 4], [0, 2, 3, 4]))
    0.75
    """

    def __init__(self, name: str = "accuracy", dtype: DType | None = None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """Fraction of probabilities that are on the label's side of a threshold.

    >>> float(BinaryAccuracy()([1, 1, 0, 0], [0.98, 1, 0, 0.6]))
    0.75
    """

    def __init__(self, name: str = "binary_accuracy", dtype: DType | None = None, threshold: float = 0.5):
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)
        self.threshold = threshold


class CategoricalAccuracy(MeanMetricWrapper):
    """Fraction of examples whose largest prediction is that of the one-hot label.

    >>> float(CategoricalAccuracy()(jnp.array([[0, 0, 1], [0, 1, 0]]), jnp.array([[0.1, 0.9, 0.8], [0.05, 0.95, 0]])))
    0.5
    """

    def __init__(self, name: str = "categorical_accuracy", dtype: DType | None = None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """Fraction of examples whose largest prediction is that of the integer label.

    >>> float(SparseCategoricalAccuracy()(jnp.array([2, 1]), jnp.array([[0.1, 0.6, 0.3], [0.05, 0.95, 0]])))
    0.5
    """

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: DType | None = None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """Fraction of examples whose one-hot label is among the k largest predictions.

    >>> y_true = jnp.array([[0, 0, 1], [0, 1, 0]])
    >>> float(TopKCategoricalAccuracy(k=2)(y_true, jnp.array([[0.9, 0.8, 0.1], [0.05, 0.95, 0.0]])))
    0.5
    """

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: DType | None = None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)
        self.k = k


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """Fraction of examples whose integer label is among the k largest predictions.

    >>> metric = SparseTopKCategoricalAccuracy(k=2)
    >>> float(metric(jnp.array([2, 1]), jnp.array([[0.9, 0.8, 0.1], [0.05, 0.95, 0.0]])))
    0.5
    """

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: DType | None = None,
        from_sorted_ids: bool = False,
    ):
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
        self.k = k
        self.from_sorted_ids = from_sorted_ids
