"""Losses: functions of targets and predictions, and classes that reduce their values to a scalar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl.core import registry, serialization
from minidl.core.typing import Config, Identifier
from minidl.losses.alignment import CTC, ctc
from minidl.losses.base import (
    Loss,
    LossFunctionWrapper,
    check_weights,
    function_config,
    pair,
    reduce,
    same_rank,
    with_function,
    with_mask,
)
from minidl.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from minidl.losses.focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
)
from minidl.losses.generalized import CategoricalGeneralizedCrossEntropy, categorical_generalized_cross_entropy
from minidl.losses.hinges import CategoricalHinge, Hinge, SquaredHinge, categorical_hinge, hinge, squared_hinge
from minidl.losses.overlap import Dice, Tversky, dice, tversky
from minidl.losses.probabilistic import KLDivergence, Poisson, kl_divergence, poisson
from minidl.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from minidl.losses.similarity import Circle, circle

__all__ = [
    "CTC",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "check_weights",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "function_config",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "pair",
    "poisson",
    "reduce",
    "same_rank",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
    "with_function",
    "with_mask",
]

_CLASSES = (
    *(MeanSquaredError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredLogarithmicError),
    *(CosineSimilarity, Huber, LogCosh),
    *(CategoricalCrossentropy, SparseCategoricalCrossentropy, BinaryCrossentropy),
    *(CategoricalFocalCrossentropy, BinaryFocalCrossentropy, CategoricalGeneralizedCrossEntropy),
    *(KLDivergence, Poisson, Hinge, SquaredHinge, CategoricalHinge, Dice, Tversky, Circle, CTC),
    *(Loss, LossFunctionWrapper),
)
_FUNCTIONS = (
    *(mean_squared_error, mean_absolute_error, mean_absolute_percentage_error, mean_squared_logarithmic_error),
    *(cosine_similarity, huber, log_cosh),
    *(categorical_crossentropy, sparse_categorical_crossentropy, binary_crossentropy),
    *(categorical_focal_crossentropy, binary_focal_crossentropy, categorical_generalized_cross_entropy),
    *(kl_divergence, poisson, hinge, squared_hinge, categorical_hinge, dice, tversky, circle, ctc),
)
NAMES: dict[str, Any] = {
    **{cls.__name__: cls for cls in _CLASSES},
    **{function.__name__: function for function in _FUNCTIONS},
    "bce": binary_crossentropy,
    "BCE": binary_crossentropy,
    "kld": kl_divergence,
    "KLD": kl_divergence,
    "mae": mean_absolute_error,
    "MAE": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "MAPE": mean_absolute_percentage_error,
    "mse": mean_squared_error,
    "MSE": mean_squared_error,
    "msle": mean_squared_logarithmic_error,
    "MSLE": mean_squared_logarithmic_error,
}


def get(identifier: Identifier | Loss) -> Loss | Callable[..., Any]:
    """Look up a loss: by name, config, class or function, or a `Loss` itself.

    Raises:
        ValueError: an unknown name; the message suggests similar ones.
        TypeError: the identifier is of another type.

    >>> get("mse").__name__, get("MeanSquaredError").reduction
    ('mean_squared_error', 'sum_over_batch_size')
    """
    if isinstance(identifier, dict):
        return deserialize(identifier)
    return serialization.lookup(identifier, NAMES, "loss", instance_of=Loss)


def serialize(loss: Loss | Callable[..., Any]) -> str | Config:
    """The JSON form of a loss."""
    return serialization.serialize(loss)


def deserialize(config: str | Config, custom_objects: dict[str, Any] | None = None) -> Loss | Callable[..., Any]:
    """The loss of a JSON form; your own classes and functions are looked up in `custom_objects`."""
    with registry.known_names(custom_objects):
        return serialization.deserialize(with_function(config, NAMES), NAMES, "loss")
