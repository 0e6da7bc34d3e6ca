"""F scores: weighted harmonic means of precision and recall."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from minidl.core import dtypes
from minidl.core.typing import Array, ArrayLike, DType
from minidl.metrics.base import Metric
from minidl.metrics.counts import for_values

_AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """F-beta score: `(1 + beta^2) * precision * recall / (beta^2 * precision + recall)`.

    Args:
        average: None for one score per class; "micro" for the score of all classes counted together; "macro" for
            the mean score; "weighted" for the mean weighted by how often a class is true.
        beta: weight of recall relative to precision, above 0.
        threshold: predictions above are positive, 0 < threshold <= 1; None: the largest of each example.
        name: default: "fbeta_score".
        dtype: the dtype to compute in.

    Raises:
        ValueError: an unknown average, or a beta or threshold out of range.

    >>> y_true = [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
    >>> y_pred = [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]]
    >>> [round(float(score), 3) for score in FBetaScore(beta=2.0, threshold=0.5)(y_true, y_pred)]
    [0.385, 0.909, 0.833]
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: DType | None = None,
    ):
        super().__init__(dtype, name)
        if average not in _AVERAGES:
            raise ValueError(f"{self.name}: average must be one of {_AVERAGES}, got {average!r}.")
        if not isinstance(beta, (int, float)) or beta <= 0:
            raise ValueError(f"{self.name}: beta must be a number above 0, got {beta!r}.")
        if threshold is not None and not (isinstance(threshold, (int, float)) and 0 < threshold <= 1):
            raise ValueError(f"{self.name}: threshold must be None or 0 < threshold <= 1, got {threshold!r}.")
        self.average, self.beta, self.threshold = average, beta, threshold
        self.built = False  # until the number of classes is known

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Update the state with a batch.

        Args:
            y_true: labels 0 and 1, (batch, classes).
            y_pred: predictions of the same shape.
            sample_weight: weights per example, or None.

        Raises:
            ValueError: the shapes are not (batch, classes).
        """
        y_true, y_pred = jnp.asarray(y_true, self.dtype), jnp.asarray(y_pred, self.dtype)
        if y_pred.ndim != 2 or y_true.shape != y_pred.shape:
            raise ValueError(
                f"{self.name}: y_true has shape {y_true.shape}, y_pred {y_pred.shape}; both must be (batch, classes). "
                "Make integer labels one-hot with minidl.utils.to_categorical."
            )
        if not self.built:
            self._build(y_pred.shape[-1])
        if self.threshold is None:
            largest = jnp.max(y_pred, axis=-1, keepdims=True)
            positive = (y_pred >= largest) & (jnp.abs(y_pred) > 1e-9)
            undefined = jnp.isnan(largest)
        else:
            positive, undefined = y_pred > self.threshold, jnp.isnan(y_pred)
        weight = jnp.asarray(1 if sample_weight is None else for_values(self.name, y_true, sample_weight))
        y_pred = jnp.where(undefined & (weight != 0), jnp.nan, positive.astype(self.dtype))
        axis = None if self.average == "micro" else 0
        self.true_positives.assign_add(jnp.sum(weight * y_pred * y_true, axis))
        self.false_positives.assign_add(jnp.sum(weight * y_pred * (1 - y_true), axis))
        self.false_negatives.assign_add(jnp.sum(weight * (1 - y_pred) * y_true, axis))
        self.intermediate_weights.assign_add(jnp.sum(weight * y_true, axis))

    def result(self) -> Array:
        self.check_built("the number of classes")
        found, epsilon = self.true_positives.value, dtypes.epsilon()
        precision = found / (found + self.false_positives.value + epsilon)
        recall = found / (found + self.false_negatives.value + epsilon)
        square = self.beta**2
        score = precision * recall / (square * precision + recall + epsilon) * (1 + square)
        if self.average == "weighted":
            weights = self.intermediate_weights.value
            return jnp.sum(score * (weights / (jnp.sum(weights) + epsilon)))
        return score if self.average is None else jnp.mean(score)

    def get_config(self) -> dict[str, Any]:
        own = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**super().get_config(), **own}

    def _build(self, num_classes: int) -> None:
        shape = () if self.average == "micro" else (num_classes,)
        self.true_positives = self.add_variable(shape, "zeros", self.dtype, name="true_positives")
        self.false_positives = self.add_variable(shape, "zeros", self.dtype, name="false_positives")
        self.false_negatives = self.add_variable(shape, "zeros", self.dtype, name="false_negatives")
        self.intermediate_weights = self.add_variable(shape, "zeros", self.dtype, name="intermediate_weights")
        self.built = True


class F1Score(FBetaScore):
    """F1 score, the harmonic mean of precision and recall: `2 * precision * recall / (precision + recall)`.

    Args:
        average: None for one score per class; "micro" for the score of all classes counted together; "macro" for
            the mean score; "weighted" for the mean weighted by how often a class is true.
        threshold: predictions above are positive, 0 < threshold <= 1; None: the largest of each example.
        name: default: "f1_score".
        dtype: the dtype to compute in.

    Raises:
        ValueError: an unknown average, or a threshold out of range.

    >>> y_true = [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
    >>> y_pred = [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]]
    >>> [round(float(score), 3) for score in F1Score(threshold=0.5)(y_true, y_pred)]
    [0.5, 0.8, 0.667]
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str = "f1_score",
        dtype: DType | None = None,
    ):
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        return {argument: value for argument, value in super().get_config().items() if argument != "beta"}
