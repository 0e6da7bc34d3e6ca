"""Confusion counts at thresholds, from which precision, recall and AUC are computed.

A prediction above a threshold is positive, and each threshold has four counts: true and false positives, true and
false negatives. For evenly spaced thresholds, such as the 200 of AUC, predictions are put in buckets whose reversed
cumulative sums are the counts, so the time is that of predictions + thresholds, not of their product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from minidl import losses
from minidl.core import budget, dtypes
from minidl.core.typing import Array, ArrayLike


class Counts(NamedTuple):
    """Weighted counts for each threshold, (thresholds,) or (thresholds, labels)."""

    true_positives: jax.Array
    false_positives: jax.Array
    true_negatives: jax.Array
    false_negatives: jax.Array


def count(
    owner: str,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    sample_weight: ArrayLike | None,
    thresholds: Sequence[float],
    top_k: int | None = None,
    class_id: int | None = None,
    label_weights: ArrayLike | None = None,
    by_label: bool = False,
) -> Counts:
    """The four counts of a batch. A prediction that is NaN makes them NaN, unless its weight is 0.

    Args:
        owner: the name of the metric, for errors.
        y_true: labels, positive where not 0, (batch, ...).
        y_pred: predictions of the same shape; with evenly spaced thresholds from 0 to 1
            they are clipped to that range.
        sample_weight: weights per example or per value, or None.
        thresholds: predictions above are positive.
        top_k: only the k largest predictions on the last axis can be positive.
        class_id: the only class of the last axis that counts.
        label_weights: a weight for each class on the last axis, or None.
        by_label: whether to count each class on the last axis separately.

    Raises:
        ValueError: shapes that do not match, or a class index out of bounds.
    """
    y_true, y_pred = losses.pair(owner, y_true, jnp.asarray(y_pred, dtypes.floatx()))
    undefined = jnp.isnan(y_pred)
    if top_k is not None:
        y_pred = _only_top_k(owner, y_pred, top_k)
    if class_id is not None:
        y_true, y_pred, undefined = (_one_class(owner, values, class_id) for values in (y_true, y_pred, undefined))
    weight = _weights(owner, y_pred, sample_weight, label_weights)
    positive = jnp.where(y_true != 0, weight, 0)
    negative = weight - positive
    labels = y_pred.shape[-1] if by_label else 1
    unknown = jnp.where(undefined & (weight != 0), jnp.nan, 0)
    y_pred, positive, negative, unknown = (v.reshape(-1, labels) for v in (y_pred, positive, negative, unknown))
    true_positives, false_positives = _above(y_pred, positive, negative, thresholds)
    counts = Counts(
        true_positives,
        false_positives,
        jnp.sum(negative, axis=0) - false_positives,
        jnp.sum(positive, axis=0) - true_positives,
    )
    counts = Counts(*(values + jnp.sum(unknown, axis=0) for values in counts))
    return counts if by_label else Counts(*(values[:, 0] for values in counts))


def are_even(thresholds: Sequence[float]) -> bool:
    """Whether thresholds go from 0 to 1 in at least two steps of equal size.

    >>> are_even([0.0, 0.5, 1.0]), are_even([0.1, 0.5, 0.9])
    (True, False)
    """
    even = np.linspace(0, 1, len(thresholds))
    return len(thresholds) >= 3 and np.allclose(thresholds, even, atol=1.5 * dtypes.epsilon())


def even_thresholds(number: int) -> list[float]:
    """The given number of evenly spaced thresholds from 0 to 1; [0.5] for one.

    >>> even_thresholds(3), even_thresholds(1)
    ([0.0, 0.5, 1.0], [0.5])
    """
    budget.charge_numbers(number, "thresholds")
    return [0.5] if number == 1 else [i / (number - 1) for i in range(number)]


def checked_thresholds(owner: str, thresholds: Any, default: float = 0.5) -> list[float]:
    """Thresholds as a list: from one number, several, or None for the default.

    Raises:
        ValueError: an empty list, or a number outside of 0 to 1.
    """
    if thresholds is None:
        return [default]
    found = [thresholds] if np.ndim(thresholds) == 0 else list(thresholds)
    if not found or any(threshold is None or not 0 <= threshold <= 1 for threshold in found):
        raise ValueError(f"{owner}: thresholds must be numbers from 0 to 1, got {thresholds!r}.")
    return found


def ratio(part: Array, rest: Array) -> jax.Array:
    """The quotient part / (part + rest), and 0 where both are 0."""
    return divide(part, part + rest)


def divide(x: Array, y: Array) -> jax.Array:
    """The quotient x / y, and 0 where y is 0."""
    return jnp.where(y == 0, 0, x / jnp.where(y == 0, 1, y))


def _above(y_pred: Array, positive: Array, negative: Array, thresholds: Sequence[float]) -> tuple[Any, Any]:
    """The weights of positives and of negatives above each threshold, (thresholds, labels) each."""
    if not are_even(thresholds):
        above = y_pred > jnp.asarray(thresholds, y_pred.dtype)[:, None, None]  # (thresholds, values, labels)
        return jnp.sum(jnp.where(above, positive, 0), axis=1), jnp.sum(jnp.where(above, negative, 0), axis=1)
    # Bucket i holds the predictions above threshold i but not above i + 1; bucket -1 those of 0, which are above
    # no threshold, unless the first one is below 0.
    number, labels = len(thresholds), y_pred.shape[1]
    buckets = jnp.ceil(jnp.clip(y_pred, 0, 1) * (number - 1)).astype("int32") - 1
    if thresholds[0] < 0:
        buckets = jnp.maximum(buckets, 0)
    buckets = jnp.where(buckets < 0, number, buckets)  # out of bounds: dropped below
    weights = jnp.stack([positive, negative], axis=-1)
    sums = jnp.zeros((number, labels, 2), weights.dtype).at[buckets, jnp.arange(labels)].add(weights, mode="drop")
    sums = jnp.cumsum(sums[::-1], axis=0)[::-1]
    return sums[..., 0], sums[..., 1]


def _only_top_k(owner: str, y_pred: Array, k: int) -> Array:
    """The k largest predictions on the last axis; minus infinity elsewhere."""
    classes = y_pred.shape[-1] if y_pred.ndim else 0
    if not 0 < k <= classes:
        raise ValueError(f"{owner}: top_k must be from 1 to the {classes} classes of y_pred, got {k}.")
    places = jax.lax.top_k(y_pred, k)[1]
    chosen = jnp.any(places[..., None] == jnp.arange(classes), axis=-2)
    return jnp.where(chosen, y_pred, -jnp.inf)


def _one_class(owner: str, values: Array, class_id: int) -> Array:
    """One entry of the last axis, which is kept with size 1."""
    if values.ndim < 2 or not -values.shape[-1] <= class_id < values.shape[-1]:
        raise ValueError(
            f"{owner}: class_id={class_id} needs y_true and y_pred of shape (batch, ..., classes) with that class, got "
            f"the shape {values.shape}."
        )
    return values[..., class_id, None]


def _weights(owner: str, values: Array, sample_weight: ArrayLike | None, label_weights: ArrayLike | None) -> Array:
    """One weight per value."""
    weight = jnp.ones(values.shape, values.dtype)
    if sample_weight is not None:
        weight = weight * for_values(owner, values, sample_weight)
    if label_weights is not None:
        given = jnp.asarray(label_weights, values.dtype)
        if given.shape != values.shape[-1:]:
            raise ValueError(
                f"{owner}: label_weights has shape {given.shape}; predictions of shape {values.shape} need "
                f"{values.shape[-1:]}, one for each label."
            )
        weight = weight * given
    return weight


def for_values(owner: str, values: Array, sample_weight: ArrayLike) -> jax.Array:
    """Weights with the rank of the values; a weight of an example is broadcast over its values.

    Raises:
        ValueError: the weights do not broadcast against the values.
    """
    given = weight = jnp.asarray(sample_weight, values.dtype)
    if weight.ndim == values.ndim + 1 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    if 0 < weight.ndim < values.ndim:
        weight = weight.reshape(*weight.shape, *(1 for _ in range(values.ndim - weight.ndim)))
    fits = weight.ndim in (0, values.ndim) and all(w in (1, v) for w, v in zip(weight.shape, values.shape))
    if not fits:
        raise ValueError(
            f"sample_weight has shape {given.shape}, but {owner} has values of shape {values.shape}. Give one weight "
            f"for each example, {values.shape[:1]}, or for each value."
        )
    return weight
