"""Checks of what a user gives to fit, evaluate and predict, made before any work starts.

Each says what came, what was expected, and what to do. Some of what is refused here would run in
Keras and compute something that nobody wants: labels that no output stands for (on JAX their loss
is silently 0), or targets that broadcast against the outputs.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from minidl import losses
from minidl.training.data import ArrayData

Shape = tuple[int | None, ...]

_ELEMENTWISE = (losses.mean_squared_error, losses.mean_absolute_error, losses.binary_crossentropy)


def positive(call: str, **values: Any) -> None:
    """Refuse numbers that are no positive integers; None passes."""
    for name, value in values.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1):
            raise ValueError(f"{call}: {name} must be a positive integer, got {value!r}.")


def compiled(model: Any, call: str) -> None:
    """Refuse a model that was not compiled."""
    if not model.compiled:
        raise ValueError(
            f"{call}: {model.name!r} is not compiled. Call model.compile(optimizer=..., loss=..., metrics=[...]) first."
        )


def arrays(call: str, x: Any, y: Any, sample_weight: Any) -> None:
    """Refuse empty data, and x, y and weights of different lengths."""
    lengths = {}
    for name, structure in (("x", x), ("y", y), ("sample_weight", sample_weight)):
        leaves = jax.tree.leaves(structure)
        for i, leaf in enumerate(leaves):
            if leaf.ndim == 0:
                raise ValueError(f"{call}: {name} is a single number; it needs a first axis of examples.")
            lengths[name if len(leaves) == 1 else f"{name}[{i}]"] = len(leaf)
    if not any(name.startswith("x") for name in lengths):
        raise ValueError(f"{call}: x is None. Give the inputs as an array of shape (examples, ...).")
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(
            f"{call}: the arrays have different numbers of rows: {said}. Give one row of each for each example."
        )
    if set(lengths.values()) == {0}:
        raise ValueError(f"{call}: the data set is empty: x has shape {jax.tree.leaves(x)[0].shape}.")


def finite(call: str, data: ArrayData) -> None:
    """Refuse NaN: one of them makes every weight NaN in one step."""
    for name, structure in zip(("x", "y", "sample_weight"), data.arrays):
        for array in jax.tree.leaves(structure):
            if array.dtype.kind == "f" and np.isnan(np.sum(array, dtype=array.dtype)):  # fast; NaN also from inf - inf
                rows = np.flatnonzero(np.isnan(array.reshape(len(array), -1)).any(axis=1))
                if rows.size:
                    raise ValueError(
                        f"{call}: {name} of shape {array.shape} holds NaN in {rows.size} of {len(array)} rows, the "
                        "first at row "
                        f"{rows[0]}. Drop these rows or fill the gaps."
                    )


def has_targets(call: str, loss: Any, y: Any) -> None:
    """Refuse data without targets for a model that has a loss."""
    if loss is not None and y is None:
        name = loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", loss))
        raise ValueError(f"{call}: y is None, but the model is compiled with the loss {name!r}. Give the targets as y.")


def targets(call: str, loss: Any, y: Any, y_pred: Any) -> None:
    """Refuse targets that do not go with the loss and the outputs.

    Args:
        call: "fit" or "evaluate".
        loss: the resolved loss of the model.
        y: all targets.
        y_pred: the outputs, or their shapes.
    """
    if loss is None:
        return
    if len(jax.tree.leaves(y)) != 1 or len(jax.tree.leaves(y_pred)) != 1:
        return
    y, shape = jax.tree.leaves(y)[0], jax.tree.leaves(y_pred)[0].shape
    function = getattr(loss, "fn", None)
    if function is losses.sparse_categorical_crossentropy:
        _sparse_labels(call, y, shape, loss.fn_arguments)
    elif function is losses.categorical_crossentropy:
        _one_hot_labels(call, y, shape)
    elif function in _ELEMENTWISE:
        _same_shape(call, loss.name, y, shape)


def _sparse_labels(call: str, y: np.ndarray, shape: Shape, arguments: dict[str, Any]) -> None:
    axis = arguments.get("axis", -1)
    classes = shape[axis]
    expected = _without_axis(shape, axis)
    given = y.shape[:-1] if y.ndim == len(shape) and y.shape[-1] == 1 else y.shape
    if y.ndim == len(shape) and y.shape[axis] == classes and classes != 1:
        raise ValueError(
            f"{call}: y has shape {y.shape}, one-hot labels of {classes} classes, but the "
            "sparse_categorical_crossentropy "
            "takes one integer for each example. Use loss='categorical_crossentropy', or y.argmax(-1)."
        )
    if len(given) != len(expected) or any(e is not None and g != e for g, e in zip(given[1:], expected[1:])):
        raise ValueError(
            f"{call}: y has shape {y.shape}, but an output of shape {shape} needs integer labels of shape {expected} "
            "for the "
            "sparse_categorical_crossentropy. Check the last layer's units and whether a Flatten is missing."
        )
    ignored = arguments.get("ignore_class")
    labels = y if ignored is None else y[y != ignored]
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.round(labels)):
        raise ValueError(
            f"{call}: y holds labels that are not whole numbers. The loss needs classes 0 to {classes - 1}."
        )
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"{call}: y has integer labels from {int(labels.min())} to {int(labels.max())}, but the model's output has "
            f"{classes} classes (labels 0 to {classes - 1}). Give the last layer {int(labels.max()) + 1} units, or "
            "check y for "
            "a label that should not be there."
        )


def _one_hot_labels(call: str, y: np.ndarray, shape: Shape) -> None:
    if y.ndim == len(shape) and y.shape[-1] == shape[-1]:
        return
    if y.ndim == len(shape) - 1 or y.shape[-1:] == (1,):
        raise ValueError(
            f"{call}: y has shape {y.shape}, integer labels it seems, but the categorical_crossentropy takes one-hot "
            "labels "
            f"of shape {shape}. Use loss='sparse_categorical_crossentropy', or utils.to_categorical(y, {shape[-1]})."
        )
    raise ValueError(f"{call}: y has shape {y.shape}, but an output of shape {shape} needs targets of that shape.")


def _same_shape(call: str, name: str, y: np.ndarray, shape: Shape) -> None:
    given: Shape = y.shape
    if len(given) == len(shape) + 1 and given[-1] == 1:
        given = given[:-1]
    elif len(given) == len(shape) - 1 and shape[-1] == 1:
        given = (*given, 1)
    if len(given) != len(shape) or any(s is not None and g != s for g, s in zip(given[1:], shape[1:])):
        raise ValueError(
            f"{call}: y has shape {y.shape} and the model's output {shape}; the {name} compares them element by "
            "element, and "
            "broadcasting one against the other would compare the wrong ones. Make the last axes the same: give the "
            "last "
            f"layer {y.shape[-1] if y.ndim > 1 else 1} units, or reshape y."
        )


def class_weight(call: str, weights: Any, sample_weight: Any, y: Any, y_pred: Any) -> None:
    """Refuse class weights beside sample weights, and for what is no class."""
    if sample_weight is not None:
        raise ValueError(f"{call}: give class_weight or sample_weight, not both. Multiply them into one sample_weight.")
    if y is None or len(jax.tree.leaves(y)) != 1:
        raise ValueError(f"{call}: class_weight needs one array of targets, got {len(jax.tree.leaves(y))}.")
    units = jax.tree.leaves(y_pred)[0].shape[-1] or 2
    classes = max(units, 2)
    wrong = [key for key in weights if not isinstance(key, (int, np.integer)) or not 0 <= key < classes]
    if wrong:
        raise ValueError(
            f"{call}: class_weight has the keys {wrong}, but the classes are the integers 0 to {classes - 1}. "
            "Its form is {class: weight}."
        )


def _without_axis(shape: Shape, axis: int) -> Shape:
    axis %= len(shape)
    return shape[:axis] + shape[axis + 1 :]


def triple(validation_data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of validation_data.

    Raises:
        ValueError: it is no tuple of one to three.
    """
    if not isinstance(validation_data, (tuple, list)) or not 1 <= len(validation_data) <= 3:
        raise ValueError(
            f"fit: validation_data must be (x, y) or (x, y, sample_weight), got {type(validation_data).__name__}"
            f"{f' of {len(validation_data)}' if isinstance(validation_data, (tuple, list)) else ''}."
        )
    x, y, sample_weight = (*validation_data, None, None)[:3]
    return x, y, sample_weight


def stream(call: str, x: Any, y: Any, sample_weight: Any) -> None:
    """Refuse targets or weights beside data that yields them itself."""
    given = [name for name, value in (("y", y), ("sample_weight", sample_weight)) if value is not None]
    if given:
        raise ValueError(
            f"{call}: {' and '.join(given)} cannot be given beside a {type(x).__name__}, which yields whole "
            "batches: let it yield (x, y) or (x, y, sample_weight)."
        )


def splittable(x: Any) -> None:
    """Refuse to split what is no arrays."""
    if not all(hasattr(leaf, "__len__") and hasattr(leaf, "__getitem__") for leaf in jax.tree.leaves(x)):
        raise ValueError(
            f"fit: validation_split needs arrays, which have a last part to set aside; x is a {type(x).__name__}. Give "
            "validation_data instead."
        )
