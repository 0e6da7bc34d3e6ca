"""Losses: functions of targets and predictions, and classes that reduce them to the number that training lowers.

A loss function gives one value for each example (and each further axis but the last). A `Loss`
weighs these values with sample weights and masks and reduces them. A
cross-entropy of a softmax's or sigmoid's output is computed from the logits behind it (see
notes.py), where it is exact also for probabilities that have saturated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from minidl import dtypes, names, notes

_REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


class Loss:
    """The base of losses. A subclass writes `call(y_true, y_pred)`, one value for each example.

    Args:
        name: default: the class's name in snake case.
        reduction: "sum_over_batch_size" (or "mean") for the sum over the number of values;
            "mean_with_sample_weight" for the sum over the sum of weights; "sum"; or "none".
        dtype: what to compute in, default `floatx()`.

    Raises:
        ValueError: another reduction.

    Example:
    >>> class Quartic(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return jnp.mean((y_true - y_pred) ** 4, axis=-1)
    >>> float(Quartic()(jnp.array([[0.0], [1.0]]), jnp.array([[1.0], [1.0]])))
    0.5
    """

    def __init__(self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None):
        if reduction not in _REDUCTIONS:
            raise ValueError(f"Unknown reduction {reduction!r}: expected one of {_REDUCTIONS}.")
        self.name = name or names.auto_name(type(self).__name__)
        self.reduction = reduction
        self.dtype_policy = dtypes.get(dtype or dtypes.floatx())

    @property
    def dtype(self) -> str:
        """What the loss computes in."""
        return self.dtype_policy.compute_dtype

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """One value for each example: (batch, ..., features) -> (batch, ...)."""
        raise NotImplementedError(
            f"{type(self).__name__} has no `call` method. Write `def call(self, y_true, y_pred)`."
        )

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The reduced loss.

        Args:
            y_true: targets.
            y_pred: predictions.
            sample_weight: weights that broadcast against the values of `call`.
        """
        with notes.scope():
            mask = notes.read(y_pred, "mask")
            y_pred = jax.tree.map(self._convert, y_pred)
            y_true = jax.tree.map(self._convert, y_true)
            values = self.call(y_true, y_pred)
            inner = notes.read(values, "mask")
            mask = inner if mask is None else mask if inner is None else mask & inner
            return reduce(jnp.asarray(values, self.dtype), sample_weight, mask, self.reduction)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The loss that `get_config` described."""
        return cls(**config)

    def _convert(self, value: Any) -> Any:
        return _with_logits_of(value, jnp.asarray(value, self.dtype), lambda logits: logits.astype(self.dtype))


def reduce(values: Any, sample_weight: Any, mask: Any, reduction: str | None) -> Any:
    """Weigh values and reduce them.

    Args:
        values: (batch, ...) values of a loss.
        sample_weight: weights that broadcast against the values, or None.
        mask: booleans that broadcast against the values, or None; masked values count as if they
            were not there.
        reduction: as in `Loss`.

    Raises:
        ValueError: the weights do not broadcast against the values, or only against their last axis.
    """
    weight = sample_weight if sample_weight is None else jnp.asarray(sample_weight, values.dtype)
    if mask is not None:
        mask = jnp.asarray(mask, values.dtype)
        if reduction in ("mean", "sum_over_batch_size"):  # as many as are valid, not as many as there are
            mask = jnp.where(mask != 0, _divide(jnp.asarray(mask.size, mask.dtype), jnp.sum(mask)), 0)
        if weight is not None:
            mask, weight = same_rank(mask, weight)
        weight = mask if weight is None else weight * mask
    if weight is not None:
        values, weight = same_rank(values, weight)
        check_weights("the loss", values, weight)
        values = values * weight
    if reduction in (None, "none") or values.shape in ((), (0,)):
        return values
    total = jnp.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weight is not None:
        return _divide(total, jnp.sum(weight))
    return total / values.size


def same_rank(a: Any, b: Any) -> tuple[Any, Any]:
    """Make the ranks of two arrays equal where they differ by a last axis of size 1.

    (n,) and (n, 1) become (n, 1) both; (n, m) and (n, m, 1) become (n, m) both.
    """
    if a.ndim == b.ndim + 1 and a.shape[-1] == 1:
        return (a, b[..., None]) if b.ndim == 1 else (a[..., 0], b)
    if b.ndim == a.ndim + 1 and b.shape[-1] == 1:
        return (a[..., None], b) if a.ndim == 1 else (a, b[..., 0])
    return a, b


def check_weights(owner: str, values: Any, weight: Any) -> None:
    """Refuse weights (steps,) for values (batch, steps): they would weigh steps where examples are meant.

    Args:
        owner: whose values they are, for the error.
        values: (batch, ...).
        weight: of the same number of axes, each of the same size or of size 1; or a number.

    Raises:
        ValueError: it is neither.
    """
    if weight.ndim == 0 or values.ndim == 0:
        return
    if weight.ndim != values.ndim or any(w not in (1, v) for w, v in zip(weight.shape, values.shape)):
        for_examples = (values.shape[0], *(1 for _ in values.shape[1:]))
        raise ValueError(
            f"sample_weight has shape {weight.shape}, but {owner} has values of shape {values.shape}. Give one weight "
            f"for each value, or for each example: {for_examples}."
        )


def _divide(x: Any, y: Any) -> Any:
    """`x / y`, and 0 where y is 0."""
    return jnp.where(y == 0, 0, x / jnp.where(y == 0, 1, y))


class LossFunctionWrapper(Loss):
    """A loss made of a function.

    Args:
        fn: `(y_true, y_pred, **kwargs)` -> one value for each example.
        reduction: see `Loss`.
        name: default: the class's name in snake case.
        dtype: see `Loss`.
        **kwargs: passed to `fn`.

    Raises:
        TypeError: `fn` cannot be called.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(name, reduction, dtype)
        if not callable(fn):
            raise TypeError(f"{type(self).__name__}: fn must be a function of (y_true, y_pred), got {fn!r}.")
        self.fn = fn
        self.fn_arguments = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = _squeeze(y_true, y_pred)
        return self.fn(y_true, y_pred, **self.fn_arguments)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **self.fn_arguments}
        if type(self) is LossFunctionWrapper:
            config["fn"] = function_config(self.fn)
        return config

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({getattr(self.fn, '__name__', self.fn)})>"


