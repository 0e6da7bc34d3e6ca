"""Confusion-matrix metrics of binary decisions: true and false positives and negatives, precision, recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from minidl.core.typing import Array, ArrayLike, DType
from minidl.metrics.base import Metric
from minidl.metrics.counts import Counts, checked_thresholds, count, ratio


class _Count(Metric):
    """Base of the four counts. A subclass selects one."""

    def __init__(
        self, thresholds: float | Sequence[float] | None = None, name: str | None = None, dtype: DType | None = None
    ):
        super().__init__(dtype, name)
        self.init_thresholds = thresholds
        self.thresholds = checked_thresholds(self.name, thresholds)
        self.accumulator = self.add_variable((len(self.thresholds),), name="accumulator")

    def of(self, counts: Counts) -> jax.Array:
        """The count that this metric reports."""
        raise NotImplementedError

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Update the state with a batch; weights are per example or per value."""
        self.accumulator.assign_add(self.of(count(self.name, y_true, y_pred, sample_weight, self.thresholds)))

    def result(self) -> Array:
        return _one_or_all(self.accumulator.value)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_Count):
    """Number of true positives: positives that were predicted positive.

    Args:
        thresholds: predictions above are positive: one number from 0 to 1 (default 0.5), or several, which give
            one result each.
        name: default: "true_positives".
        dtype: the dtype to compute in.

    Raises:
        ValueError: a threshold outside of 0 to 1.

    >>> float(TruePositives()([0, 1, 1, 1], [1, 0, 1, 1]))
    2.0
    """

    def of(self, counts: Counts) -> jax.Array:
        return counts.true_positives


class FalsePositives(_Count):
    """Number of false positives: negatives that were predicted positive.

    Args:
        thresholds: see `TruePositives`.
        name: default: "false_positives".
        dtype: see `TruePositives`.

    >>> float(FalsePositives()([0, 1, 0, 0], [0, 0, 1, 1]))
    2.0
    """

    def of(self, counts: Counts) -> jax.Array:
        return counts.false_positives


class TrueNegatives(_Count):
    """Number of true negatives: negatives that were predicted negative.

    Args:
        thresholds: see `TruePositives`.
        name: default: "true_negatives".
        dtype: see `TruePositives`.

    >>> float(TrueNegatives()([0, 1, 0, 0], [1, 1, 0, 0]))
    2.0
    """

    def of(self, counts: Counts) -> jax.Array:
        return counts.true_negatives


class FalseNegatives(_Count):
    """Number of false negatives: positives that were predicted negative.

    Args:
        thresholds: see `TruePositives`.
        name: default: "false_negatives".
        dtype: see `TruePositives`.

    >>> float(FalseNegatives()([0, 1, 1, 1], [0, 1, 0, 0]))
    2.0
    """

    def of(self, counts: Counts) -> jax.Array:
        return counts.false_negatives


class Precision(Metric):
    """Precision: tp / (tp + fp), the fraction of positive predictions that are right; 0 if there are none.

    Args:
        thresholds: predictions above are positive: one number from 0 to 1 (default 0.5, or none if `top_k` is
            given), or several, which give one result each.
        top_k: only the k largest predictions on the last axis can be positive.
        class_id: the only class of the last axis that counts.
        name: default: "precision".
        dtype: the dtype to compute in.

    Raises:
        ValueError: a threshold outside of 0 to 1.

    >>> round(float(Precision()([0, 1, 1, 1], [1, 0, 1, 1])), 3)
    0.667
    >>> round(float(Precision(top_k=2)([[0, 0, 1, 1]], [[0.1, 0.3, 0.2, 0.1]])), 3)
    0.5
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DType | None = None,
    ):
        super().__init__(dtype, name)
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self.thresholds = checked_thresholds(self.name, thresholds, 0.5 if top_k is None else -float("inf"))
        self.true_positives = self.add_variable((len(self.thresholds),), name="true_positives")
        self.false_positives = self.add_variable((len(self.thresholds),), name="false_positives")

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Update the state with a batch; weights are per example or per value."""
        counts = count(self.name, y_true, y_pred, sample_weight, self.thresholds, self.top_k, self.class_id)
        self.true_positives.assign_add(counts.true_positives)
        self.false_positives.assign_add(counts.false_positives)

    def result(self) -> Array:
        return _one_or_all(ratio(self.true_positives.value, self.false_positives.value))

    def get_config(self) -> dict[str, Any]:
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


class Recall(Metric):
    """Recall: tp / (tp + fn), the fraction of positives that were predicted; 0 if there are none.

    Args:
        thresholds: predictions above are positive: one number from 0 to 1 (default 0.5, or none if `top_k` is
            given), or several, which give one result each.
        top_k: only the k largest predictions on the last axis can be positive.
        class_id: the only class of the last axis that counts.
        name: default: "recall".
        dtype: the dtype to compute in.

    Raises:
        ValueError: a threshold outside of 0 to 1.

    >>> round(float(Recall()([0, 1, 1, 1], [1, 0, 1, 1])), 3)
    0.667
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DType | None = None,
    ):
        super().__init__(dtype, name)
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self.thresholds = checked_thresholds(self.name, thresholds, 0.5 if top_k is None else -float("inf"))
        self.true_positives = self.add_variable((len(self.thresholds),), name="true_positives")
        self.false_negatives = self.add_variable((len(self.thresholds),), name="false_negatives")

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Update the state with a batch; weights are per example or per value."""
        counts = count(self.name, y_true, y_pred, sample_weight, self.thresholds, self.top_k, self.class_id)
        self.true_positives.assign_add(counts.true_positives)
        self.false_negatives.assign_add(counts.false_negatives)

    def result(self) -> Array:
        return _one_or_all(ratio(self.true_positives.value, self.false_negatives.value))

    def get_config(self) -> dict[str, Any]:
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


def _one_or_all(values: jax.Array) -> jax.Array:
    """A scalar for one threshold, an array for several."""
    return values[0] if len(values) == 1 else values
