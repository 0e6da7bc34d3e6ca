"""Generalized cross-entropy, for noisy labels: between cross-entropy and mean absolute error."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from minidl.core.operation import of_family
from minidl.core.typing import Array, ArrayLike, DType, PyTree
from minidl.losses.base import LossFunctionWrapper, floats
from minidl.losses.crossentropy import integer_labels, softmax_logits


@of_family("losses")
def categorical_generalized_cross_entropy(y_true: ArrayLike, y_pred: ArrayLike, q: float) -> Array:
    """Generalized cross-entropy of integer labels: `(1 - y_pred[label]^q) / q`.

    Its limit for q -> 0 is the cross-entropy; q = 1 gives the absolute error. The gradient is that of the cross-entropy
    times `y_pred[label]^q`, so labels that the model finds unlikely, as wrong ones are, have little influence.

    Source: Zhang & Sabuncu, "Generalized cross entropy loss for training deep neural networks with noisy labels", 2018.

    Args:
        y_true: labels from 0 to classes - 1, (batch, ...) or (batch, ..., 1).
        y_pred: probabilities, (batch, ..., classes).
        q: from 0 to 1.

    Raises:
        ValueError: the shapes do not match.

    >>> probabilities = jnp.array([[0.25, 0.75], [0.0, 1.0]])
    >>> categorical_generalized_cross_entropy(jnp.array([0, 1]), probabilities, q=0.5).tolist()
    [1.0, 0.0]
    """
    y_pred = floats(y_pred)
    labels = integer_labels("categorical_generalized_cross_entropy", y_true, y_pred, -1)
    one_hot = jax.nn.one_hot(labels, y_pred.shape[-1], dtype=y_pred.dtype)
    logits = softmax_logits(y_pred, False, -1)
    if logits is None:
        power = jnp.sum(one_hot * y_pred, axis=-1) ** q
    else:  # exp(q log p) has a finite gradient also where p has underflowed
        power = jnp.exp(q * jnp.sum(one_hot * jax.nn.log_softmax(logits), axis=-1))
    return (1.0 - power) / q


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """Loss for noisy integer labels: see `categorical_generalized_cross_entropy`.

    Raises:
        ValueError: q is not between 0 and 1.

    >>> float(CategoricalGeneralizedCrossEntropy()(jnp.array([0]), jnp.array([[0.25, 0.75]])))
    1.0
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_generalized_cross_entropy",
        dtype: DType | None = None,
    ):
        if not 0 < q < 1:
            raise ValueError(
                f"CategoricalGeneralizedCrossEntropy: q must be greater than 0 and less than 1, got {q!r}. Near 0 it "
                "is the cross-entropy, near 1 the absolute error."
            )
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)

    def call(self, y_true: PyTree, y_pred: PyTree) -> Array:
        return self.fn(y_true, y_pred, **self.fn_arguments)  # labels (n,) with predictions (n, 1) stay as they are