def _squeeze(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """`same_rank` for arrays; what has other structures stays as it is."""
    if isinstance(y_pred, jax.Array) and isinstance(y_true, jax.Array):
        y_true, squeezed = same_rank(y_true, y_pred)
        if squeezed is not y_pred:  # without its last axis, the one that a softmax is about
            y_pred = notes.write(squeezed, "sigmoid logits", _reshaped(notes.read(y_pred, "sigmoid logits"), squeezed))
    return y_true, y_pred


def _reshaped(logits: Any, like: Any) -> Any:
    return None if logits is None else logits.reshape(like.shape)


def _with_logits_of(old: Any, new: Any, convert: Callable[[Any], Any]) -> Any:
    """A changed form of predictions, with the logits behind the old form changed likewise."""
    for kind in ("softmax logits", "sigmoid logits"):
        logits = notes.read(old, kind)
        if logits is not None:
            notes.write(new, kind, convert(logits))
    return new


def pair(function: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Targets and predictions as arrays of one shape and dtype, for a function that compares them one by one.

    Args:
        function: its name, for the error.
        y_true: targets.
        y_pred: predictions; the last axis of one of them may have size 1 where the other has none.

    Raises:
        ValueError: the shapes differ.
    """
    predictions = _floats(y_pred)
    targets = jnp.asarray(y_true, predictions.dtype)
    if targets.ndim == 0 or predictions.ndim == 0:
        return targets, predictions
    given = targets.shape, predictions.shape
    targets, predictions = _squeeze(targets, predictions)
    if targets.shape != predictions.shape:
        raise ValueError(
            f"{function}: y_true has shape {given[0]}, y_pred {given[1]}; it compares them one by one. Make the shapes "
            "the same."
        )
    return targets, predictions


def _floats(y_pred: Any) -> Any:
    """Predictions as a float array; what is one stays the same object, which notes are about."""
    y_pred = y_pred if isinstance(y_pred, jax.Array) else jnp.asarray(y_pred)
    return y_pred if dtypes.is_float(y_pred.dtype) else y_pred.astype(dtypes.floatx())


# Regression


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """mean((y_true - y_pred)^2) over the last axis.

    Raises:
        ValueError: the shapes differ.

    >>> float(mean_squared_error(jnp.array([0.0, 2.0]), jnp.array([1.0, 2.0])))
    0.5
    """
    y_true, y_pred = pair("mean_squared_error", y_true, y_pred)
    return jnp.mean(jnp.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """mean(|y_true - y_pred|) over the last axis.

    Raises:
        ValueError: the shapes differ.

    >>> float(mean_absolute_error(jnp.array([0.0, 2.0]), jnp.array([1.0, 2.0])))
    0.5
    """
    y_true, y_pred = pair("mean_absolute_error", y_true, y_pred)
    return jnp.mean(jnp.abs(y_true - y_pred), axis=-1)


class MeanSquaredError(LossFunctionWrapper):
    """Mean of squared differences: see `mean_squared_error`.

    >>> float(MeanSquaredError()(jnp.zeros((2, 1)), jnp.full((2, 1), 3.0)))
    9.0
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error", dtype: Any = None
    ):
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """Mean of absolute differences: see `mean_absolute_error`.

    >>> float(MeanAbsoluteError()(jnp.zeros((2, 1)), jnp.full((2, 1), -3.0)))
    3.0
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error", dtype: Any = None
    ):
        super().__init__(mean_absolute_error, reduction, name, dtype)


# Classification


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """-sum(y_true log(y_pred)) over the classes.

    Args:
        y_true: class probabilities, such as one-hot labels, (batch, ..., classes).
        y_pred: (batch, ..., classes): probabilities (made to sum to 1), or logits.
        from_logits: whether `y_pred` is logits, that is, has gone through no softmax.
        label_smoothing: s in y_true (1 - s) + s / classes (Szegedy et al., 2016).
        axis: the axis of the classes.

    Raises:
        ValueError: the shapes differ.

    >>> probabilities = jnp.array([[0.5, 0.5], [0.25, 0.75]])
    >>> values = categorical_crossentropy(jnp.array([[1.0, 0.0], [0.0, 1.0]]), probabilities)
    >>> [f"{value:.3f}" for value in values]
    ['0.693', '0.288']
    """
    y_pred = _floats(y_pred)
    y_true = jnp.asarray(y_true, y_pred.dtype)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"categorical_crossentropy: y_true has shape {y_true.shape}, y_pred {y_pred.shape}; both need one value "
            "for each class. For integer labels use sparse_categorical_crossentropy."
        )
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[-1]
    return -jnp.sum(y_true * _log_probabilities(y_pred, from_logits, axis), axis=axis)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """-log(y_pred[label]): the cross-entropy of integer labels.

    Args:
        y_true: labels from 0 to classes - 1, (batch, ...) or (batch, ..., 1).
        y_pred: (batch, ..., classes): probabilities (made to sum to 1), or logits.
        from_logits: whether `y_pred` is logits.
        ignore_class: a label whose examples count as if they were not there.
        axis: the axis of the classes.

    Raises:
        ValueError: the shapes do not go together.

    >>> probabilities = jnp.array([[0.5, 0.5], [0.25, 0.75]])
    >>> values = sparse_categorical_crossentropy(jnp.array([0, 1]), probabilities)
    >>> [f"{value:.3f}" for value in values]
    ['0.693', '0.288']
    """
    y_pred = _floats(y_pred)
    y_true = jnp.asarray(y_true)
    if y_true.ndim == y_pred.ndim and y_true.shape[axis] == 1:
        y_true = jnp.squeeze(y_true, axis)
    class_axis = axis % y_pred.ndim
    expected = y_pred.shape[:class_axis] + y_pred.shape[class_axis + 1 :]
    if y_true.shape != expected:
        raise ValueError(
            f"sparse_categorical_crossentropy: y_true has shape {y_true.shape}, but predictions of shape "
            f"{y_pred.shape} need labels of shape {expected}. For one-hot labels use categorical_crossentropy."
        )
    labels = y_true.astype("int32")
    valid = None if ignore_class is None else labels != ignore_class
    one_hot = jax.nn.one_hot(labels, y_pred.shape[axis], axis=axis, dtype=y_pred.dtype)
    values = -jnp.sum(one_hot * _log_probabilities(y_pred, from_logits, axis, valid), axis=axis)
    if valid is None:
        return values
    return notes.write(jnp.where(valid, values, 0.0), "mask", valid)


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """mean(-y_true log(y_pred) - (1 - y_true) log(1 - y_pred)) over an axis.

    Args:
        y_true: labels 0 and 1, (batch, ..., outputs).
        y_pred: probabilities, or logits, of the same shape.
        from_logits: whether `y_pred` is logits, that is, has gone through no sigmoid.
        label_smoothing: s in y_true (1 - s) + s / 2.
        axis: the axis of the mean.

    Raises:
        ValueError: the shapes differ.

    >>> f"{binary_crossentropy(jnp.array([[1.0, 0.0]]), jnp.array([[0.5, 0.25]]))[0]:.3f}"
    '0.490'
    """
    y_true, y_pred = pair("binary_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    logits = y_pred if from_logits else notes.read(y_pred, "sigmoid logits")
    if logits is not None:
        log_p, log_not_p = jax.nn.log_sigmoid(logits), jax.nn.log_sigmoid(-logits)
    else:
        p = jnp.clip(y_pred, dtypes.epsilon(), 1.0 - dtypes.epsilon())
        log_p, log_not_p = jnp.log(p), jnp.log(1.0 - p)
    return jnp.mean(-(y_true * log_p) - (1.0 - y_true) * log_not_p, axis=axis)


def _log_probabilities(y_pred: Any, from_logits: bool, axis: int, valid: Any = None) -> Any:
    """log(y_pred). Where not `valid`, something harmless: NaN there would make the gradient NaN."""
    is_last = axis in (-1, y_pred.ndim - 1)  # the axis that softmax notes its logits for
    logits = y_pred if from_logits else notes.read(y_pred, "softmax logits") if is_last else None
    scores = y_pred if logits is None else logits
    if valid is not None:
        scores = jnp.where(jnp.expand_dims(valid, axis), scores, 1.0)
    if logits is not None:
        return jax.nn.log_softmax(scores, axis=axis)
    probabilities = scores / jnp.sum(scores, axis=axis, keepdims=True)
    return jnp.log(jnp.clip(probabilities, dtypes.epsilon(), 1.0 - dtypes.epsilon()))


class CategoricalCrossentropy(LossFunctionWrapper):
    """Cross-entropy of one-hot labels: see `categorical_crossentropy`.

    >>> loss = CategoricalCrossentropy(from_logits=True)
    >>> round(float(loss(jnp.array([[0.0, 1.0]]), jnp.array([[0.0, 0.0]]))), 3)
    0.693
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, reduction, name, dtype, **arguments)


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Cross-entropy of integer labels: see `sparse_categorical_crossentropy`.

    >>> loss = SparseCategoricalCrossentropy(from_logits=True)
    >>> round(float(loss(jnp.array([1]), jnp.array([[0.0, 0.0]]))), 3)
    0.693
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ):
        arguments = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(sparse_categorical_crossentropy, reduction, name, dtype, **arguments)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.fn(y_true, y_pred, **self.fn_arguments)  # labels (n,) with predictions (n, 1) stay as they are


