"""Metrics: the result and the variables after two batches, without and with sample weights, and after a reset."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

N, T, C = 4, 3, 5  # examples, time steps, classes
_QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}  # for one run


def _normal(*shape: int) -> np.ndarray:
    return np.random.RandomState(sum(shape)).normal(size=(2, *shape)).astype("float32")


def _probabilities(*shape: int) -> np.ndarray:
    return np.random.RandomState(sum(shape)).uniform(0.05, 0.95, size=(2, *shape)).astype("float32")


def _labels(classes: int, *shape: int) -> np.ndarray:
    return np.random.RandomState(len(shape)).randint(0, classes, size=(2, *shape))


def _one_hot(*shape: int) -> np.ndarray:
    return np.eye(shape[-1], dtype="float32")[_labels(shape[-1], *shape[:-1])]


_EXAMPLES = np.float32([0.5, 0.0, 3.0, 1.0])
_STEPS = np.linspace(0, 2, N * T).astype("float32").reshape(N, T)
_TIES = np.float32([[[3, 1, 3, 2, 0], [1, 1, 1, 1, 1], [0, 5, 4, 4, 4], [2, 0, 2, 0, 2]]] * 2)
_AT_ODD = np.array([[0, 0, 0, 3], [4, 3, 1, 4]])
_ODD = np.float32([[[np.nan, 1, 2, 3, 4], [np.inf, 1, np.inf, 3, 4], [-np.inf, 0, 1, 2, 3], [0, 1, 2, np.nan, 4]]] * 2)

# name: (class, arguments, two batches of y_true, two batches of y_pred, weights of the second)
ROWS: dict[str, tuple[str, dict[str, Any], Any, Any, Any]] = {
    "Accuracy/vectors": ("Accuracy", {}, _labels(3, N), _labels(3, N)[::-1], _EXAMPLES),
    "Accuracy/matrices": ("Accuracy", {}, _labels(3, N, T), _labels(3, N, T)[::-1], _STEPS),
    "Accuracy/vector_column": ("Accuracy", {}, _labels(2, N), _labels(2, N, 1).astype("float32"), _EXAMPLES),
    "BinaryAccuracy/vectors": ("BinaryAccuracy", {}, _labels(2, N), _probabilities(N), _EXAMPLES),
    "BinaryAccuracy/columns": ("BinaryAccuracy", {}, _labels(2, N, 1), _probabilities(N, 1), _EXAMPLES),
    "BinaryAccuracy/vector_column": ("BinaryAccuracy", {}, _labels(2, N), _probabilities(N, 1), _EXAMPLES),
    "BinaryAccuracy/floats": (
        "BinaryAccuracy",
        {},
        _labels(2, N, C).astype("float32"),
        _probabilities(N, C),
        _EXAMPLES,
    ),
    "BinaryAccuracy/threshold": (
        "BinaryAccuracy",
        {"threshold": 0.8},
        _labels(2, N, C),
        _probabilities(N, C),
        _EXAMPLES,
    ),
    "BinaryAccuracy/boundary": ("BinaryAccuracy", {}, np.eye(2, 4), np.full((2, 4), 0.5, "float32"), _EXAMPLES),
    "CategoricalAccuracy/matrices": ("CategoricalAccuracy", {}, _one_hot(N, C), _normal(N, C), _EXAMPLES),
    "CategoricalAccuracy/ties": ("CategoricalAccuracy", {}, _one_hot(N, C), _TIES, _EXAMPLES),
    "CategoricalAccuracy/sequences": ("CategoricalAccuracy", {}, _one_hot(N, T, C), _normal(N, T, C), _STEPS),
    "SparseCategoricalAccuracy/vectors": ("SparseCategoricalAccuracy", {}, _labels(C, N), _normal(N, C), _EXAMPLES),
    "SparseCategoricalAccuracy/column": ("SparseCategoricalAccuracy", {}, _labels(C, N, 1), _normal(N, C), _EXAMPLES),
    "SparseCategoricalAccuracy/floats": (
        "SparseCategoricalAccuracy",
        {},
        _labels(C, N).astype("float32"),
        _normal(N, C),
        _EXAMPLES[:, None],
    ),
    "SparseCategoricalAccuracy/sequences": (
        "SparseCategoricalAccuracy",
        {},
        _labels(C, N, T),
        _normal(N, T, C),
        _STEPS,
    ),
    "SparseCategoricalAccuracy/sequences_examples": (
        "SparseCategoricalAccuracy",
        {},
        _labels(C, N, T, 1),
        _normal(N, T, C),
        _EXAMPLES,
    ),
    "TopKCategoricalAccuracy/5": ("TopKCategoricalAccuracy", {}, _one_hot(N, 9), _normal(N, 9), _EXAMPLES),
    "TopKCategoricalAccuracy/ties": ("TopKCategoricalAccuracy", {"k": 2}, _one_hot(N, C), _TIES, _EXAMPLES),
    "TopKCategoricalAccuracy/sequences": (
        "TopKCategoricalAccuracy",
        {"k": 2},
        _one_hot(N, T, C),
        _normal(N, T, C),
        _STEPS,
    ),
    "SparseTopKCategoricalAccuracy/5": ("SparseTopKCategoricalAccuracy", {}, _labels(9, N), _normal(N, 9), _EXAMPLES),
    "SparseTopKCategoricalAccuracy/column": (
        "SparseTopKCategoricalAccuracy",
        {"k": 2},
        _labels(C, N, 1),
        _normal(N, C),
        _EXAMPLES,
    ),
    "SparseTopKCategoricalAccuracy/floats": (
        "SparseTopKCategoricalAccuracy",
        {"k": 1},
        _labels(C, N).astype("float32"),
        _normal(N, C),
        _EXAMPLES,
    ),
    "SparseTopKCategoricalAccuracy/odd": ("SparseTopKCategoricalAccuracy", {"k": 2}, _AT_ODD, _ODD, _EXAMPLES),
    "SparseTopKCategoricalAccuracy/sequences": (
        "SparseTopKCategoricalAccuracy",
        {"k": 3},
        _labels(C, N, T),
        _normal(N, T, C),
        _STEPS,
    ),
    "SparseTopKCategoricalAccuracy/sorted": (
        "SparseTopKCategoricalAccuracy",
        {"k": 2, "from_sorted_ids": True},
        _labels(3, N),
        _labels(3, N, 4),
        _EXAMPLES,
    ),
    "MeanSquaredError/vectors": ("MeanSquaredError", {}, _normal(N), _normal(N)[::-1], None),
    "MeanSquaredError/vector_column": ("MeanSquaredError", {}, _normal(N), _normal(N, 1), _EXAMPLES),
    "MeanSquaredError/matrices": ("MeanSquaredError", {}, _labels(9, N, C), _normal(N, C), _EXAMPLES),
    "MeanSquaredError/sequences": ("MeanSquaredError", {}, _normal(N, T, C), _normal(N, T, C)[::-1], _STEPS),
    "MeanSquaredError/sequences_examples": (
        "MeanSquaredError",
        {},
        _normal(N, T, C),
        _normal(N, T, C)[::-1],
        _EXAMPLES,
    ),
    "MeanAbsoluteError/columns": ("MeanAbsoluteError", {}, _normal(N, 1), _normal(N, 1)[::-1], _EXAMPLES[:, None]),
    "MeanAbsoluteError/matrices": ("MeanAbsoluteError", {}, _normal(N, C), _normal(N, C)[::-1], 0 * _EXAMPLES),
    "RootMeanSquaredError/vectors": ("RootMeanSquaredError", {}, _normal(N), _normal(N)[::-1], _EXAMPLES),
    "RootMeanSquaredError/vector_column": ("RootMeanSquaredError", {}, _normal(N), _normal(N, 1), _EXAMPLES),
    "RootMeanSquaredError/matrices": ("RootMeanSquaredError", {}, _normal(N, C), _normal(N, C)[::-1], _EXAMPLES),
    "RootMeanSquaredError/steps": ("RootMeanSquaredError", {}, _normal(N, T), _normal(N, T)[::-1], _STEPS),
    "MeanAbsolutePercentageError": ("MeanAbsolutePercentageError", {}, _normal(N, C), _normal(N, C)[::-1], _EXAMPLES),
    "MeanAbsolutePercentageError/zeros": ("MeanAbsolutePercentageError", {}, _labels(2, N, 1), _normal(N), _EXAMPLES),
    "MeanSquaredLogarithmicError": ("MeanSquaredLogarithmicError", {}, _labels(9, N, C), _normal(N, C), _EXAMPLES),
    "LogCoshError": ("LogCoshError", {}, _normal(N, T, C), _normal(N, T, C)[::-1], _STEPS),
    "LogCoshError/vectors": ("LogCoshError", {}, _normal(N), 100 * _normal(N), None),
    "CosineSimilarity": ("CosineSimilarity", {}, _normal(N, C), _normal(N, C)[::-1], _EXAMPLES),
    "CosineSimilarity/axis": ("CosineSimilarity", {"axis": 1}, _normal(N, T, C), _normal(N, T, C)[::-1], _EXAMPLES),
    "KLDivergence": ("KLDivergence", {}, _probabilities(N, C), _probabilities(N, C)[::-1], _EXAMPLES),
    "KLDivergence/one_hot": ("KLDivergence", {}, _one_hot(N, T, C), _probabilities(N, T, C), _STEPS),
    "Poisson": ("Poisson", {}, _labels(9, N, C), _probabilities(N, C), _EXAMPLES),
    "Hinge": ("Hinge", {}, _labels(2, N, C), _normal(N, C), _EXAMPLES),
    "Hinge/signs": ("Hinge", {}, 2.0 * _labels(2, N) - 1, _normal(N), None),
    "SquaredHinge": ("SquaredHinge", {}, _labels(2, N, C), _normal(N, C), _EXAMPLES),
    "CategoricalHinge": ("CategoricalHinge", {}, _one_hot(N, T, C), _normal(N, T, C), _STEPS),
    "BinaryCrossentropy/columns": ("BinaryCrossentropy", {}, _labels(2, N, 1), _probabilities(N, 1), _EXAMPLES),
    "BinaryCrossentropy/smooth": (
        "BinaryCrossentropy",
        {"label_smoothing": 0.1},
        _labels(2, N, C),
        _probabilities(N, C),
        _EXAMPLES,
    ),
    "BinaryCrossentropy/logits": (
        "BinaryCrossentropy",
        {"from_logits": True},
        _labels(2, N, T, C),
        _normal(N, T, C),
        _STEPS,
    ),
    "CategoricalCrossentropy/probabilities": (
        "CategoricalCrossentropy",
        {},
        _one_hot(N, C),
        _probabilities(N, C),
        _EXAMPLES,
    ),
    "CategoricalCrossentropy/logits": (
        "CategoricalCrossentropy",
        {"from_logits": True, "label_smoothing": 0.2},
        _one_hot(N, C),
        _normal(N, C),
        _EXAMPLES,
    ),
    "CategoricalCrossentropy/axis": (
        "CategoricalCrossentropy",
        {"axis": 1},
        np.swapaxes(_one_hot(N, T, C), 2, 3),
        _probabilities(N, C, T),
        _STEPS,
    ),
    "SparseCategoricalCrossentropy/probabilities": (
        "SparseCategoricalCrossentropy",
        {},
        _labels(C, N),
        _probabilities(N, C),
        _EXAMPLES,
    ),
    "SparseCategoricalCrossentropy/logits": (
        "SparseCategoricalCrossentropy",
        {"from_logits": True},
        _labels(C, N, T),
        _normal(N, T, C),
        _STEPS,
    ),
}

# Two batches of values, and weights of the second.
VALUES = {
    "numbers": (np.float32([2, 5]), None),
    "vectors": (_normal(N), _EXAMPLES),
    "vectors_scalar": (_normal(N), np.float32(2.5)),
    "vectors_column": (_normal(N), _EXAMPLES[:, None]),
    "columns": (_normal(N, 1), _EXAMPLES),
    "matrices": (_normal(N, T), _STEPS),
    "matrices_examples": (_normal(N, T), _EXAMPLES),
    "matrices_column": (_normal(N, T), _EXAMPLES[:, None]),
    "sequences": (_normal(N, T, C), _STEPS),
    "integers": (_labels(9, N), _EXAMPLES),
    "nothing": (_normal(N), 0 * _EXAMPLES),
}


def cases(keras: Any) -> dict[str, Any]:
    """Every row, in one compiled program."""
    return jax.jit(lambda: _all_rows(keras), compiler_options=_QUICKLY)()


def _all_rows(keras: Any) -> dict[str, Any]:
    numbers = {}
    for case, (name, arguments, y_true, y_pred, weight) in ROWS.items():
        metric = getattr(keras.metrics, name)(**arguments)
        numbers[case] = two_batches(metric, list(zip(y_true, y_pred, strict=True)), weight)
    for name in ("Mean", "Sum"):
        for case, (values, weight) in VALUES.items():
            metric = getattr(keras.metrics, name)()
            numbers[f"{name}/{case}"] = two_batches(metric, [(batch,) for batch in values], weight)
    metric = keras.metrics.MeanMetricWrapper(scaled_gap, name="gap", scale=3.0)
    numbers["MeanMetricWrapper"] = two_batches(metric, list(zip(_normal(N), _normal(N, 1), strict=True)), None)
    wide = keras.metrics.MeanSquaredError(dtype="float16")  # what it adds up in
    numbers["float16"] = two_batches(wide, list(zip(_labels(4, N, 2), _labels(4, N, 2)[::-1], strict=True)), None)
    return numbers


def scaled_gap(y_true: Any, y_pred: Any, scale: float = 1.0) -> Any:
    """A metric function of a user."""
    return scale * jnp.abs(y_true - y_pred[:, 0])


def two_batches(metric: Any, batches: list[Any], weight: Any) -> Any:
    """The results before, after a batch without and one with weights, and after a reset; and the variables."""
    state = metric.stateless_reset_state()
    results = [metric.stateless_result(state)]
    for batch, sample_weight in zip(batches, ({}, {"sample_weight": weight}), strict=True):
        state = metric.stateless_update_state(state, *batch, **sample_weight)
        results.append(metric.stateless_result(state))
    return jnp.stack([*results, metric.stateless_result(metric.stateless_reset_state()), *state])
