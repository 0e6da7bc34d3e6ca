"""Checks of the arguments of fit, evaluate and predict, made before training starts.

Each says what came, what was expected, and what to do. Some of what is refused here would run in
Keras and compute something unintended: labels without an output (on JAX their loss
is silently 0), or targets that broadcast against the outputs. No check looks at the data in more
than a pass that takes a minimum or a sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from minidl.core import array_metadata
from minidl.core.tracebacks import warn
from minidl.core.typing import PyTree, Shape
from minidl.losses import LossFunctionWrapper
from minidl.training.targets.outputs import Outputs
from minidl.utils.batches import unpack_x_y_sample_weight

# Properties of the losses, by the names of their functions.
_BINARY = ("binary_crossentropy", "binary_focal_crossentropy")
_ONE_HOT = ("categorical_crossentropy", "categorical_focal_crossentropy", "categorical_hinge")
_CLASSES = ("sparse_categorical_crossentropy", "categorical_crossentropy", "categorical_focal_crossentropy")
_ELEMENTWISE = (
    *_BINARY,
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "squared_hinge",
)
_TO_CLASSES = "For numbers of classes use 'sparse_categorical_crossentropy'."
_RANGES: dict[str, tuple[float, float, str]] = {  # the range of targets, and advice for values out of range
    **dict.fromkeys(_BINARY, (0, 1, f"Labels -1 and 1 become 0 and 1 by (y + 1) / 2, bytes by y / 255. {_TO_CLASSES}")),
    **dict.fromkeys(("hinge", "squared_hinge"), (-1, 1, f"Give the labels -1 and 1 (or 0 and 1). {_TO_CLASSES}")),
    "categorical_hinge": (0, 1, "Give one-hot labels: utils.to_categorical(y) makes them."),
    "poisson": (0, np.inf, "It takes counts. For other numbers use 'mean_squared_error'."),
}


def positive(call: str, **values: Any) -> None:
    """Refuse numbers that are not positive integers; None is allowed."""
    for name, value in values.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1):
            raise ValueError(f"{call}: {name} must be a positive integer, got {value!r}.")


def at_least_0(call: str, **values: Any) -> None:
    """Refuse numbers of epochs that are not integers of at least 0."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
            raise ValueError(f"{call}: {name} must be an integer of at least 0, got {value!r}.")


def schedule(call: str, validation_freq: Any, shuffle: Any) -> None:
    """Refuse invalid values of validation_freq and shuffle."""
    epochs = validation_freq if isinstance(validation_freq, (list, tuple, set, range)) else [validation_freq]
    if not all(isinstance(epoch, (int, np.integer)) and epoch > 0 for epoch in epochs):
        raise ValueError(
            f"{call}: validation_freq must be a positive integer, or a list of the epochs (from 1) after which to "
            f"validate, got {validation_freq!r}."
        )
    if not isinstance(shuffle, (bool, np.bool_)) and shuffle != "batch":
        raise ValueError(f"{call}: shuffle must be True, False or 'batch', got {shuffle!r}.")


def compiled(model: Any, call: str) -> None:
    """Refuse a model that is not compiled."""
    if not model.compiled:
        raise ValueError(
            f"{call}: {model.name!r} is not compiled. Call model.compile(optimizer=..., loss=..., metrics=[...]) first."
        )


def arrays(call: str, x: Any, y: PyTree, sample_weight: PyTree) -> None:
    """Refuse empty data, and x, y and weights of different lengths."""
    lengths = {}
    for name, structure in (("x", x), ("y", y), ("sample_weight", sample_weight)):
        for path, leaf in jax.tree_util.tree_leaves_with_path(structure):
            label = name + jax.tree_util.keystr(path)
            if leaf.ndim == 0:
                kind = "text" if isinstance(leaf.item(), (str, bytes)) else "number"
                given = f"a single {kind}: {leaf.item()!r:.40}"
                raise ValueError(f"{call}: {label} is {given}; expected an array with a first axis of examples.")
            lengths[label] = len(leaf)
    if not any(name.startswith("x") for name in lengths):
        raise ValueError(f"{call}: x is {x!r}, and inputs are not optional. Give an array of shape (examples, ...).")
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(
            f"{call}: the arrays have different numbers of rows: {said}. Give one row of each for each example."
            f"{_for_list(x, set(lengths.values()))}"
        )
    for path, leaf in jax.tree_util.tree_leaves_with_path(x):
        if 0 in leaf.shape[1:]:
            raise ValueError(f"{call}: x{jax.tree_util.keystr(path)} of shape {leaf.shape} has no values.")
    if set(lengths.values()) == {0}:
        raise ValueError(
            f"{call}: the data set is empty: x has shape {jax.tree.leaves(x)[0].shape}; expected at least "
            "one row. Check how the data was read or selected."
        )


