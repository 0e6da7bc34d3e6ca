"""AUC: area under the curve (ROC or precision-recall), approximated between thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core import dtypes
from minidl.core.typing import Array, ArrayLike, DType
from minidl.metrics.base import Metric
from minidl.metrics.counts import count, divide, even_thresholds, ratio

_CURVES = ("ROC", "PR", "PRGAIN")
_SUMMATIONS = ("interpolation", "minoring", "majoring")


class AUC(Metric):
    """The area under the ROC curve or under a curve of precision and recall.

    Each threshold, above which predictions are positive, gives a point of the curve. For "ROC" the points are
    (fp / (fp + tn), tp / (tp + fn)); for "PR" (recall, precision); for "PRGAIN" (recall gain, precision
    gain) (Flach and Kull, 2015). More thresholds approximate the area more exactly.

    Args:
        num_thresholds: the number of evenly spaced thresholds from 0 to 1.
        curve: "ROC", "PR" or "PRGAIN".
        summation_method: height of the curve between two points: "interpolation", the mean of both (for "PR" as
            Davis and Goadrich, 2006, derive it); "minoring", the lower one; or "majoring", the higher one.
        name: default: "auc".
        dtype: the dtype to compute in.
        thresholds: your own thresholds, from 0 to 1; one below and one above all predictions are added.
        multi_label: whether each class on the last axis has its own curve; the result is the mean area.
        num_labels: with `multi_label`, the number of classes, to create the variables before the first batch.
        label_weights: one weight per class, in the mean; without `multi_label`, in the counts.
        from_logits: whether predictions are logits, to which a sigmoid is applied.

    Raises:
        ValueError: an unknown curve or summation, fewer than 2 thresholds or some outside of 0 to 1, or `num_labels`
            without `multi_label`.

    >>> float(AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.75
    >>> float(AUC(multi_label=True)([[0, 1], [1, 0]], [[0.1, 0.2], [0.8, 0.9]]))
    0.5
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: DType | None = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: ArrayLike | None = None,
        from_logits: bool = False,
    ):
        super().__init__(dtype, name)
        self.curve, self.summation_method = str(curve).upper(), str(summation_method).lower()
        if self.curve not in _CURVES:
            raise ValueError(f"{self.name}: curve must be one of {_CURVES}, got {curve!r}.")
        if self.summation_method not in _SUMMATIONS:
            raise ValueError(f"{self.name}: summation_method must be one of {_SUMMATIONS}, got {summation_method!r}.")
        if num_labels and not multi_label:
            raise ValueError(f"{self.name}: num_labels={num_labels} is for multi_label=True only.")
        self._own_thresholds = None if thresholds is None else sorted(map(float, thresholds))
        self.thresholds = self._all_thresholds(num_thresholds)
        self.num_thresholds = len(self.thresholds)
        self.multi_label, self.num_labels, self.from_logits = multi_label, num_labels, from_logits
        self.label_weights = None if label_weights is None else np.asarray(label_weights, self.dtype)
        self.built = False
        if num_labels or not multi_label:
            self._build(num_labels)

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Update the state with a batch; weights are per example or per value."""
        y_pred = jnp.asarray(y_pred, dtypes.floatx())
        if self.multi_label:
            if y_pred.ndim != 2 or (self.num_labels or y_pred.shape[1]) != y_pred.shape[1]:
                raise ValueError(
                    f"{self.name}: multi_label=True needs y_pred of shape (batch, {self.num_labels or 'labels'}), got "
                    f"{y_pred.shape}."
                )
            if not self.built:
                self._build(y_pred.shape[-1])
        counts = count(
            self.name,
            y_true,
            jax.nn.sigmoid(y_pred) if self.from_logits else y_pred,
            sample_weight,
            self.thresholds,
            label_weights=None if self.multi_label else self.label_weights,
            by_label=self.multi_label,
        )
        self.true_positives.assign_add(counts.true_positives)
        self.false_positives.assign_add(counts.false_positives)
        self.true_negatives.assign_add(counts.true_negatives)
        self.false_negatives.assign_add(counts.false_negatives)

    def result(self) -> Array:
        self.check_built("the number of labels; or give num_labels")
        exact = self.curve == "PR" and self.summation_method == "interpolation"
        areas = self._between_points_of_pr() if exact else self._between_points()
        if not self.multi_label:
            return jnp.sum(areas)
        of_labels = jnp.sum(areas, axis=0)
        if self.label_weights is None:
            return jnp.mean(of_labels)
        return divide(jnp.sum(of_labels * self.label_weights), jnp.sum(self.label_weights))

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self.from_logits,
        }
        return config if self._own_thresholds is None else {**config, "thresholds": self._own_thresholds}

    def _all_thresholds(self, number: int) -> list[float]:
        """The thresholds, the first below all predictions and the last above all."""
        inner = self._own_thresholds
        if inner is None:
            if number < 2:
                raise ValueError(f"{self.name}: num_thresholds must be at least 2, got {number}.")
            inner = even_thresholds(number)[1:-1]
        elif not all(0 <= threshold <= 1 for threshold in inner):
            raise ValueError(f"{self.name}: thresholds must be numbers from 0 to 1, got {inner}.")
        return [-dtypes.epsilon(), *inner, 1 + dtypes.epsilon()]

    def _build(self, num_labels: int | None) -> None:
        shape = (self.num_thresholds,) if num_labels is None else (self.num_thresholds, num_labels)
        self.true_positives = self.add_variable(shape, name="true_positives")
        self.false_positives = self.add_variable(shape, name="false_positives")
        self.true_negatives = self.add_variable(shape, name="true_negatives")
        self.false_negatives = self.add_variable(shape, name="false_negatives")
        self.built = True

    def _between_points(self) -> jax.Array:
        """Widths times heights, (thresholds - 1, ...)."""
        tp, fp = self.true_positives.value, self.false_positives.value
        tn, fn = self.true_negatives.value, self.false_negatives.value
        if self.curve == "ROC":
            x, y = ratio(fp, tn), ratio(tp, fn)
        elif self.curve == "PR":
            x, y = ratio(tp, fn), ratio(tp, fp)
        else:
            odds = divide(tp + fn, tn + fp)
            x = jnp.where(tp == 0, 0, jnp.maximum(1 - odds * divide(fn, tp), 0))
            y = jnp.where(tp == 0, 1, 1 - odds * divide(fp, tp))
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2
        elif self.summation_method == "minoring":
            heights = jnp.minimum(y[:-1], y[1:])
        else:
            heights = jnp.maximum(y[:-1], y[1:])
        return (x[:-1] - x[1:]) * heights

    def _between_points_of_pr(self) -> jax.Array:
        """Areas between points where tp, not the precision, is linear in p = tp + fp, (thresholds - 1, ...).

        With tp = slope * p + intercept, the area is slope * (dtp + intercept * log(p_left / p_right)) / (tp + fn).
        """
        tp = self.true_positives.value
        p = tp + self.false_positives.value
        left, right = p[:-1], p[1:]
        dtp = tp[:-1] - tp[1:]
        slope = divide(dtp, jnp.maximum(left - right, 0))
        intercept = tp[1:] - slope * right
        both = (left > 0) & (right > 0)
        log_ratio = jnp.log(jnp.where(both, left, 1) / jnp.where(both, right, 1))
        return divide(slope * (dtp + intercept * log_ratio), tp[1:] + self.false_negatives.value[1:])
