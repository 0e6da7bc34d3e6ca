"""R2 score: the fraction of the targets' variance that the predictions explain."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from minidl import losses
from minidl.core.typing import Array, ArrayLike, DType
from minidl.metrics.base import Metric
from minidl.metrics.counts import for_values

_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class R2Score(Metric):
    """R2 score (coefficient of determination): `1 - sum((y_true - y_pred)^2) / sum((y_true - mean(y_true))^2)`.

    1 for perfect predictions, 0 for predicting the mean, below 0 for worse; 0 also where all targets are equal.

    Args:
        class_aggregation: how scores of several outputs are combined: "uniform_average" for the mean,
            "variance_weighted_average" for the mean weighted by their variances, None for one score per output.
        num_regressors: p in the adjusted score 1 - (1 - R2) (n - 1) / (n - p - 1) of n values; 0 for the plain
            score, which is also the result where n - 1 <= p.
        name: default: "r2_score".
        dtype: the dtype to compute in.

    Raises:
        ValueError: an unknown aggregation, or a negative number of regressors.

    >>> round(float(R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])), 3)
    0.571
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: DType | None = None,
    ):
        super().__init__(dtype, name)
        if class_aggregation not in _AGGREGATIONS:
            raise ValueError(
                f"{self.name}: class_aggregation must be one of {_AGGREGATIONS}, got {class_aggregation!r}."
            )
        if num_regressors < 0:
            raise ValueError(f"{self.name}: num_regressors must be at least 0, got {num_regressors}.")
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable((), name="num_samples")
        self.built = False  # until the number of outputs is known

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Update the state with a batch.

        Args:
            y_true: targets, (batch, outputs).
            y_pred: predictions of the same shape.
            sample_weight: weights per example or per value, or None.

        Raises:
            ValueError: the shapes are not (batch, outputs).
        """
        y_true, y_pred = losses.pair(self.name, y_true, jnp.asarray(y_pred, self.dtype))
        if y_pred.ndim != 2:
            raise ValueError(f"{self.name}: y_true and y_pred must be (batch, outputs), got the shape {y_pred.shape}.")
        if not self.built:
            self._build(y_pred.shape[-1])
        weight = jnp.ones_like(y_true)
        if sample_weight is not None:
            weight = weight * for_values(self.name, y_true, sample_weight)
        self.sum.assign_add(jnp.sum(weight * y_true, axis=0))
        self.squared_sum.assign_add(jnp.sum(weight * y_true * y_true, axis=0))
        self.total_mse.assign_add(jnp.sum(weight * jnp.square(y_true - y_pred), axis=0))
        self.count.assign_add(jnp.sum(weight, axis=0))
        self.num_samples.assign_add(y_true.size)

    def result(self) -> Array:
        self.check_built("the number of outputs")
        total = self.squared_sum.value - self.sum.value * (self.sum.value / self.count.value)
        rounding = 4 * jnp.finfo(total.dtype).eps * self.squared_sum.value
        total = jnp.where(total <= rounding, 0, total)  # equal targets, also where the product above is fused
        scores = 1 - self.total_mse.value / total
        scores = jnp.where(jnp.isinf(scores), 0, scores)
        if self.class_aggregation == "uniform_average":
            scores = jnp.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = jnp.sum(total * scores) / jnp.sum(total)
        if not self.num_regressors:
            return scores
        n, p = self.num_samples.value, self.num_regressors
        free = n - p - 1
        return jnp.where(free > 0, 1 - (1 - scores) * (n - 1) / jnp.where(free > 0, free, 1), scores)

    def get_config(self) -> dict[str, Any]:
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}

    def _build(self, outputs: int) -> None:
        self.squared_sum = self.add_variable((outputs,), name="squared_sum")
        self.sum = self.add_variable((outputs,), name="sum")
        self.total_mse = self.add_variable((outputs,), name="residual")
        self.count = self.add_variable((outputs,), name="count")
        self.built = True