def _for_list(x: Any, lengths: set[int]) -> str:
    """Advice for a list of the examples, which is read as a list of the inputs of a model."""
    if not isinstance(x, (list, tuple)) or len(x) not in lengths:
        return ""
    kind = type(x).__name__
    return f" A {kind} is one array for each input of the model; make one array of a {kind} of examples: np.stack(x)."


def weights(call: str, sample_weight: PyTree) -> None:
    """Refuse sample weights that are negative or not finite."""
    for array in jax.tree.leaves(sample_weight):
        low, high = (array.min(), array.max()) if array.size else (0, 0)
        if not 0 <= low <= high < np.inf:
            raise ValueError(
                f"{call}: sample_weight has values from {low:g} to {high:g}. Weights are finite and not negative: 0 "
                "leaves an example out. To raise the loss of examples, let a loss of your own change its sign."
            )


def has_targets(call: str, loss: Any, y: PyTree) -> None:
    """Refuse data without targets for a model that has a loss (or losses, in a structure)."""
    if y is None and jax.tree.leaves(loss):
        name = loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", loss))
        raise ValueError(f"{call}: y is None, but the model is compiled with the loss {name!r}. Give the targets as y.")


def targets(call: str, loss: Any, y: PyTree, y_pred: PyTree, output_names: Sequence[str] | None = None) -> None:
    """Refuse targets that do not match the loss and the outputs.

    Args:
        call: "fit" or "evaluate".
        loss: the resolved loss of the model; a list of them if it has several outputs.
        y: all targets.
        y_pred: the outputs, or their shapes.
        output_names: the names of the outputs, if the model has any.
    """
    outputs = Outputs(y_pred, output_names)
    resolved = loss if isinstance(loss, list) else [loss]
    each = outputs.split_targets(y, [one is not None for one in resolved])
    for one, target, output, label in zip(resolved, each, outputs.values, outputs.labels, strict=True):
        if one is not None and target is not None:
            _targets_of_one(call, "y" if len(outputs) == 1 else f"y of {label!r}", one, target, output.shape)


def _targets_of_one(call: str, given: str, loss: Any, y: PyTree, shape: Shape) -> None:
    name = _function(loss)
    if name == "sparse_categorical_crossentropy":
        _sparse_labels(call, given, y, shape, loss.fn_arguments)
    elif name in _ONE_HOT:
        _one_hot_labels(call, given, name, y, shape)
    elif name in _ELEMENTWISE:
        _same_shape(call, given, name, y, shape)
    if name in _RANGES and y.size:
        low, high, advice = _RANGES[name]
        if y.min() < low - 1e-6 or y.max() > high + 1e-6:  # with a tolerance for rounding errors
            raise ValueError(
                f"{call}: {given} has values from {y.min():g} to {y.max():g}, but the {name} takes values from "
                f"{low:g} to {high:g}. {advice}"
            )


def _function(loss: Any) -> str:
    """The name of the function of a loss, if it is one of minidl's; otherwise ""."""
    function = loss.fn if isinstance(loss, LossFunctionWrapper) else None
    is_own = getattr(function, "__module__", "").startswith("minidl.losses")
    return str(getattr(function, "__name__", "")) if is_own else ""


