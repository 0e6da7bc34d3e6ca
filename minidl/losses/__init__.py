"""Losses: functions of targets and predictions, and classes that reduce them to the number that training lowers."""

from __future__ import annotations

from typing import Any

from minidl import names
from minidl.losses.base import (
    Loss,
    LossFunctionWrapper,
    check_weights,
    function_config,
    pair,
    reduce,
    same_rank,
    with_function,
)
from minidl.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from minidl.losses.regression import MeanAbsoluteError, MeanSquaredError, mean_absolute_error, mean_squared_error

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "check_weights",
    "deserialize",
    "function_config",
    "get",
    "mean_absolute_error",
    "mean_squared_error",
    "pair",
    "reduce",
    "same_rank",
    "serialize",
    "sparse_categorical_crossentropy",
    "with_function",
]

_CLASSES = (
    *(MeanSquaredError, MeanAbsoluteError),
    *(CategoricalCrossentropy, SparseCategoricalCrossentropy, BinaryCrossentropy),
)
_FUNCTIONS = (
    *(mean_squared_error, mean_absolute_error),
    *(categorical_crossentropy, sparse_categorical_crossentropy, binary_crossentropy),
)
_NAMES: dict[str, Any] = {
    **{cls.__name__: cls for cls in (*_CLASSES, LossFunctionWrapper)},
    **{function.__name__: function for function in _FUNCTIONS},
    "mse": mean_squared_error,
    "MSE": mean_squared_error,
    "mae": mean_absolute_error,
    "MAE": mean_absolute_error,
    "bce": binary_crossentropy,
    "BCE": binary_crossentropy,
}


def get(identifier: Any) -> Any:
    """The loss that an identifier stands for: a name, a config, a class, a function or a `Loss`.

    Raises:
        ValueError: an unknown name; the message holds the near ones.
        TypeError: nothing that could be a loss.

    >>> get("mse").__name__, get("MeanSquaredError").reduction
    ('mean_squared_error', 'sum_over_batch_size')
    """
    if isinstance(identifier, dict):
        return deserialize(identifier)
    return names.lookup(identifier, _NAMES, "loss", instance_of=Loss)


def serialize(loss: Any) -> Any:
    """The JSON form of a loss."""
    return names.serialize(loss)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The loss behind its JSON form; classes and functions of your own come from `custom_objects`."""
    table = {**_NAMES, **(custom_objects or {})}
    return names.deserialize(with_function(config, table), table, "loss")
