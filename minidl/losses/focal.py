"""Focal losses: cross-entropies in which well-classified examples have a small weight.

As in crossentropy.py, they are computed from the logits where these are known.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from minidl.core import dtypes
from minidl.core.operation import of_family
from minidl.core.typing import Array, ArrayLike, DType
from minidl.losses.base import LossFunctionWrapper, floats, pair
from minidl.losses.crossentropy import binary_values, log_probabilities, one_hot_targets, sigmoid_logits


@of_family("losses")
def categorical_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: ArrayLike = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """Focal cross-entropy of one-hot labels: `-sum(alpha (1 - y_pred)^gamma y_true log(y_pred))` over the classes.

    Source: Lin et al., "Focal loss for dense object detection", 2018.

    Args:
        y_true: class probabilities, such as one-hot labels, (batch, ..., classes).
        y_pred: (batch, ..., classes): probabilities (normalized to sum to 1), or logits.
        alpha: weight of the classes: one number, or one for each class.
        gamma: the focusing parameter; 0 gives the cross-entropy.
        from_logits: whether `y_pred` is logits, the values before a softmax.
        label_smoothing: s in y_true (1 - s) + s / classes (Szegedy et al., 2016).
        axis: the axis of the classes.

    Raises:
        ValueError: the shapes differ.

    >>> probabilities = jnp.array([[0.5, 0.5], [0.1, 0.9]])
    >>> values = categorical_focal_crossentropy(jnp.array([[1.0, 0.0], [0.0, 1.0]]), probabilities, alpha=1.0)
    >>> [f"{value:.4f}" for value in values]
    ['0.1733', '0.0011']
    """
    y_pred = floats(y_pred)
    y_true = one_hot_targets("categorical_focal_crossentropy", y_true, y_pred, label_smoothing)
    log_p = log_probabilities(y_pred, from_logits, axis)
    weight = jnp.asarray(alpha, y_pred.dtype) * _power(-jnp.expm1(log_p), gamma)  # 1 - p without cancellation
    return -jnp.sum(weight * y_true * log_p, axis=axis)


@of_family("losses")
def binary_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """Binary focal cross-entropy: the mean of `w (1 - p)^gamma` times the binary cross-entropy.

    p is the probability of the right label, `y_true y_pred + (1 - y_true) (1 - y_pred)`.

    Source: Lin et al., "Focal loss for dense object detection", 2018.

    Args:
        y_true: labels 0 and 1, (batch, ..., outputs).
        y_pred: probabilities, or logits, of the same shape.
        apply_class_balancing: whether w is alpha for labels 1 and 1 - alpha for labels 0; else it is 1.
        alpha: weight of the labels 1.
        gamma: the focusing parameter; 0 gives the cross-entropy.
        from_logits: whether `y_pred` is logits, the values before a sigmoid.
        label_smoothing: s in y_true (1 - s) + s / 2.
        axis: the axis of the mean.

    Raises:
        ValueError: the shapes differ.

    >>> values = binary_focal_crossentropy(jnp.array([[1.0], [0.0]]), jnp.array([[0.9], [0.5]]))
    >>> [f"{value:.4f}" for value in values]
    ['0.0011', '0.1733']
    """
    y_true, y_pred = pair("binary_focal_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    logits = sigmoid_logits(y_pred, from_logits)
    p, not_p = (y_pred, 1.0 - y_pred) if logits is None else (jax.nn.sigmoid(logits), jax.nn.sigmoid(-logits))
    values = _power(y_true * not_p + (1.0 - y_true) * p, gamma) * binary_values(y_true, y_pred, logits)
    if apply_class_balancing:
        values = values * (y_true * alpha + (1.0 - y_true) * (1.0 - alpha))
    return jnp.mean(values, axis=axis)


def _power(wrong: Array, gamma: float) -> Array:
    """`wrong ** gamma`, with a finite gradient at 0 also for gamma < 1."""
    return jnp.maximum(wrong, dtypes.epsilon()) ** gamma


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Focal cross-entropy of one-hot labels: see `categorical_focal_crossentropy`.

    >>> loss = CategoricalFocalCrossentropy(alpha=1.0, from_logits=True)
    >>> f"{loss(jnp.array([[0.0, 1.0]]), jnp.array([[0.0, 0.0]])):.4f}"
    '0.1733'
    """

    def __init__(
        self,
        alpha: ArrayLike = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy",
        dtype: DType | None = None,
    ):
        arguments = {"alpha": alpha, "gamma": gamma, "from_logits": from_logits}
        arguments |= {"label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_focal_crossentropy, reduction, name, dtype, **arguments)


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Binary focal cross-entropy: see `binary_focal_crossentropy`.

    >>> loss = BinaryFocalCrossentropy(from_logits=True)
    >>> f"{loss(jnp.array([[1.0]]), jnp.array([[0.0]])):.4f}"
    '0.1733'
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
        dtype: DType | None = None,
    ):
        arguments = {"apply_class_balancing": apply_class_balancing, "alpha": alpha, "gamma": gamma}
        arguments |= {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_focal_crossentropy, reduction, name, dtype, **arguments)
