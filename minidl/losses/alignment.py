"""Connectionist temporal classification: labels of sequences without alignment."""

from __future__ import annotations

import jax.numpy as jnp
import optax

from minidl.core.operation import of_family
from minidl.core.typing import Array, ArrayLike, DType
from minidl.losses.base import LossFunctionWrapper, floats


@of_family("losses")
def ctc(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """CTC loss: `-log` of the probability of the labels, summed over all alignments with the outputs.

    Class 0 is the blank.

    Source: Graves et al., "Connectionist temporal classification", 2006.

    Args:
        y_true: labels from 1 to classes - 1, (batch, labels); shorter rows are padded with zeros at the end.
        y_pred: logits, (batch, steps, classes).

    Returns:
        (batch,), at least float32.

    Raises:
        ValueError: labels or logits of another rank.

    >>> f"{ctc(jnp.array([[1, 0]]), jnp.zeros((1, 2, 2)))[0]:.3f}"  # three of four paths give label 1
    '0.288'
    """
    logits = floats(y_pred)
    labels = jnp.asarray(y_true).astype("int32")
    if labels.ndim != 2 or logits.ndim != 3 or labels.shape[0] != logits.shape[0]:
        raise ValueError(
            f"ctc: y_true has shape {labels.shape}, y_pred {logits.shape}. Give labels (batch, labels), padded with "
            "zeros, and logits (batch, steps, classes)."
        )
    logits = logits.astype(jnp.promote_types(logits.dtype, "float32"))
    lengths = jnp.sum(labels != 0, axis=1, keepdims=True)
    padding = (jnp.arange(labels.shape[1]) >= lengths).astype(logits.dtype)  # 1 at the padding
    return optax.ctc_loss(logits, jnp.zeros(logits.shape[:2], logits.dtype), labels, padding)


class CTC(LossFunctionWrapper):
    """Connectionist temporal classification loss: see `ctc`.

    >>> f"{CTC()(jnp.array([[1, 0]]), jnp.zeros((1, 2, 2))):.3f}"
    '0.288'
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "ctc",
        dtype: DType | None = None,
    ):
        super().__init__(ctc, reduction, name, dtype)
