"""Right and wrong answers of a yes-or-no question: their counts, precision and recall."""

from __future__ import annotations

from typing import Any

import jax

from minidl.metrics.base import Metric
from minidl.metrics.counts import Counts, checked_thresholds, count, ratio


class _Count(Metric):
    """One of the four counts. A subclass says which."""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None):
        super().__init__(dtype, name)
        self.init_thresholds = thresholds
        self.thresholds = checked_thresholds(self.name, thresholds)
        self.accumulator = self.add_variable((len(self.thresholds),), name="accumulator")

    def of(self, counts: Counts) -> jax.Array:
        """The count that this metric is about."""
        raise NotImplementedError

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account; weights are for examples or for single values."""
        self.accumulator.assign_add(self.of(count(self.name, y_true, y_pred, sample_weight, self.thresholds)))

    def result(self) -> Any:
        return _one_or_all(self.accumulator.value)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_Count):
    """How many positives were predicted as such.

    Args:
        thresholds: a prediction above is positive: one number from 0 to 1 (default 0.5), or several for as
            many results.
        name: default: "true_positives".
        dtype: what to compute in.

    Raises:
        ValueError: a threshold outside of 0 to 1.

    >>> float(TruePositives()([0, 1, 1, 1], [1, 0, 1, 1]))
    2.0
    """

    def of(self, counts: Counts) -> jax.Array:
        return counts.true_positives


class FalsePositives(_Count):
    """How many negatives were predicted as positives.

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
    """How many negatives were predicted as such.

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
    """How many positives were predicted as negatives.

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
    """The share of right answers among positive predictions: tp / (tp + fp), and 0 where there are none.

    Args:
        thresholds: a prediction above is positive: one number from 0 to 1 (default 0.5, or without a
            threshold if `top_k` is given), or several for as many results.
        top_k: only the k largest predictions on the last axis can be positive.
        class_id: the one class on the last axis to look at.
        name: default: "precision".
        dtype: what to compute in.

    Raises:
        ValueError: a threshold outside of 0 to 1.

    >>> round(float(Precision()([0, 1, 1, 1], [1, 0, 1, 1])), 3)
    0.667
    >>> round(float(Precision(top_k=2)([[0, 0, 1, 1]], [[0.1, 0.3, 0.2, 0.1]])), 3)
    0.5
    """

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self.thresholds = checked_thresholds(self.name, thresholds, 0.5 if top_k is None else -float("inf"))
        self.true_positives = self.add_variable((len(self.thresholds),), name="true_positives")
        self.false_positives = self.add_variable((len(self.thresholds),), name="false_positives")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account; weights are for examples or for single values."""
        counts = count(self.name, y_true, y_pred, sample_weight, self.thresholds, self.top_k, self.class_id)
        self.true_positives.assign_add(counts.true_positives)
        self.false_positives.assign_add(counts.false_positives)

    def result(self) -> Any:
        return _one_or_all(ratio(self.true_positives.value, self.false_positives.value))

    def get_config(self) -> dict[str, Any]:
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


class Recall(Metric):
    """The share of the positives that were found: tp / (tp + fn), and 0 where there are none.

    Args:
        thresholds: a prediction above is positive: one number from 0 to 1 (default 0.5, or without a
            threshold if `top_k` is given), or several for as many results.
        top_k: only the k largest predictions on the last axis can be positive.
        class_id: the one class on the last axis to look at.
        name: default: "recall".
        dtype: what to compute in.

    Raises:
        ValueError: a threshold outside of 0 to 1.

    >>> round(float(Recall()([0, 1, 1, 1], [1, 0, 1, 1])), 3)
    0.667
    """

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self.thresholds = checked_thresholds(self.name, thresholds, 0.5 if top_k is None else -float("inf"))
        self.true_positives = self.add_variable((len(self.thresholds),), name="true_positives")
        self.false_negatives = self.add_variable((len(self.thresholds),), name="false_negatives")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account; weights are for examples or for single values."""
        counts = count(self.name, y_true, y_pred, sample_weight, self.thresholds, self.top_k, self.class_id)
        self.true_positives.assign_add(counts.true_positives)
        self.false_negatives.assign_add(counts.false_negatives)

    def result(self) -> Any:
        return _one_or_all(ratio(self.true_positives.value, self.false_negatives.value))

    def get_config(self) -> dict[str, Any]:
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


def _one_or_all(values: jax.Array) -> jax.Array:
    """A number for one threshold, an array for several."""
    return values[0] if len(values) == 1 else values
