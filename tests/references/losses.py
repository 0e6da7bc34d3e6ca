"""Losses and their gradients: every class, option, reduction and kind of sample weight, and the functions."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.references import COMPILE_FAST

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none")
# Nothing here is run twice, so that optimizing it takes longer than it saves.
N, T, C = 3, 2, 4  # examples, time steps, classes


def _normal(*shape: int) -> np.ndarray:
    return np.random.RandomState(sum(shape)).normal(size=shape).astype("float32")


def _probabilities(*shape: int) -> np.ndarray:
    """Between 0 and 1, some of them exactly there, not summing to 1."""
    x = np.random.RandomState(sum(shape)).uniform(0.05, 0.95, size=shape).astype("float32")
    x.flat[1], x.flat[-2] = 0.0, 1.0
    return x


def _labels(classes: int, *shape: int) -> np.ndarray:
    return np.random.RandomState(len(shape)).randint(0, classes, size=shape)


def _one_hot(*shape: int, axis: int = -1) -> np.ndarray:
    size = shape[axis]
    others = shape[:axis] + shape[axis % len(shape) + 1 :]
    return np.moveaxis(np.eye(size, dtype="float32")[_labels(size, *others)], -1, axis)


# name: (class, arguments, y_true, y_pred)
ROWS: dict[str, tuple[str, dict[str, Any], Any, Any]] = {}
for _name in ("MeanSquaredError", "MeanAbsoluteError"):
    ROWS |= {
        f"{_name}/vectors": (_name, {}, _normal(N), _normal(N + 1)[:N]),
        f"{_name}/vector_column": (_name, {}, _normal(N), _normal(N, 1)),
        f"{_name}/column_vector": (_name, {}, _normal(N, 1), _normal(N)),
        f"{_name}/columns": (_name, {}, np.float32([[0], [2], [5]]), np.float32([[0], [1], [7]])),
        f"{_name}/matrices": (_name, {}, _normal(N, C)[::-1], _normal(N, C) * 2),
        f"{_name}/integers": (_name, {}, _labels(9, N, C), _normal(N, C)),
        f"{_name}/sequences": (_name, {}, _normal(N, T, C), _normal(N, T, C) * 2),
        f"{_name}/sequences_of_numbers": (_name, {}, _normal(N, T), _normal(N, T, 1)),
    }

_name = "CategoricalCrossentropy"
ROWS |= {
    f"{_name}/probabilities": (_name, {}, _one_hot(N, C), _probabilities(N, C)),
    f"{_name}/integers": (_name, {}, _one_hot(N, C).astype("int64"), _probabilities(N, C)),
    f"{_name}/soft": (_name, {}, _probabilities(N, C)[::-1], _probabilities(N, C)),
    f"{_name}/logits": (_name, {"from_logits": True}, _one_hot(N, C), _normal(N, C) * 9),
    f"{_name}/smooth": (_name, {"label_smoothing": 0.1}, _one_hot(N, C), _probabilities(N, C)),
    f"{_name}/smooth_logits": (
        _name,
        {"label_smoothing": 0.3, "from_logits": True},
        _one_hot(N, C),
        _normal(N, C),
    ),
    f"{_name}/sequences": (_name, {}, _one_hot(N, T, C), _probabilities(N, T, C)),
    f"{_name}/axis": (_name, {"axis": 1}, _one_hot(N, C, T, axis=1), _probabilities(N, C, T)),
    f"{_name}/axis_logits": (_name, {"axis": 1, "from_logits": True}, _one_hot(N, C, T, axis=1), _normal(N, C, T)),
}

_name = "SparseCategoricalCrossentropy"
ROWS |= {
    f"{_name}/probabilities": (_name, {}, _labels(C, N), _probabilities(N, C)),
    f"{_name}/column": (_name, {}, _labels(C, N, 1), _probabilities(N, C)),
    f"{_name}/floats": (_name, {}, _labels(C, N).astype("float32"), _probabilities(N, C)),
    f"{_name}/logits": (_name, {"from_logits": True}, _labels(C, N), _normal(N, C) * 9),
    f"{_name}/ignore": (_name, {"ignore_class": -1}, np.array([1, -1, 3]), _probabilities(N, C)),
    f"{_name}/ignore_logits": (
        _name,
        {"ignore_class": 3, "from_logits": True},
        np.array([3, 3, 1]),
        _normal(N, C),
    ),
    f"{_name}/ignore_large": (
        _name,
        {"ignore_class": 255},
        np.array([[1, 255], [255, 0], [2, 2]]),
        _probabilities(3, 2, 4),
    ),
    f"{_name}/ignore_all": (_name, {"ignore_class": 2}, np.array([2, 2, 2]), _probabilities(N, C)),
    f"{_name}/sequences": (_name, {}, _labels(C, N, T), _probabilities(N, T, C)),
    f"{_name}/sequences_column": (_name, {}, _labels(C, N, T, 1), _probabilities(N, T, C)),
    # Keras wants the labels in the shape of the first axes, whatever axis is: sizes are equal here.
    f"{_name}/axis": (_name, {"axis": 1}, _labels(C, N, C), _probabilities(N, C, C)),
    f"{_name}/axis_ignore": (_name, {"axis": 1, "ignore_class": 0}, _labels(C, N, C), _probabilities(N, C, C)),
}

_name = "BinaryCrossentropy"
ROWS |= {
    f"{_name}/vectors": (_name, {}, np.array([1, 0, 1]), _probabilities(N)),
    f"{_name}/vector_column": (_name, {}, np.array([1, 0, 1]), _probabilities(N, 1)),
    f"{_name}/column_vector": (_name, {}, np.array([[1], [0], [1]]), _probabilities(N)),
    f"{_name}/columns": (_name, {}, np.float32([[1], [0], [1]]), _probabilities(N, 1)),
    f"{_name}/booleans": (_name, {}, np.array([[True], [False], [True]]), _probabilities(N, 1)),
    f"{_name}/matrices": (_name, {}, _labels(2, N, C), _probabilities(N, C)),
    f"{_name}/logits": (_name, {"from_logits": True}, _labels(2, N, C), _normal(N, C) * 20),
    f"{_name}/smooth": (_name, {"label_smoothing": 0.1}, _labels(2, N, C), _probabilities(N, C)),
    f"{_name}/smooth_logits": (
        _name,
        {"label_smoothing": 0.3, "from_logits": True},
        _labels(2, N, C),
        _normal(N, C),
    ),
    f"{_name}/sequences": (_name, {}, _labels(2, N, T, C), _probabilities(N, T, C)),
    f"{_name}/sequences_of_numbers": (_name, {}, _labels(2, N, T), _probabilities(N, T, 1)),
    f"{_name}/axis": (_name, {"axis": 1}, _labels(2, N, T, C), _probabilities(N, T, C)),
    f"{_name}/axis_first": (_name, {"axis": 0}, _labels(2, N, C), _probabilities(N, C)),
}

# The other losses of numbers bring their shapes together as those two do.
for _name in ("MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "CosineSimilarity", "Huber", "LogCosh"):
    ROWS |= {
        f"{_name}/matrices": (_name, {}, _normal(N, C)[::-1], _normal(N, C) * 2),
        f"{_name}/integers": (_name, {}, _labels(9, N, T, C), _normal(N, T, C)),
    }
ROWS |= {
    "MeanAbsolutePercentageError/zeros": (
        "MeanAbsolutePercentageError",
        {},
        np.float32([[0, 2], [1e-9, -4]]),
        np.float32([[0, 1], [1e-9, 4]]),
    ),
    "CosineSimilarity/axis": ("CosineSimilarity", {"axis": 1}, _normal(N, T, C)[::-1], _normal(N, T, C) * 2),
    "CosineSimilarity/small": ("CosineSimilarity", {}, np.float32([[1, 2]]), np.float32([[1e-8, -3e-9]])),
    "Huber/delta": ("Huber", {"delta": 0.3}, _normal(N, C), _normal(N, C) * 2),
    "LogCosh/large": ("LogCosh", {}, np.float32([[0, 200], [-300, 0]]), np.float32([[100, 0], [300, 1e-3]])),
}

# Distributions and counts
ROWS |= {
    "KLDivergence/probabilities": ("KLDivergence", {}, _probabilities(N, C)[::-1], _probabilities(N, C)),
    "KLDivergence/one_hot": ("KLDivergence", {}, _one_hot(N, C).astype("int64"), _probabilities(N, C)),
    "KLDivergence/sequences": ("KLDivergence", {}, _one_hot(N, T, C), _probabilities(N, T, C)),
    "Poisson/matrices": ("Poisson", {}, _labels(5, N, C), _probabilities(N, C) * 4),
    "Poisson/sequences": ("Poisson", {}, _labels(5, N, T, C), _probabilities(N, T, C) * 4),
}

# Scores. Labels 0 and 1 count as -1 and 1, but only where there are no others.
for _name in ("Hinge", "SquaredHinge"):
    ROWS |= {
        f"{_name}/matrices": (_name, {}, _labels(2, N, C) * 2 - 1, _normal(N, C)),
        f"{_name}/binary": (_name, {}, _labels(2, N, C), _normal(N, C)),
        f"{_name}/three_values": (_name, {}, _labels(3, N, C) - 1, _normal(N, C)),
    }
ROWS |= {
    "CategoricalHinge/matrices": ("CategoricalHinge", {}, _one_hot(N, C), _normal(N, C)),
    "CategoricalHinge/sequences": ("CategoricalHinge", {}, _one_hot(N, T, C), _normal(N, T, C)),
}

# Focal cross-entropies
_name = "CategoricalFocalCrossentropy"
ROWS |= {
    f"{_name}/probabilities": (_name, {}, _one_hot(N, C), _probabilities(N, C)),
    f"{_name}/logits": (_name, {"from_logits": True}, _one_hot(N, C), _normal(N, C) * 2),
    f"{_name}/alpha_gamma": (_name, {"alpha": 0.7, "gamma": 1.5}, _one_hot(N, C), _probabilities(N, C)),
    f"{_name}/alphas": (_name, {"alpha": [0.1, 0.2, 0.3, 0.4]}, _one_hot(N, C), _probabilities(N, C)),
    f"{_name}/smooth": (_name, {"label_smoothing": 0.1, "gamma": 3}, _one_hot(N, C), _probabilities(N, C)),
    f"{_name}/axis": (_name, {"axis": 1}, _one_hot(N, C, T, axis=1), _probabilities(N, C, T)),
}

_name = "BinaryFocalCrossentropy"
_balanced = {"apply_class_balancing": True}
ROWS |= {
    f"{_name}/matrices": (_name, {}, _labels(2, N, C), _probabilities(N, C)),
    f"{_name}/balanced_alpha": (_name, {**_balanced, "alpha": 0.9}, _labels(2, N, C), _probabilities(N, C)),
    f"{_name}/gamma": (_name, {"gamma": 1.5}, _labels(2, N, C), _probabilities(N, C)),
    f"{_name}/logits": (_name, {"from_logits": True}, _labels(2, N, C), _normal(N, C) * 2),
    f"{_name}/smooth": (_name, {"label_smoothing": 0.1}, _labels(2, N, C), _probabilities(N, C)),
    f"{_name}/smooth_logits": (
        _name,
        {**_balanced, "label_smoothing": 0.3, "from_logits": True},
        _labels(2, N, C),
        _normal(N, C),
    ),
    f"{_name}/axis": (_name, {"axis": 1}, _labels(2, N, T, C), _probabilities(N, T, C)),
}

_name = "CategoricalGeneralizedCrossEntropy"
_inside = _probabilities(N, C) * 0.9 + 0.05  # the gradient at probability 0 is infinite
ROWS |= {
    f"{_name}/probabilities": (_name, {"q": 0.5}, _labels(C, N), _inside),
    f"{_name}/small_q": (_name, {"q": 0.01}, _labels(C, N), _inside),
    f"{_name}/large_q": (_name, {"q": 0.9}, _labels(C, N).astype("float32"), _inside),
    f"{_name}/sequences": (_name, {"q": 0.7}, _labels(C, N, T), _probabilities(N, T, C) * 0.9 + 0.05),
}

# Overlap
_prices = {"alpha": 0.2, "beta": 1.5}
for _name, _arguments in (("Dice", {}), ("Tversky", {}), ("Tversky", _prices)):
    _row = f"{_name}_prices" if _arguments else _name
    ROWS |= {
        f"{_row}/matrices": (_name, _arguments, _labels(2, N, C), _probabilities(N, C)),
        f"{_row}/sequences": (_name, {**_arguments, "axis": -1}, _labels(2, N, T, C), _probabilities(N, T, C)),
        f"{_row}/axes": (_name, {**_arguments, "axis": (1, 2)}, _labels(2, N, T, C), _probabilities(N, T, C)),
    }


def _directions(*shape: int) -> np.ndarray:
    x = _normal(*shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


# Embeddings. The last class of "one_alone" has no second member, so that the mean leaves it out.
ROWS |= {
    "Circle/one_alone": ("Circle", {"gamma": 2.0, "margin": 0.2}, np.array([0, 1, 0, 1, 2]), _directions(5, C)),
    "Circle/column": ("Circle", {}, np.array([[0], [1], [0], [1], [1]]), _directions(5, C)),
    "Circle/diagonal": ("Circle", {"gamma": 2, "remove_diagonal": False}, np.array([0, 1, 0, 2]), _directions(4, C)),
}

# Sequences of labels from 1, filled up with 0. The last one needs a blank between the twos: three steps of three.
ROWS |= {"CTC/sequences": ("CTC", {}, np.array([[1, 2, 3], [3, 0, 0], [0, 0, 0], [2, 2, 0]]), _normal(4, 3, C))}

# Rows that go through every reduction, each with and without sample weights; the others are not reduced.
ALL_REDUCTIONS = [next(row for row in ROWS if row.startswith(f"{name}/")) for name in {row[0] for row in ROWS.values()}]
ALL_REDUCTIONS += [row for row in ROWS if row.endswith(("ignore", "ignore_large", "ignore_all"))]
ALL_REDUCTIONS += ["MeanSquaredError/sequences"]


def cases(keras: Any) -> dict[str, Any]:
    """Values and gradients of every row, and of a loss of one's own."""

    class Quartic(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return jnp.mean((y_true - y_pred) ** 4, axis=-1)

    def run(predictions: dict[str, Any]) -> dict[str, Any]:
        numbers = {}
        for case, (name, arguments, y_true, _) in ROWS.items():
            every = case in ALL_REDUCTIONS
            numbers[case] = row(getattr(keras.losses, name), arguments, y_true, predictions[case], every)
        embeddings, references = _directions(3, C), _directions(2, C)
        compared = keras.losses.circle(np.array([0, 1, 2]), embeddings, np.array([1, 0]), references, gamma=3.0)
        numbers["circle"] = {"references": compared}
        numbers["own"] = row(Quartic, {}, _normal(N, T, C), _normal(N, T, C) * 2, True)
        return {f"{case}/{kind}": value for case, row_ in numbers.items() for kind, value in row_.items()}

    return jax.jit(run, compiler_options=COMPILE_FAST)({case: y_pred for case, (_, _, _, y_pred) in ROWS.items()})


def row(loss: Any, arguments: dict[str, Any], y_true: Any, y_pred: Any, every: bool) -> dict[str, Any]:
    """The numbers of one loss: reduced in every way or not, and the gradient of a sum of some, each times a factor."""
    losses = {reduction: loss(reduction=reduction, **arguments) for reduction in REDUCTIONS}
    differentiated: list[Any] = [("none", None)]
    others: list[Any] = []
    if every:
        shape = losses["none"](y_true, y_pred).shape  # (n,), (n, steps) or, for vectors, ()
        examples = np.linspace(0.5, 3, shape[0] if shape else N).astype("float32")
        weight = examples[:, None] if len(shape) == 2 else examples
        differentiated += [("sum_over_batch_size", weight)]
        others = [(r, w) for r in REDUCTIONS for w in (None, weight)]

    def values(y_pred: Any) -> tuple[Any, Any]:
        each = [losses[r](y_true, y_pred, w) for r, w in differentiated]
        flat = jnp.concatenate([value.ravel() for value in each])
        return flat @ np.cos(np.arange(flat.size, dtype="float32")), each

    gradient, each = jax.grad(values, has_aux=True)(y_pred)
    each += [losses[r](y_true, y_pred, w) for r, w in others]
    arrays = {f"values_{i}": value for i, value in enumerate(each) if value.ndim}
    numbers = [value for value in each if not value.ndim]
    return {"gradient": gradient, **arrays} | ({"reduced": jnp.stack(numbers)} if numbers else {})
