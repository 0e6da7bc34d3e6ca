"""Cross-entropies and likelihoods as metrics: running means of the losses of the same names."""

from __future__ import annotations

from minidl import losses
from minidl.core.typing import DType
from minidl.metrics.reduction import MeanMetricWrapper


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean of `losses.binary_crossentropy`.

    >>> round(float(BinaryCrossentropy()([[1.0], [0.0]], [[0.5], [0.5]])), 3)
    0.693
    """

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: DType | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(losses.binary_crossentropy, name, dtype, **arguments)


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean of `losses.categorical_crossentropy`.

    >>> round(float(CategoricalCrossentropy()([[1.0, 0.0]], [[0.5, 0.5]])), 3)
    0.693
    """

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: DType | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(losses.categorical_crossentropy, name, dtype, **arguments)


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean of `losses.sparse_categorical_crossentropy`.

    >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 3)
    0.693
    """

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: DType | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        arguments = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(losses.sparse_categorical_crossentropy, name, dtype, **arguments)


class KLDivergence(MeanMetricWrapper):
    """The mean of `losses.kl_divergence`, sum(y_true log(y_true / y_pred)).

    >>> round(float(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])), 3)
    0.144
    """

    def __init__(self, name: str = "kl_divergence", dtype: DType | None = None):
        super().__init__(losses.kl_divergence, name, dtype)


class Poisson(MeanMetricWrapper):
    """The mean of `losses.poisson`, y_pred - y_true log(y_pred).

    >>> round(float(Poisson()([[1.0, 2.0]], [[1.0, 1.0]])), 3)
    1.0
    """

    def __init__(self, name: str = "poisson", dtype: DType | None = None):
        super().__init__(losses.poisson, name, dtype)