def activation(loss: Any, y_pred: PyTree) -> None:
    """Refuse, or warn about, an output whose activation does not match the loss.

    The activation is part of the output's metadata while the loss is traced (see array_metadata.py).

    Args:
        loss: the resolved loss of the output.
        y_pred: the output.

    Raises:
        ValueError: a softmax over one value, which is always 1.

    Warns:
        UserWarning: logits where the loss takes probabilities, or the reverse; independent
            probabilities where the classes of the loss exclude each other.
    """
    name = _function(loss)
    known = array_metadata.of(y_pred)
    softmax, sigmoid = known.softmax_logits is not None, known.sigmoid_logits is not None
    if softmax and y_pred.shape[-1] == 1:
        raise ValueError(
            f"The output of shape {y_pred.shape} is a softmax over one unit, which is always 1: it cannot learn. Use "
            "activation='sigmoid' with loss='binary_crossentropy' for two classes, or no activation for numbers."
        )
    if name not in (*_BINARY, *_CLASSES):
        return
    from_logits = loss.fn_arguments.get("from_logits", False)
    right = "sigmoid" if name in _BINARY else "softmax"
    advice = ""
    if from_logits and (softmax or sigmoid):
        advice = (
            f"is given from_logits=True, but the output is a {'softmax' if softmax else 'sigmoid'} already, so it is "
            "applied twice. Remove one of them."
        )
    elif not from_logits and known.is_linear:
        advice = (
            "takes probabilities, but the last layer has no activation. Give the loss from_logits=True, or the layer "
            f"activation={right!r}."
        )
    elif not from_logits and sigmoid and name in _CLASSES:
        advice = (
            "is for classes of which one is right, but the output is a sigmoid for each. Use activation='softmax', or "
            "loss='binary_crossentropy' where several can be right."
        )
    if advice:
        warn(f"The {name} {advice}")


def _sparse_labels(call: str, given_as: str, y: np.ndarray, shape: Shape, arguments: dict[str, Any]) -> None:
    axis = arguments.get("axis", -1)
    classes = shape[axis]
    if classes == 1:
        raise ValueError(_one_class(call, "sparse_categorical_crossentropy", shape))
    expected = _without_axis(shape, axis)
    given = y.shape[:-1] if y.ndim == len(shape) and y.shape[-1] == 1 else y.shape
    if y.ndim == len(shape) and y.shape[axis] == classes:
        raise ValueError(
            f"{call}: {given_as} has shape {y.shape}, one-hot labels of {classes} classes, but the "
            "sparse_categorical_crossentropy takes one integer for each example. Use loss='categorical_crossentropy', "
            "or y.argmax(-1)."
        )
    if len(given) != len(expected) or any(e is not None and g != e for g, e in zip(given[1:], expected[1:])):
        raise ValueError(
            f"{call}: {given_as} has shape {y.shape}, but an output of shape {shape} needs integer labels of shape "
            f"{expected} for the sparse_categorical_crossentropy. Check the last layer's units and whether a Flatten "
            "is missing."
        )
    ignored = arguments.get("ignore_class")
    labels = y if ignored is None else y[y != ignored]
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.round(labels)):
        raise ValueError(
            f"{call}: {given_as} holds labels that are not whole numbers. The loss needs classes 0 to {classes - 1}; "
            "for numbers to predict use loss='mse' with one unit."
        )
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"{call}: {given_as} has integer labels from {int(labels.min())} to {int(labels.max())}, but the model's "
            f"output has {classes} classes (labels 0 to {classes - 1}). Give the last layer {int(labels.max()) + 1} "
            "units, or check y for a label that should not be there."
        )


def _one_hot_labels(call: str, given_as: str, name: str, y: np.ndarray, shape: Shape) -> None:
    if shape[-1] == 1 and "crossentropy" in name:
        raise ValueError(_one_class(call, name, shape))
    if y.ndim == len(shape) and y.shape[-1] == shape[-1]:
        return
    if y.ndim == len(shape) - 1 or y.shape[-1:] == (1,):
        instead = "loss='sparse_categorical_crossentropy', or " if name == "categorical_crossentropy" else ""
        raise ValueError(
            f"{call}: {given_as} has shape {y.shape}, integer labels it seems, but the {name} takes one-hot labels of "
            f"shape {shape}. Use {instead}utils.to_categorical(y, {shape[-1]})."
        )
    raise ValueError(
        f"{call}: {given_as} has shape {y.shape}, but an output of shape {shape} needs targets of that shape. Give the "
        f"last layer {y.shape[-1]} units, or check how y was made."
    )


