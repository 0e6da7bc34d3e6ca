"""Operating points: the best value of one rate where another reaches a given value, over thresholds."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from minidl.core.typing import Array, ArrayLike, DType
from minidl.metrics.base import Metric
from minidl.metrics.counts import count, even_thresholds, ratio


class _OperatingPoint(Metric):
    """The four counts at evenly spaced thresholds, from which subclasses compute rates."""

    def __init__(
        self,
        required: str,
        value: float,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
        dtype: DType | None,
    ):
        super().__init__(dtype, name)
        if not 0 <= value <= 1:
            raise ValueError(f"{self.name}: {required} must be from 0 to 1, got {value}.")
        if num_thresholds <= 0:
            raise ValueError(f"{self.name}: num_thresholds must be at least 1, got {num_thresholds}.")
        self._required, self.value = required, value
        self.num_thresholds, self.class_id = num_thresholds, class_id
        self.thresholds = even_thresholds(num_thresholds)
        self.true_positives = self.add_variable((num_thresholds,), name="true_positives")
        self.false_positives = self.add_variable((num_thresholds,), name="false_positives")
        self.true_negatives = self.add_variable((num_thresholds,), name="true_negatives")
        self.false_negatives = self.add_variable((num_thresholds,), name="false_negatives")

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Update the state with a batch; weights are per example or per value."""
        counts = count(self.name, y_true, y_pred, sample_weight, self.thresholds, class_id=self.class_id)
        self.true_positives.assign_add(counts.true_positives)
        self.false_positives.assign_add(counts.false_positives)
        self.true_negatives.assign_add(counts.true_negatives)
        self.false_negatives.assign_add(counts.false_negatives)

    def get_config(self) -> dict[str, Any]:
        own = {self._required: self.value, "num_thresholds": self.num_thresholds, "class_id": self.class_id}
        return {**super().get_config(), **own}

    def _best(self, rate: jax.Array, where: jax.Array) -> jax.Array:
        """The largest rate where another reaches the required value; 0 if it never does, NaN if it is NaN."""
        return jnp.max(rate, initial=0, where=~(where < self.value))

    def _recall(self) -> jax.Array:
        return ratio(self.true_positives.value, self.false_negatives.value)

    def _precision(self) -> jax.Array:
        return ratio(self.true_positives.value, self.false_positives.value)

    def _specificity(self) -> jax.Array:
        return ratio(self.true_negatives.value, self.false_positives.value)


class SensitivityAtSpecificity(_OperatingPoint):
    """The best sensitivity tp / (tp + fn) where the specificity tn / (tn + fp) reaches the given value.

    Args:
        specificity: the required specificity, from 0 to 1.
        num_thresholds: the number of evenly spaced thresholds.
        class_id: the only class of the last axis that counts.
        name: default: "sensitivity_at_specificity".
        dtype: the dtype to compute in.

    Raises:
        ValueError: `specificity` is outside of 0 to 1, or `num_thresholds` below 1.

    >>> float(SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DType | None = None,
    ):
        super().__init__("specificity", specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def result(self) -> Array:
        return self._best(self._recall(), where=self._specificity())


class SpecificityAtSensitivity(_OperatingPoint):
    """The best specificity tn / (tn + fp) where the sensitivity tp / (tp + fn) reaches the given value.

    Args:
        sensitivity: the required sensitivity, from 0 to 1.
        num_thresholds: the number of evenly spaced thresholds.
        class_id: the only class of the last axis that counts.
        name: default: "specificity_at_sensitivity".
        dtype: the dtype to compute in.

    Raises:
        ValueError: `sensitivity` is outside of 0 to 1, or `num_thresholds` below 1.

    >>> round(float(SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])), 3)
    0.667
    """

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DType | None = None,
    ):
        super().__init__("sensitivity", sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def result(self) -> Array:
        return self._best(self._specificity(), where=self._recall())


class PrecisionAtRecall(_OperatingPoint):
    """The best precision tp / (tp + fp) where the recall tp / (tp + fn) reaches the given value.

    Args:
        recall: the required recall, from 0 to 1.
        num_thresholds: the number of evenly spaced thresholds.
        class_id: the only class of the last axis that counts.
        name: default: "precision_at_recall".
        dtype: the dtype to compute in.

    Raises:
        ValueError: `recall` is outside of 0 to 1, or `num_thresholds` below 1.

    >>> float(PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DType | None = None,
    ):
        super().__init__("recall", recall, num_thresholds, class_id, name, dtype)
        self.recall = recall

    def result(self) -> Array:
        return self._best(self._precision(), where=self._recall())


class RecallAtPrecision(_OperatingPoint):
    """The best recall tp / (tp + fn) where the precision tp / (tp + fp) reaches the given value.

    Args:
        precision: the required precision, from 0 to 1.
        num_thresholds: the number of evenly spaced thresholds.
        class_id: the only class of the last axis that counts.
        name: default: "recall_at_precision".
        dtype: the dtype to compute in.

    Raises:
        ValueError: `precision` is outside of 0 to 1, or `num_thresholds` below 1.

    >>> float(RecallAtPrecision(0.8)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.5
    """

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DType | None = None,
    ):
        super().__init__("precision", precision, num_thresholds, class_id, name, dtype)
        self.precision = precision

    def result(self) -> Array:
        return self._best(self._recall(), where=self._precision())
