"""Cross-entropy losses for classification, from probabilities or from logits.

The cross-entropy of a softmax or sigmoid output is computed from its logits (see core/array_metadata.py), which is
exact also where the probabilities have saturated.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from minidl.core import array_metadata, dtypes
from minidl.core.operation import of_family
from minidl.core.typing import Array, ArrayLike, DType, PyTree
from minidl.losses.base import LossFunctionWrapper, floats, pair


@of_family("losses")
def categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Array:
    """Cross-entropy of one-hot labels: `-sum(y_true log(y_pred))` over the classes.

    Args:
        y_true: class probabilities, such as one-hot labels, (batch, ..., classes).
        y_pred: (batch, ..., classes): probabilities (normalized to sum to 1), or logits.
        from_logits: whether `y_pred` is logits, the values before a softmax.
        label_smoothing: s in y_true (1 - s) + s / classes (Szegedy et al., 2016).
        axis: the axis of the classes.

    Raises:
        ValueError: the shapes differ.

    >>> probabilities = jnp.array([[0.5, 0.5], [0.25, 0.75]])
    >>> values = categorical_crossentropy(jnp.array([[1.0, 0.0], [0.0, 1.0]]), probabilities)
    >>> [f"{value:.3f}" for value in values]
    ['0.693', '0.288']
    """
    y_pred = floats(y_pred)
    y_true = one_hot_targets("categorical_crossentropy", y_true, y_pred, label_smoothing)
    return -jnp.sum(y_true * log_probabilities(y_pred, from_logits, axis), axis=axis)


@of_family("losses")
def sparse_categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Array:
    """Cross-entropy of integer labels: `-log(y_pred[label])`.

    Args:
        y_true: labels from 0 to classes - 1, (batch, ...) or (batch, ..., 1).
        y_pred: (batch, ..., classes): probabilities (normalized to sum to 1), or logits.
        from_logits: whether `y_pred` is logits.
        ignore_class: a label whose examples are ignored.
        axis: the axis of the classes.

    Raises:
        ValueError: the shapes do not match.

    >>> probabilities = jnp.array([[0.5, 0.5], [0.25, 0.75]])
    >>> values = sparse_categorical_crossentropy(jnp.array([0, 1]), probabilities)
    >>> [f"{value:.3f}" for value in values]
    ['0.693', '0.288']
    """
    y_pred = floats(y_pred)
    labels = integer_labels("sparse_categorical_crossentropy", y_true, y_pred, axis)
    valid = None if ignore_class is None else labels != ignore_class
    one_hot = jax.nn.one_hot(labels, y_pred.shape[axis], axis=axis, dtype=y_pred.dtype)
    values = -jnp.sum(one_hot * log_probabilities(y_pred, from_logits, axis, valid), axis=axis)
    if valid is None:
        return values
    return array_metadata.annotate(jnp.where(valid, values, 0.0), mask=valid)


@of_family("losses")
def binary_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Array:
    """Binary cross-entropy: `mean(-y_true log(y_pred) - (1 - y_true) log(1 - y_pred))` over an axis.

    Args:
        y_true: labels 0 and 1, (batch, ..., outputs).
        y_pred: probabilities, or logits, of the same shape.
        from_logits: whether `y_pred` is logits, the values before a sigmoid.
        label_smoothing: s in y_true (1 - s) + s / 2.
        axis: the axis of the mean.

    Raises:
        ValueError: the shapes differ.

    >>> f"{binary_crossentropy(jnp.array([[1.0, 0.0]]), jnp.array([[0.5, 0.25]]))[0]:.3f}"
    '0.490'
    """
    y_true, y_pred = pair("binary_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    values = binary_values(y_true, y_pred, sigmoid_logits(y_pred, from_logits))
    return jnp.mean(values, axis=axis)


def binary_values(y_true: Array, y_pred: Array, logits: Array | None) -> Array:
    """Elementwise binary cross-entropy, from the logits or, if these are None, from the probabilities `y_pred`."""
    if logits is not None:
        log_p, log_not_p = jax.nn.log_sigmoid(logits), jax.nn.log_sigmoid(-logits)
    else:
        p = jnp.clip(y_pred, dtypes.epsilon(), 1.0 - dtypes.epsilon())
        log_p, log_not_p = jnp.log(p), jnp.log(1.0 - p)
    return -(y_true * log_p) - (1.0 - y_true) * log_not_p


def sigmoid_logits(y_pred: Array, from_logits: bool) -> Array | None:
    """`y_pred` if it is logits, else the logits of the sigmoid that computed it, or None if there was none."""
    return y_pred if from_logits else array_metadata.of(y_pred).sigmoid_logits


def softmax_logits(y_pred: Array, from_logits: bool, axis: int) -> Array | None:
    """`y_pred` if it is logits, else the logits of the softmax that computed it, or None if there was none."""
    is_last = axis in (-1, y_pred.ndim - 1)  # softmax records its logits for the last axis only
    return y_pred if from_logits else array_metadata.of(y_pred).softmax_logits if is_last else None


def log_probabilities(y_pred: Array, from_logits: bool, axis: int, valid: Array | None = None) -> Array:
    """log(y_pred). Invalid positions get a finite value, as NaN there would make the gradient NaN."""
    logits = softmax_logits(y_pred, from_logits, axis)
    scores = y_pred if logits is None else logits
    if valid is not None:
        scores = jnp.where(jnp.expand_dims(valid, axis), scores, 1.0)
    if logits is not None:
        return jax.nn.log_softmax(scores, axis=axis)
    probabilities = scores / jnp.sum(scores, axis=axis, keepdims=True)
    return jnp.log(jnp.clip(probabilities, dtypes.epsilon(), 1.0 - dtypes.epsilon()))


def one_hot_targets(function: str, y_true: ArrayLike, y_pred: Array, label_smoothing: float) -> Array:
    """Smoothed class probabilities in the shape of the predictions.

    Args:
        function: the name of the function, for the error.
        y_true: class probabilities.
        y_pred: a float array of predictions.
        label_smoothing: s in y_true (1 - s) + s / classes.

    Raises:
        ValueError: the shapes differ.
    """
    y_true = jnp.asarray(y_true, y_pred.dtype)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"{function}: y_true has shape {y_true.shape}, y_pred {y_pred.shape}; both need "
            "one value for each class. For integer labels use sparse_categorical_crossentropy."
        )
    return y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[-1] if label_smoothing else y_true


def integer_labels(function: str, y_true: ArrayLike, y_pred: Array, axis: int) -> Array:
    """Integer labels in the shape of the predictions without the axis of the classes.

    Args:
        function: the name of the function, for the error.
        y_true: labels, optionally with an axis of size 1 at the position of the classes.
        y_pred: an array of predictions.
        axis: the axis of the classes.

    Raises:
        ValueError: the shapes do not match.
    """
    y_true = jnp.asarray(y_true)
    if y_true.ndim == y_pred.ndim and y_true.shape[axis] == 1:
        y_true = jnp.squeeze(y_true, axis)
    class_axis = axis % y_pred.ndim
    expected = y_pred.shape[:class_axis] + y_pred.shape[class_axis + 1 :]
    if y_true.shape != expected:
        raise ValueError(
            f"{function}: y_true has shape {y_true.shape}, but predictions of shape {y_pred.shape} need labels of "
            f"shape {expected}. For one-hot labels use categorical_crossentropy."
        )
    return y_true.astype("int32")


class CategoricalCrossentropy(LossFunctionWrapper):
    """Cross-entropy of one-hot labels: see `categorical_crossentropy`.

    >>> loss = CategoricalCrossentropy(from_logits=True)
    >>> round(float(loss(jnp.array([[0.0, 1.0]]), jnp.array([[0.0, 0.0]]))), 3)
    0.693
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: DType | None = None,
    ):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, reduction, name, dtype, **arguments)


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Cross-entropy of integer labels: see `sparse_categorical_crossentropy`.

    >>> loss = SparseCategoricalCrossentropy(from_logits=True)
    >>> round(float(loss(jnp.array([1]), jnp.array([[0.0, 0.0]]))), 3)
    0.693
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: DType | None = None,
    ):
        arguments = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(sparse_categorical_crossentropy, reduction, name, dtype, **arguments)

    def call(self, y_true: PyTree, y_pred: PyTree) -> Array:
        return self.fn(y_true, y_pred, **self.fn_arguments)  # labels (n,) with predictions (n, 1) stay as they are


class BinaryCrossentropy(LossFunctionWrapper):
    """Binary cross-entropy: see `binary_crossentropy`.

    >>> loss = BinaryCrossentropy(from_logits=True)
    >>> round(float(loss(jnp.array([[1.0]]), jnp.array([[0.0]]))), 3)
    0.693
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: DType | None = None,
    ):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_crossentropy, reduction, name, dtype, **arguments)