class BinaryCrossentropy(LossFunctionWrapper):
    """Cross-entropy of yes-or-no labels: see `binary_crossentropy`.

    >>> loss = BinaryCrossentropy(from_logits=True)
    >>> round(float(loss(jnp.array([[1.0]]), jnp.array([[0.0]]))), 3)
    0.693
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_crossentropy, reduction, name, dtype, **arguments)


_CLASSES = (
    MeanSquaredError,
    MeanAbsoluteError,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    BinaryCrossentropy,
)
_NAMES: dict[str, Any] = {
    **{cls.__name__: cls for cls in _CLASSES},
    **{names.snake_case(cls.__name__): globals()[names.snake_case(cls.__name__)] for cls in _CLASSES},
    "LossFunctionWrapper": LossFunctionWrapper,
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


def function_config(fn: Callable[..., Any]) -> Any:
    """The JSON form of a function inside a wrapper's config, as Keras writes it there."""
    name = names.serialize(fn)
    if not isinstance(name, str):
        return name
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


def with_function(config: Any, table: dict[str, Any]) -> Any:
    """The config of a wrapped function, with the function from the table in the place of its name."""
    arguments = config.get("config") if isinstance(config, dict) else None
    if not isinstance(arguments, dict) or "fn" not in arguments:
        return config
    return {**config, "config": {**arguments, "fn": names.deserialize(arguments["fn"], table, "function")}}
