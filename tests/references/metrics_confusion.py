"""Metrics of confusion, correlation and overlap: results and variables after batches without and with weights."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

N, C = 12, 3  # examples, classes
_QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}  # for one run
_GIVEN = np.random.RandomState(0)


def _yes_or_no(*shape: int) -> np.ndarray:
    return _GIVEN.randint(0, 2, size=(2, *shape))


def _labels(*shape: int) -> np.ndarray:
    return _GIVEN.randint(0, C, size=(2, *shape))


def _one_hot(*shape: int) -> np.ndarray:
    return np.eye(C, dtype="float32")[_labels(*shape)]


def _probabilities(*shape: int) -> np.ndarray:
    """Some are 0, 1 and what thresholds are, so that above and at least differ."""
    values = _GIVEN.uniform(size=(2, *shape)).astype("float32")
    rounded = np.round(values * 4) / 4
    return np.where(_GIVEN.uniform(size=values.shape) < 0.3, rounded, values).astype("float32")


def _normal(*shape: int) -> np.ndarray:
    return _GIVEN.normal(size=(2, *shape)).astype("float32")


_EXAMPLES = np.float32([0.5, 0.0, 3.0, 1.0, 2.0, 0.25, 1.5, 1.0, 0.0, 0.75, 1.0, 2.5])
_WHOLE = np.int32([1, 0, 3, 1, 2, 2, 1, 1, 0, 5, 1, 2])
_VALUES = np.linspace(0, 2, N * C).astype("float32").reshape(N, C)

# Kinds of data: two batches of y_true, two batches of y_pred, and weights of the second.
_DATA: dict[str, tuple[Any, Any, Any]] = {
    "vectors": (_yes_or_no(N), _probabilities(N), _EXAMPLES),
    "columns": (_yes_or_no(N, 1), _probabilities(N, 1), _EXAMPLES),
    "column_weights": (_yes_or_no(N, 1), _probabilities(N, 1), _EXAMPLES[:, None]),
    "vector_column": (_yes_or_no(N), _probabilities(N, 1), _EXAMPLES),
    "matrices": (_yes_or_no(N, C), _probabilities(N, C), _EXAMPLES),
    "values": (_yes_or_no(N, C), _probabilities(N, C), _VALUES),
    "floats": (_yes_or_no(N, C).astype("float32"), _probabilities(N, C), None),
    "outside": (_yes_or_no(N, C), 2 * _normal(N, C), _EXAMPLES),
    "sequences": (_yes_or_no(4, 2, C), _probabilities(4, 2, C), np.float32([[1, 2], [0, 1], [0.5, 1], [1, 3]])),
    "one_hot": (_one_hot(N), _probabilities(N, C), _EXAMPLES),
    "ties": (_one_hot(N), np.round(_probabilities(N, C) * 2) / 2, _EXAMPLES),
    "all_wrong": (0 * _yes_or_no(N), _probabilities(N), _EXAMPLES),
    "labels": (_labels(N), _labels(N), _WHOLE),
    "maps": (_labels(2, 2, 3), _labels(2, 2, 3), None),
    "sparse_and_scores": (_labels(N), _normal(N, C), _WHOLE),
    "scores": (_one_hot(N), _normal(N, C), _WHOLE),
    "normal": (_normal(N, C), _normal(N, C), _EXAMPLES),
    "normal_across": (_normal(N, C), _normal(N, C), np.float32([1, 0.5, 2])),
    "normal_values": (_normal(N, C), _normal(N, C), _VALUES),
    "normal_columns": (_normal(N, 1), _normal(N, 1), _EXAMPLES),
    "normal_vector": (_normal(N), _normal(N, 1), _EXAMPLES),
    "normal_sequences": (_normal(2, 4, C), _normal(2, 4, C), np.float32([2, 0.5])),
}
_EVEN, _UNEVEN = [0.0, 0.25, 0.5, 0.75, 1.0], [0.7, 0.25, 0.5]

# class: rows of (data, arguments)
_COUNTS: list[tuple[str, dict[str, Any]]] = [
    ("vectors", {}),
    ("vector_column", {"thresholds": 0.75}),
    ("values", {"thresholds": _UNEVEN}),
    ("outside", {"thresholds": _EVEN}),
    ("sequences", {}),
]
_RATES: list[tuple[str, dict[str, Any]]] = [
    ("columns", {}),
    ("column_weights", {}),
    ("all_wrong", {}),
    ("outside", {"thresholds": [0.0]}),
    ("sequences", {"thresholds": [0.0, 0.5, 1.0]}),
    ("ties", {"top_k": 2}),
    ("matrices", {"top_k": 2, "thresholds": _EVEN}),
    ("matrices", {"class_id": 2, "top_k": 2}),
    ("matrices", {"class_id": 0, "thresholds": _UNEVEN}),
]
_POINTS: list[tuple[str, dict[str, Any]]] = [
    ("vectors", {}),
    ("values", {"num_thresholds": 5}),
    ("vectors", {"num_thresholds": 1}),
    ("matrices", {"class_id": 1, "num_thresholds": 11}),
]
_AREAS: list[tuple[str, dict[str, Any]]] = [
    ("vectors", {}),
    ("columns", {"num_thresholds": 5}),
    ("outside", {"num_thresholds": 9}),
    ("outside", {"from_logits": True}),
    ("values", {"thresholds": _UNEVEN}),
    ("values", {"thresholds": [0.5, 0.25, 0.75]}),
    ("matrices", {"multi_label": True, "num_thresholds": 21}),
    ("values", {"multi_label": True, "num_labels": C, "num_thresholds": 21}),
    ("matrices", {"multi_label": True, "label_weights": [0.5, 0.0, 2.0]}),
    ("matrices", {"label_weights": [0.5, 0.0, 2.0], "num_thresholds": 21}),
    ("floats", {"label_weights": [0.5, 0.0, 2.0], "thresholds": _UNEVEN}),
    ("all_wrong", {"num_thresholds": 7}),
]
_OVERLAPS: list[tuple[str, dict[str, Any]]] = [
    ("labels", {}),
    ("labels", {"ignore_class": 1}),
    ("labels", {"dtype": "float32"}),
    ("maps", {}),
    ("sparse_and_scores", {"sparse_y_pred": False}),
    ("scores", {"sparse_y_true": False, "sparse_y_pred": False}),
]
_ONE_HOT_OVERLAPS: list[tuple[str, dict[str, Any]]] = [("scores", {}), ("scores", {"ignore_class": 2})]
_SCORES = [
    (data, {"average": average, **arguments})
    for average in (None, "micro", "macro", "weighted")
    for data, arguments in (("ties", {}), ("matrices", {"threshold": 0.5}))
]

_LATE = ("AUC", "FBetaScore", "F1Score", "R2Score")  # some make their variables when they see the first batch


def _with(rows: list[tuple[str, dict[str, Any]]], **arguments: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(data, {**arguments, **own}) for data, own in rows]


ROWS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "TruePositives": _COUNTS,
    "FalsePositives": _COUNTS[1:4],
    "TrueNegatives": _COUNTS[1:4],
    "FalseNegatives": _COUNTS[1:4],
    "Precision": _RATES,
    "Recall": _RATES[::2],
    "SensitivityAtSpecificity": _with(_POINTS, specificity=0.6),
    "SpecificityAtSensitivity": _with(_POINTS, sensitivity=0.6),
    "PrecisionAtRecall": _with(_POINTS, recall=0.6),
    "RecallAtPrecision": _with(_POINTS, precision=0.6),
    "AUC": [
        *_AREAS,
        *_with(_AREAS[:7:3], curve="PR"),
        *_with(_AREAS[:7:3], curve="PRGAIN"),
        *_with(_AREAS[:1], summation_method="minoring"),
        *_with(_AREAS[:1], summation_method="majoring"),
        *_with(_AREAS[1:7:5], curve="PR", summation_method="minoring"),
        *_with(_AREAS[1:7:5], curve="PR", summation_method="majoring"),
    ],
    "IoU": [
        *_with(_OVERLAPS, num_classes=C, target_class_ids=[0, 2]),
        ("labels", {"num_classes": 2, "target_class_ids": [1]}),
    ],
    "MeanIoU": [*_with(_OVERLAPS, num_classes=C), ("labels", {"num_classes": 2}), ("labels", {"num_classes": 5})],
    "BinaryIoU": [
        ("floats", {}),
        ("floats", {"threshold": 0.25, "target_class_ids": (1,)}),
        ("columns", {"dtype": "float32", "threshold": 0.75, "target_class_ids": [0]}),
    ],
    "OneHotIoU": _with(_ONE_HOT_OVERLAPS, num_classes=C, target_class_ids=[0, 2]),
    "OneHotMeanIoU": [
        *_with(_ONE_HOT_OVERLAPS, num_classes=C),
        ("scores", {"num_classes": C, "dtype": "float32"}),
    ],
    "FBetaScore": [
        ("ties", {"beta": 2.0}),
        ("one_hot", {"beta": 0.5, "average": "macro"}),
        ("one_hot", {"beta": 2.0, "average": "micro", "threshold": 0.5}),
        ("floats", {}),
    ],
    "F1Score": _SCORES,
    "PearsonCorrelation": [("normal", {}), ("normal_across", {"axis": 0}), ("normal_sequences", {"axis": 1})],
    "ConcordanceCorrelation": [("normal", {}), ("normal_across", {"axis": 0}), ("normal_sequences", {"axis": 1})],
    "R2Score": [
        ("normal", {}),
        ("normal_values", {}),
        ("normal_columns", {}),
        ("normal_vector", {}),
        ("normal", {"class_aggregation": None}),
        ("normal", {"class_aggregation": "variance_weighted_average"}),
    ],
}


def cases(keras: Any) -> dict[str, Any]:
    """Every row, in one compiled program.

    Left out is what Keras cannot compile: adjusted R2, and AUC with `multi_label` and thresholds of one's own.
    """
    return jax.jit(lambda: _all_rows(keras), compiler_options=_QUICKLY)()


def _all_rows(keras: Any) -> dict[str, Any]:
    numbers = {}
    for name, rows in ROWS.items():
        for data, arguments in rows:
            options = ",".join(f"{argument}={value}" for argument, value in arguments.items())
            numbers[f"{name}/{data}/{options}"] = _two_batches(getattr(keras.metrics, name)(**arguments), data)
    for name in ("pearson_correlation", "concordance_correlation"):
        y_true, y_pred, _ = _DATA["normal"]
        numbers[name] = getattr(keras.metrics, name)(jnp.asarray(y_true), jnp.asarray(y_pred), axis=1)
    return numbers


def _two_batches(metric: Any, data: str) -> Any:
    """The results before, after a batch without and one with weights; and the variables. NaN is written as -99."""
    y_true, y_pred, weight = _DATA[data]
    if type(metric).__name__ in _LATE:
        metric.update_state(jnp.asarray(y_true[0]), jnp.asarray(y_pred[0]))
        metric.reset_state()
    state = metric.stateless_reset_state()
    results = [metric.stateless_result(state)]
    for i, sample_weight in enumerate(({}, {"sample_weight": weight})):
        state = metric.stateless_update_state(state, y_true[i], jnp.asarray(y_pred[i]), **sample_weight)
        results.append(metric.stateless_result(state))
    flat = [jnp.ravel(jnp.asarray(value, "float32")) for value in (*results, *state)]
    return jnp.nan_to_num(jnp.concatenate(flat), nan=-99.0)
