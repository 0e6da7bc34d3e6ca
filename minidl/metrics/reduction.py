"""Running sums and means, and the running mean of any function of targets and predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from minidl.core import array_metadata
from minidl.core.typing import Array, ArrayLike, DType
from minidl.losses import check_weights, function_config, same_rank, with_mask
from minidl.metrics.base import Metric


class Sum(Metric):
    """The running (weighted) sum of values.

    >>> metric = Sum()
    >>> float(metric([1, 3, 5, 7])), float(metric([1, 2], sample_weight=[0, 1]))
    (16.0, 18.0)
    """

    def __init__(self, name: str = "sum", dtype: DType | None = None):
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", self.dtype, name="total")

    def update_state(self, values: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Add values, weighted.

        Args:
            values: (batch, ...).
            sample_weight: weights that broadcast against the values, or None.
        """
        values, _ = _per_sample(values, sample_weight, jnp.sum, self.dtype)
        self.total.assign_add(jnp.sum(values))

    def result(self) -> Array:
        return self.total.value


class Mean(Metric):
    """The running (weighted) mean of values: their sum over the sum of weights, or over their number.

    >>> metric = Mean()
    >>> float(metric([1, 3, 5, 7]))
    4.0
    >>> metric.reset_state()
    >>> float(metric([1, 3, 5, 7], sample_weight=[1, 1, 0, 0]))
    2.0
    """

    def __init__(self, name: str = "mean", dtype: DType | None = None):
        super().__init__(dtype, name)
        self.total = self.add_variable((), "zeros", self.dtype, name="total")
        self.count = self.add_variable((), "zeros", self.dtype, name="count")

    def update_state(self, values: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Add values to the mean.

        Args:
            values: (batch, ...); axes after those of the weights are averaged.
            sample_weight: weights that broadcast against the values, or None.
        """
        values, weight = _per_sample(values, sample_weight, jnp.mean, self.dtype)
        self.total.assign_add(jnp.sum(values))
        self.count.assign_add(values.size if weight is None else jnp.sum(weight))

    def result(self) -> Array:
        total, count = self.total.value, self.count.value
        return jnp.where(count == 0, 0, total / jnp.where(count == 0, 1, count))


class MeanMetricWrapper(Mean):
    """The running mean of a function of targets and predictions.

    Args:
        fn: `(y_true, y_pred, **kwargs)` -> one value per example.
        name: default: "mean_metric_wrapper".
        dtype: the dtype to compute in.
        **kwargs: passed to `fn`.

    Raises:
        TypeError: `fn` is not callable.

    >>> metric = MeanMetricWrapper(lambda y_true, y_pred: abs(y_true - y_pred), name="gap")
    >>> float(metric(jnp.array([1.0, 2.0]), jnp.array([1.5, 2.0])))
    0.25
    """

    takes_any_argument = True

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: DType | None = None, **kwargs: Any):
        super().__init__(name or "mean_metric_wrapper", dtype)
        if not callable(fn):
            raise TypeError(f"{type(self).__name__}: fn must be a function of (y_true, y_pred), got {fn!r}.")
        self.fn = fn
        self._argument_names = tuple(kwargs)
        vars(self).update(kwargs)  # attributes, as in Keras

    @property
    def fn_arguments(self) -> dict[str, Any]:
        """The arguments that `fn` is called with, besides the targets and predictions."""
        return {name: getattr(self, name) for name in self._argument_names}

    def update_state(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> None:  # type: ignore[override]
        """Add the function's values on a batch to the mean."""
        mask = array_metadata.of(y_pred).mask
        values = self.fn(y_true, y_pred, **self.fn_arguments)
        inner = array_metadata.of(values).mask
        for valid in (mask, inner):
            if valid is not None:
                sample_weight = _with_mask(sample_weight, valid, self.dtype)
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **self.fn_arguments}
        if type(self) is MeanMetricWrapper:
            config["fn"] = function_config(self.fn)
        return config


def _with_mask(sample_weight: ArrayLike | None, mask: ArrayLike, dtype: str) -> Array:
    mask = jnp.asarray(mask, dtype)
    return mask if sample_weight is None else with_mask(jnp.asarray(sample_weight, dtype), mask)


def _per_sample(
    values: ArrayLike, sample_weight: ArrayLike | None, reduce: Callable[..., Array], dtype: str
) -> tuple[Array, Array | None]:
    """Weighted values and weights, reduced to one entry per sample; weights are None if none are given."""
    values = jnp.asarray(values, dtype)
    weight = None
    if sample_weight is not None:
        values, weight = same_rank(values, jnp.asarray(sample_weight, dtype))
        rank = weight.ndim
        if values.ndim > rank:
            values = reduce(values, axis=tuple(range(rank, values.ndim)))
        check_weights("the metric", values, weight)
        weight = jnp.broadcast_to(weight, values.shape)
        values = jnp.where(weight == 0, 0, values * weight)  # 0 also where a value of weight 0 is NaN
        if rank > 1:
            weight = reduce(weight, axis=tuple(range(1, rank)))
    if values.ndim > 1:
        values = reduce(values, axis=tuple(range(1, values.ndim)))
    return values, weight
