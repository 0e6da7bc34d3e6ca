"""Metrics, and the names that compile() knows them by."""

from __future__ import annotations

from typing import Any

from minidl import losses, names
from minidl.losses import (
    binary_crossentropy,
    categorical_crossentropy,
    mean_absolute_error,
    mean_squared_error,
    sparse_categorical_crossentropy,
)
from minidl.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from minidl.metrics.base import Metric
from minidl.metrics.probabilistic import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from minidl.metrics.reduction import Mean, MeanMetricWrapper, Sum
from minidl.metrics.regression import MeanAbsoluteError, MeanSquaredError, RootMeanSquaredError

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "Mean",
    "MeanAbsoluteError",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "Metric",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "Sum",
    "TopKCategoricalAccuracy",
    "binary_accuracy",
    "binary_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "deserialize",
    "get",
    "mean_absolute_error",
    "mean_squared_error",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]

_CLASSES = [value for value in list(globals().values()) if isinstance(value, type) and issubclass(value, Metric)]
_NAMES: dict[str, Any] = {
    **{cls.__name__: cls for cls in _CLASSES},
    **{names.snake_case(cls.__name__): cls for cls in _CLASSES if cls is not Metric},
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "rmse": RootMeanSquaredError,
    "RMSE": RootMeanSquaredError,
    "bce": BinaryCrossentropy,
    "BCE": BinaryCrossentropy,
}


def get(identifier: Any) -> Any:
    """The metric that an identifier stands for: a name, a config, a class, a function or a `Metric`.

    Raises:
        ValueError: an unknown name; the message holds the near ones.
    """
    return names.lookup(identifier, _NAMES, "metric", instance_of=Metric)


def of_function(fn: Any, name: str) -> Metric:
    """The mean of a function, or of a loss object, under a name."""
    if isinstance(fn, losses.Loss):
        fn = fn.call
    return MeanMetricWrapper(fn, name=name)


def serialize(metric: Any) -> Any:
    """The JSON form of a metric."""
    return names.serialize(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The metric behind its JSON form; classes of your own come from `custom_objects`."""
    return names.deserialize(config, {**_NAMES, **(custom_objects or {})}, "metric")
