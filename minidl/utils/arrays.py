"""Arrays made ready for training: labels as one-hot rows, rows of length one."""

from __future__ import annotations

import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core import dtypes


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """One-hot rows for integer labels, as `categorical_crossentropy` wants its targets.

    Args:
        x: labels from 0 to num_classes - 1, in an array or anything NumPy can make one of.
        num_classes: the length of a row; None takes the largest label plus one.

    Input shape: any; a last axis of size 1 is dropped if there are others.
    Output shape: (..., num_classes). float64 from NumPy as in Keras; a JAX array gives a JAX array of `floatx()`.

    Raises:
        ValueError: a label below 0, above num_classes - 1 or between two integers; no label and no num_classes.
        TypeError: num_classes is not an integer.

    Example:
    >>> to_categorical([0, 2, 1])
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]])
    """
    on_device = isinstance(x, jax.Array)
    labels = x if on_device else np.asarray(x)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if isinstance(labels, jax.core.Tracer):  # values are not known yet, so there is nothing to check
        if not num_classes:
            raise ValueError("to_categorical: inside a compiled function the labels are not known; give num_classes.")
        return jax.nn.one_hot(labels, num_classes, dtype=dtypes.floatx())
    whole = _whole_numbers(np.asarray(labels))
    num_classes = _check_range(whole, num_classes)
    if on_device:
        return jax.nn.one_hot(labels, num_classes, dtype=dtypes.floatx())
    rows = np.zeros((whole.size, num_classes))
    rows[np.arange(whole.size), whole.reshape(-1)] = 1
    return rows.reshape(*whole.shape, num_classes)


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """Scale to length one along an axis: `x / norm(x)`; what is all zeros stays so.

    Args:
        x: a NumPy array gives a NumPy array, anything else a JAX array.
        axis: along which the norm is taken.
        order: of the norm: 2 is the Euclidean length, 1 the sum of absolute values.

    Output shape: that of x. A NumPy vector of n numbers becomes (1, n), as in Keras.

    Raises:
        ValueError: axis is None; or, for a JAX array, order is not an integer of at least 1.

    Example:
    >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    if axis is None:
        raise ValueError("normalize: expected an integer axis, got None. To normalize all of x, flatten it first.")
    if isinstance(x, np.ndarray):
        norm = np.atleast_2d(np.linalg.norm(x, order, axis, keepdims=True))
        return x / np.where(norm == 0, 1, norm)
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"normalize: order must be an integer of at least 1, got {order!r}.")
    x = jnp.atleast_1d(jnp.asarray(x))
    if not dtypes.is_float(x.dtype):
        x = x.astype(dtypes.floatx())
    return x / jnp.maximum(jnp.linalg.norm(x, order, axis, keepdims=True), dtypes.epsilon())


def _whole_numbers(labels: np.ndarray) -> np.ndarray:
    if labels.dtype.kind == "f":
        broken = labels[labels != np.floor(labels)]
        if broken.size:
            raise ValueError(f"to_categorical: labels must be whole numbers, got {broken.flat[0]}. Round them first.")
    return labels.astype("int64")


def _check_range(labels: np.ndarray, num_classes: int | None) -> int:
    """The number of classes, all labels being below it."""
    if not num_classes:
        if not labels.size:
            raise ValueError("to_categorical: there are no labels to count the classes from; give num_classes.")
        num_classes = int(labels.max()) + 1
    num_classes = operator.index(num_classes)
    outside = labels[(labels < 0) | (labels >= num_classes)]
    if outside.size:
        raise ValueError(
            f"to_categorical: got the label {outside.flat[0]}, but labels go from 0 to num_classes - 1 = "
            f"{num_classes - 1}. Give a larger num_classes, or check x for a label that should not be there."
        )
    return num_classes
