"""Circle loss, for metric learning: embeddings of one class are close, those of different classes apart."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from minidl.core import array_metadata
from minidl.core.operation import of_family
from minidl.core.typing import Array, ArrayLike, DType
from minidl.losses.base import LossFunctionWrapper, floats


@of_family("losses")
def circle(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Array:
    """Circle loss: `log(1 + sum(exp(gamma a (d - m))) sum(exp(gamma b (1 - m - d))))` for distances d = 1 - cosine.

    The first sum runs over the pairs of the same class, the second over the pairs of different classes. The weights
    a = m + d and b = 1 + m - d are larger for pairs that are further from their optimum. Examples whose loss is 0
    are ignored in the mean.

    Source: Sun et al., "Circle loss: a unified perspective of pair similarity optimization", 2020.

    Args:
        y_true: class labels, (batch,) or (batch, 1).
        y_pred: embeddings of length 1, (batch, features).
        ref_labels: class labels of the reference embeddings, (references,) or (references, 1); default: `y_true`.
        ref_embeddings: reference embeddings, (references, features); default: `y_pred`.
        remove_diagonal: whether the pair of the i-th example and the i-th reference is left out.
        gamma: scale of the exponents.
        margin: m, from 0 to 1.

    Raises:
        ValueError: labels and embeddings differ in number, or have other shapes.

    >>> embeddings = jnp.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    >>> [f"{value:.2f}" for value in circle(jnp.array([0, 0, 1]), embeddings, gamma=1)]
    ['0.62', '0.96', '0.00']
    """
    y_pred = floats(y_pred)
    labels = _labels("y_true", y_true, y_pred)
    references = y_pred if ref_embeddings is None else floats(ref_embeddings)
    reference_labels = labels if ref_labels is None else _labels("ref_labels", ref_labels, references)
    distance = jnp.maximum(1.0 - y_pred @ references.T, 0.0)  # (batch, references)

    same = labels[:, None] == reference_labels
    other = ~same
    if remove_diagonal:
        same = same & ~jnp.eye(same.shape[0], same.shape[1], dtype=bool)

    same_terms = gamma * jnp.maximum(margin + distance, 0.0) * (distance - margin)
    other_terms = gamma * jnp.maximum(1.0 + margin - distance, 0.0) * (1.0 - margin - distance)
    values = jax.nn.softplus(_log_sum_exp(same_terms, same) + _log_sum_exp(other_terms, other))
    return array_metadata.annotate(values, mask=values > 0)


def _labels(argument: str, labels: ArrayLike, embeddings: Array) -> Array:
    labels = jnp.asarray(labels)
    flat = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if embeddings.ndim != 2 or flat.shape != embeddings.shape[:1]:
        raise ValueError(
            f"circle: {argument} has shape {labels.shape}, the embeddings {embeddings.shape}. Give one label for each "
            "embedding, (batch,) or (batch, 1), and embeddings (batch, features)."
        )
    return flat.astype("int32")


def _log_sum_exp(terms: Array, chosen: Array) -> Array:
    """log(sum(exp(terms))) over the chosen terms of each row; minus infinity for none."""
    return jax.nn.logsumexp(jnp.where(chosen, terms, -jnp.inf), axis=1)


class Circle(LossFunctionWrapper):
    """Circle loss of embeddings: see `circle`.

    >>> embeddings = jnp.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    >>> f"{Circle(gamma=1.0)(jnp.array([0, 0, 1]), embeddings):.2f}"
    '0.79'
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str = "circle",
        dtype: DType | None = None,
    ):
        arguments = {"gamma": gamma, "margin": margin, "remove_diagonal": remove_diagonal}
        super().__init__(circle, reduction, name, dtype, **arguments)
