"""Connectionist temporal classification: sequences of labels without their times."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import optax

from minidl.core.operation import of_family
from minidl.losses.base import LossFunctionWrapper, floats


@of_family("losses")
def ctc(y_true: Any, y_pred: Any) -> Any:
    """-log of the probability that the outputs spell the labels, summed over all ways to align the two.

    Class 0 is the blank, an output that spells nothing. Graves et al., 2006.

    Args:
        y_true: labels from 1 to classes - 1, (batch, labels); shorter rows are filled up with zeros at the end.
        y_pred: logits, (batch, steps, classes).

    Returns:
        (batch,), at least float32.

    Raises:
        ValueError: labels or logits are in other shapes.

    >>> f"{ctc(jnp.array([[1, 0]]), jnp.zeros((1, 2, 2)))[0]:.3f}"  # three of the four outputs of two steps spell 1
    '0.288'
    """
    logits = floats(y_pred)
    labels = jnp.asarray(y_true).astype("int32")
    if labels.ndim != 2 or logits.ndim != 3 or labels.shape[0] != logits.shape[0]:
        raise ValueError(
            f"ctc: y_true has shape {labels.shape}, y_pred {logits.shape}. Give labels (batch, labels), filled up with "
            "zeros, and logits (batch, steps, classes)."
        )
    logits = logits.astype(jnp.promote_types(logits.dtype, "float32"))
    lengths = jnp.sum(labels != 0, axis=1, keepdims=True)
    beyond = (jnp.arange(labels.shape[1]) >= lengths).astype(logits.dtype)  # 1 where a row is filled up
    return optax.ctc_loss(logits, jnp.zeros(logits.shape[:2], logits.dtype), labels, beyond)


class CTC(LossFunctionWrapper):
    """Loss of sequences of labels: see `ctc`.

    >>> f"{CTC()(jnp.array([[1, 0]]), jnp.zeros((1, 2, 2))):.3f}"
    '0.288'
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "ctc", dtype: Any = None):
        super().__init__(ctc, reduction, name, dtype)
