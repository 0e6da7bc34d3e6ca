"""Arrays for `validation_split` and `class_weight`."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

from minidl.core.arrays import as_array


def train_validation_split(arrays: Any, share: float) -> tuple[Any, Any]:
    """Split structures of arrays in two: the first rows, and the last fraction `share` of the rows.

    Raises:
        ValueError: the fraction is not between 0 and 1, or one part would be empty.

    >>> train_validation_split(np.arange(10), 0.2)
    (array([0, 1, 2, 3, 4, 5, 6, 7]), array([8, 9]))
    """
    rows = len(jax.tree.leaves(arrays)[0])
    split = math.floor(rows * (1.0 - share))
    if not 0 < share < 1 or split == 0 or split == rows:
        raise ValueError(
            f"validation_split={share} of {rows} rows would leave {split} for training and {rows - split} for "
            "validation: both need at least one. Give a share between 0 and 1."
        )
    return jax.tree.map(lambda a: a[:split], arrays), jax.tree.map(lambda a: a[split:], arrays)


def class_weights_to_sample_weights(y: Any, class_weight: dict[int, float], rank: int | None = None) -> np.ndarray:
    """Sample weights from class weights; 1 for classes that are not in `class_weight`.

    Args:
        y: labels (n,) or (n, 1), or one-hot labels (n, classes); of sequences (n, steps) or (n, steps, classes).
        class_weight: class -> weight.
        rank: the number of axes of the model's output, which one-hot labels have too; by default they have two or more.

    >>> class_weights_to_sample_weights(np.array([0, 1, 1]), {1: 2.0})
    array([1., 2., 2.], dtype=float32)
    """
    labels = np.asarray(as_array(y))
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    elif labels.ndim > 1 and rank in (None, labels.ndim):
        labels = labels.argmax(axis=-1)
    labels = labels.round().astype(int)
    weights = np.ones(labels.shape, np.float32)
    for label, weight in class_weight.items():
        weights[labels == label] = weight
    return weights
