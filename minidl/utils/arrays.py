"""Preparation of arrays for training: one-hot labels, normalization."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core import dtypes
from minidl.core.typing import Array, ArrayLike


def to_categorical(x: ArrayLike | Sequence[Any], num_classes: int | None = None) -> np.ndarray | Array:
    """One-hot encoding of integer labels, for `categorical_crossentropy`.

    Args:
        x: labels from 0 to num_classes - 1, as an array or a list.
        num_classes: the size of the last axis; None for the largest label plus one.

    Input shape: any; a last axis of size 1 is dropped if there are others.
    Output shape: (..., num_classes). float64 from NumPy as in Keras; a JAX array gives a JAX array of `floatx()`.

    Raises:
        ValueError: a label that is negative, above num_classes - 1 or not an integer; no labels and no num_classes.
        TypeError: num_classes is not an integer.

    Example:
    >>> to_categorical([0, 2, 1])
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]])
    """
    on_device = isinstance(x, jax.Array)
    labels: Any = x if on_device else np.asarray(x)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if isinstance(labels, jax.core.Tracer):  # values are unknown, so they cannot be checked
        if not num_classes:
            raise ValueError("to_categorical: inside a compiled function the labels are unknown. Pass num_classes.")
        return jax.nn.one_hot(labels, num_classes, dtype=dtypes.floatx())
    integers = _as_integers(np.asarray(labels))
    num_classes = _check_range(integers, num_classes)
    if on_device:
        return jax.nn.one_hot(labels, num_classes, dtype=dtypes.floatx())
    rows = np.zeros((integers.size, num_classes))
    rows[np.arange(integers.size), integers.reshape(-1)] = 1
    return rows.reshape(*integers.shape, num_classes)


def normalize(x: ArrayLike | Sequence[Any], axis: int = -1, order: int = 2) -> np.ndarray | Array:
    """Normalize to unit norm along an axis: `x / norm(x)`; vectors of zeros stay zero.

    Args:
        x: an array; the result is a NumPy array for a NumPy array, else a JAX array.
        axis: the axis along which the norm is computed.
        order: the order of the norm: 2 is the Euclidean norm, 1 the sum of absolute values.

    Output shape: that of x. A NumPy vector of n elements becomes (1, n), as in Keras.

    Raises:
        ValueError: axis is None; or, for a JAX array, order is not an integer of at least 1.

    Example:
    >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    if axis is None:
        raise ValueError(
            "normalize: axis must be an integer, got None. To normalize the whole array, flatten it first."
        )
    if isinstance(x, np.ndarray):
        norm = np.atleast_2d(np.linalg.norm(x, order, axis, keepdims=True))
        return x / np.where(norm == 0, 1, norm)
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"normalize: order must be an integer of at least 1, got {order!r}.")
    x = jnp.atleast_1d(jnp.asarray(x))
    if not dtypes.is_float(x.dtype):
        x = x.astype(dtypes.floatx())
    return x / jnp.maximum(jnp.linalg.norm(x, order, axis, keepdims=True), dtypes.epsilon())


def _as_integers(labels: np.ndarray) -> np.ndarray:
    if labels.dtype.kind == "f":
        fractional = labels[labels != np.floor(labels)]
        if fractional.size:
            raise ValueError(f"to_categorical: labels must be integers, got {fractional.flat[0]}. Round them first.")
    return labels.astype("int64")


def _check_range(labels: np.ndarray, num_classes: int | None) -> int:
    """The number of classes, after checking that all labels are below it."""
    if not num_classes:
        if not labels.size:
            raise ValueError("to_categorical: there are no labels, so num_classes must be given.")
        num_classes = int(labels.max()) + 1
    num_classes = operator.index(num_classes)
    outside = labels[(labels < 0) | (labels >= num_classes)]
    if outside.size:
        raise ValueError(
            f"to_categorical: got the label {outside.flat[0]}, expected labels from 0 to num_classes - 1 = "
            f"{num_classes - 1}. Pass a larger num_classes, or check x for invalid labels."
        )
    return num_classes
