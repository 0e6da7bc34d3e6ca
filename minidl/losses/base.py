"""Base classes of losses: reduction to one number, sample weights and masks, alignment of shapes.

A loss function returns one value per example (and per position along further axes but the last). A `Loss`
applies sample weights and masks to these values and reduces them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from minidl.core import array_metadata, dtypes, naming, serialization, structures
from minidl.core.arguments import CheckedArguments
from minidl.core.object_graph import Stamped
from minidl.core.typing import Array, ArrayLike, Config, DType, Identifier, PyTree

_REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


class Loss(CheckedArguments, Stamped):
    """Base class of losses. A subclass implements `call(y_true, y_pred)`, which returns one value per example.

    Args:
        name: default: the class's name in snake case.
        reduction: "sum_over_batch_size" (or "mean") for the sum over the number of values;
            "mean_with_sample_weight" for the sum over the sum of weights; "sum"; or "none".
        dtype: the dtype to compute in, default `floatx()`.

    Raises:
        ValueError: an unknown reduction.

    Example:
    >>> class Quartic(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return jnp.mean((y_true - y_pred) ** 4, axis=-1)
    >>> float(Quartic()(jnp.array([[0.0], [1.0]]), jnp.array([[1.0], [1.0]])))
    0.5
    """

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: DType | None = None
    ):
        if reduction not in _REDUCTIONS:
            raise ValueError(f"Loss: reduction must be one of {_REDUCTIONS}, got {reduction!r}.")
        self.name = name or naming.auto_name(type(self).__name__)
        self.reduction = reduction
        self.dtype_policy = dtypes.get(dtype or dtypes.floatx())

    @property
    def dtype(self) -> str:
        """The dtype that the loss computes in."""
        return self.dtype_policy.compute_dtype

    def call(self, y_true: PyTree, y_pred: PyTree) -> Array:
        """One value per example: (batch, ..., features) -> (batch, ...)."""
        raise NotImplementedError(
            f"{type(self).__name__} is a loss without call(). Write `def call(self, y_true, y_pred): ...` in it."
        )

    def __call__(self, y_true: PyTree, y_pred: PyTree, sample_weight: ArrayLike | None = None) -> Array:
        """The reduced loss.

        Args:
            y_true: targets.
            y_pred: predictions.
            sample_weight: weights that broadcast against the values of `call`.
        """
        mask = array_metadata.of(y_pred).mask
        y_pred = structures.map(self._convert, y_pred)
        y_true = structures.map(self._convert, y_true)
        values = self.call(y_true, y_pred)
        inner = array_metadata.of(values).mask
        mask = inner if mask is None else mask if inner is None else mask & inner
        return reduce(jnp.asarray(values, self.dtype), sample_weight, mask, self.reduction)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """The loss that `get_config` described."""
        return cls(**config)

    def _convert(self, value: Any) -> Any:
        return _with_logits_of(value, jnp.asarray(value, self.dtype), lambda logits: logits.astype(self.dtype))


class LossFunctionWrapper(Loss):
    """A loss from a function of targets and predictions.

    Args:
        fn: `(y_true, y_pred, **kwargs)` -> one value per example.
        reduction: see `Loss`.
        name: default: the class's name in snake case.
        dtype: see `Loss`.
        **kwargs: passed to `fn`.

    Raises:
        TypeError: `fn` is not callable.
    """

    takes_any_argument = True

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType | None = None,
        **kwargs: Any,
    ):
        super().__init__(name, reduction, dtype)
        if not callable(fn):
            raise TypeError(f"{type(self).__name__}: fn must be a function of (y_true, y_pred), got {fn!r}.")
        self.fn = fn
        self._argument_names = tuple(kwargs)
        vars(self).update(kwargs)  # attributes, as in Keras; a new value counts

    @property
    def fn_arguments(self) -> dict[str, Any]:
        """The arguments that `fn` is called with, besides the targets and predictions."""
        return {name: getattr(self, name) for name in self._argument_names}

    def call(self, y_true: PyTree, y_pred: PyTree) -> Array:
        y_true, y_pred = _squeeze(y_true, y_pred)
        return self.fn(y_true, y_pred, **self.fn_arguments)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **self.fn_arguments}
        if type(self) is LossFunctionWrapper:
            config["fn"] = function_config(self.fn)
        return config

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({getattr(self.fn, '__name__', self.fn)})>"


def reduce(values: Array, sample_weight: ArrayLike | None, mask: ArrayLike | None, reduction: str | None) -> Array:
    """Apply weights and a mask to values and reduce them.

    Args:
        values: (batch, ...) values of a loss.
        sample_weight: weights that broadcast against the values, or None.
        mask: booleans that broadcast against the values, or None; masked values are
            ignored.
        reduction: as in `Loss`.

    Raises:
        ValueError: the weights do not broadcast against the values, or only against their last axis.
    """
    weight = sample_weight if sample_weight is None else jnp.asarray(sample_weight, values.dtype)
    if mask is not None:
        mask = jnp.asarray(mask, values.dtype)
        if reduction in ("mean", "sum_over_batch_size"):  # the mean over the valid values only
            mask = jnp.where(mask != 0, _divide(jnp.asarray(mask.size, mask.dtype), jnp.sum(mask)), 0)
        if weight is not None:
            weight = with_mask(weight, mask)
        weight = mask if weight is None else weight
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


def same_rank(a: Array, b: Array) -> tuple[Array, Array]:
    """Make the ranks of two arrays equal where they differ by a last axis of size 1.

    (n,) and (n, 1) become (n, 1) both; (n, m) and (n, m, 1) become (n, m) both.
    """
    if a.ndim == b.ndim + 1 and a.shape[-1] == 1:
        return (a, b[..., None]) if b.ndim == 1 else (a[..., 0], b)
    if b.ndim == a.ndim + 1 and b.shape[-1] == 1:
        return (a[..., None], b) if a.ndim == 1 else (a, b[..., 0])
    return a, b


def with_mask(weight: Array, mask: Array) -> Array:
    """Weights times a mask (batch, steps); a weight (batch,) is for all steps of its example."""
    mask, weight = same_rank(mask, weight)
    if 0 < weight.ndim < mask.ndim and weight.shape[0] == mask.shape[0]:
        weight = weight.reshape(*weight.shape, *(1 for _ in mask.shape[weight.ndim :]))
    return weight * mask


def check_weights(owner: str, values: Array, weight: Array) -> None:
    """Refuse weights (steps,) for values (batch, steps), which would be broadcast along the wrong axis.

    Args:
        owner: the name of the loss or metric, for the error.
        values: (batch, ...).
        weight: a scalar, or an array of the same rank whose sizes match or are 1.

    Raises:
        ValueError: the shapes do not match.
    """
    if weight.ndim == 0 or values.ndim == 0:
        return
    if weight.ndim != values.ndim or any(w not in (1, v) for w, v in zip(weight.shape, values.shape)):
        for_examples = (values.shape[0], *(1 for _ in values.shape[1:]))
        raise ValueError(
            f"sample_weight has shape {weight.shape}, but {owner} has values of shape {values.shape}. Give one weight "
            f"for each value, or for each example: {for_examples}."
        )


def _divide(x: Array, y: Array) -> Array:
    """`x / y`, and 0 where y is 0."""
    return jnp.where(y == 0, 0, x / jnp.where(y == 0, 1, y))


def _squeeze(y_true: PyTree, y_pred: PyTree) -> tuple[Any, Any]:
    """`same_rank` for arrays; other structures are returned as they are."""
    if isinstance(y_pred, jax.Array) and isinstance(y_true, jax.Array):
        y_true, squeezed = same_rank(y_true, y_pred)
        if squeezed is not y_pred:  # the last axis, over which a softmax is normalized, is gone
            logits = array_metadata.of(y_pred).sigmoid_logits
            known = None if logits is None else logits.reshape(squeezed.shape)
            y_pred = array_metadata.annotate(squeezed, sigmoid_logits=known)
    return y_true, y_pred


def _with_logits_of(old: Any, new: Any, convert: Callable[[Any], Any]) -> Any:
    """Attach the logits of the old predictions, converted, to the new ones."""
    known = array_metadata.of(old)
    for field in ("softmax_logits", "sigmoid_logits"):
        if (logits := getattr(known, field)) is not None:
            array_metadata.annotate(new, **{field: convert(logits)})
    return new


def pair(function: str, y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Array, Array]:
    """Targets and predictions as arrays of one shape and dtype, for an elementwise function.

    Args:
        function: the name of the function, for the error.
        y_true: targets.
        y_pred: predictions; the last axis of one of them may have size 1 where the other has none.

    Raises:
        ValueError: the shapes differ.
    """
    predictions = floats(y_pred)
    targets = jnp.asarray(y_true, predictions.dtype)
    if targets.ndim == 0 or predictions.ndim == 0:
        return targets, predictions
    given = targets.shape, predictions.shape
    targets, predictions = _squeeze(targets, predictions)
    if targets.shape != predictions.shape:
        raise ValueError(
            f"{function}: y_true has shape {given[0]}, y_pred {given[1]}; it is elementwise, so their shapes "
            "must be equal."
        )
    return targets, predictions


def floats(y_pred: ArrayLike) -> Array:
    """Predictions as a float array; a float array is returned itself, as its metadata belongs to the object."""
    y_pred = y_pred if isinstance(y_pred, jax.Array) else jnp.asarray(y_pred)
    return y_pred if dtypes.is_float(y_pred.dtype) else y_pred.astype(dtypes.floatx())


def function_config(fn: Callable[..., Any]) -> Config:
    """The JSON form of a function inside a wrapper's config, in Keras's format."""
    name = serialization.serialize(fn)
    if not isinstance(name, str):
        return name
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


def with_function(config: Identifier, table: dict[str, Any]) -> Identifier:
    """The config of a wrapped function, with the function's name replaced by the function from the table."""
    if not isinstance(config, dict) or not isinstance(arguments := config.get("config"), dict) or "fn" not in arguments:
        return config
    return {**config, "config": {**arguments, "fn": serialization.deserialize(arguments["fn"], table, "function")}}
