"""Hinge losses as metrics: running means of the losses of the same names."""

from __future__ import annotations

from minidl import losses
from minidl.core.typing import DType
from minidl.metrics.reduction import MeanMetricWrapper


class Hinge(MeanMetricWrapper):
    """The mean of `losses.hinge`, mean(max(1 - y_true y_pred, 0)) for labels -1 and 1 (0 counts as -1).

    >>> round(float(Hinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])), 3)
    1.3
    """

    def __init__(self, name: str = "hinge", dtype: DType | None = None):
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """The mean of `losses.squared_hinge`, mean(max(1 - y_true y_pred, 0)^2) for labels -1 and 1 (0 counts as -1).

    >>> round(float(SquaredHinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])), 3)
    1.86
    """

    def __init__(self, name: str = "squared_hinge", dtype: DType | None = None):
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """The mean of `losses.categorical_hinge`, max(1 + the largest wrong prediction - the right one, 0).

    >>> round(float(CategoricalHinge()([[0, 1], [1, 0]], [[0.6, 0.4], [0.4, 0.6]])), 3)
    1.2
    """

    def __init__(self, name: str = "categorical_hinge", dtype: DType | None = None):
        super().__init__(losses.categorical_hinge, name, dtype)