def _one_class(call: str, name: str, shape: Shape) -> str:
    return (
        f"{call}: the {name} of an output of shape {shape} has one class, so nothing can be learnt. For two classes "
        "use a last layer of one unit with activation='sigmoid' and loss='binary_crossentropy'; for more, a unit for "
        "each class."
    )


def _same_shape(call: str, given_as: str, name: str, y: np.ndarray, shape: Shape) -> None:
    given: Shape = y.shape
    if len(given) == len(shape) + 1 and given[-1] == 1:
        given = given[:-1]
    elif len(given) == len(shape) - 1 and shape[-1] == 1:
        given = (*given, 1)
    if len(given) != len(shape) or any(s is not None and g != s for g, s in zip(given[1:], shape[1:])):
        raise ValueError(
            f"{call}: {given_as} has shape {y.shape} and the model's output {shape}; the {name} compares them element "
            "by element, and broadcasting one against the other would compare the wrong ones. Make the last axes the "
            f"same: give the last layer {y.shape[-1] if y.ndim > 1 else 1} units, or reshape y."
        )


def class_weight(call: str, weights: Any, sample_weight: PyTree, y: PyTree, y_pred: PyTree) -> None:
    """Refuse class weights together with sample weights, for several outputs, and for labels that are not classes."""
    if sample_weight is not None:
        raise ValueError(f"{call}: give class_weight or sample_weight, not both. Multiply them into one sample_weight.")
    outputs = jax.tree.leaves(y_pred)
    if len(outputs) != 1:
        raise ValueError(
            f"{call}: class_weight needs a model with one output; this one has {len(outputs)}. Give sample_weight, "
            "with the weights of each output's examples."
        )
    labels = jax.tree.leaves(y)
    if len(labels) != 1:
        raise ValueError(f"{call}: class_weight needs one array of targets, got {len(labels)}.")
    if not isinstance(weights, dict):
        raise ValueError(f"{call}: class_weight must have the form {{class: weight}}, got {weights!r}.")
    for weight in weights.values():
        if isinstance(weight, bool) or not isinstance(weight, (int, float, np.number)) or not 0 <= weight < np.inf:
            raise ValueError(f"{call}: class_weight needs finite weights that are not negative, got {weights!r}.")
    if labels[0].ndim == 1 or labels[0].shape[-1] == 1:
        if labels[0].dtype.kind == "f" and not np.array_equal(labels[0], np.round(labels[0])):
            raise ValueError(
                f"{call}: class_weight needs classes, but y of shape {labels[0].shape} holds numbers that are not "
                "whole. Give sample_weight, one weight for each example."
            )
    classes = max(outputs[0].shape[-1] or 2, 2)
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
        ValueError: it is not a tuple of one to three items.
    """
    if not isinstance(validation_data, (tuple, list)) or not 1 <= len(validation_data) <= 3:
        raise ValueError(
            f"fit: validation_data must be (x, y) or (x, y, sample_weight), got {type(validation_data).__name__}"
            f"{f' of {len(validation_data)}' if isinstance(validation_data, (tuple, list)) else ''}."
        )
    return unpack_x_y_sample_weight(validation_data)


def stream(call: str, x: Any, y: PyTree, sample_weight: PyTree) -> None:
    """Refuse targets or weights together with a stream, which yields them itself."""
    given = [name for name, value in (("y", y), ("sample_weight", sample_weight)) if value is not None]
    if given:
        raise ValueError(
            f"{call}: {' and '.join(given)} cannot be given together with a {type(x).__name__}, which yields whole "
            "batches: let it yield (x, y) or (x, y, sample_weight)."
        )


def splittable(x: Any) -> None:
    """Refuse validation_split for data other than arrays."""
    leaves = jax.tree.leaves(x, is_leaf=lambda value: not isinstance(value, (list, tuple, dict)))
    if not all(hasattr(leaf, "__len__") and hasattr(leaf, "__getitem__") for leaf in leaves):
        raise ValueError(
            f"fit: validation_split needs arrays, which have a last part to set aside; x is a {type(x).__name__}. Give "
            "validation_data instead."
        )
