"""The circle loss: embeddings of one class near each other, those of others away."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from minidl.core import array_metadata
from minidl.core.operation import of_family
from minidl.losses.base import LossFunctionWrapper, floats


@of_family("losses")
def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Any:
    """log(1 + sum(exp(gamma a (d - m))) sum(exp(gamma b (1 - m - d)))) for distances d = 1 - cosine.

    The first sum goes over the pairs of one class, the second over the pairs of two. The weights
    a = m + d and b = 1 + m - d make pairs count the more, the further they are from where they
    should be. Examples whose loss is 0 count as if they were not there. Sun et al., 2020.

    Args:
        y_true: numbers of classes, (batch,) or (batch, 1).
        y_pred: embeddings of length 1, (batch, features).
        ref_labels: the classes of what to compare with, (references,) or (references, 1); default: `y_true`.
        ref_embeddings: what to compare with, (references, features); default: `y_pred`.
        remove_diagonal: whether the i-th example and the i-th reference are no pair.
        gamma: how sharp the loss is.
        margin: m, from 0 to 1.

    Raises:
        ValueError: labels and embeddings are not equally many, or not in these shapes.

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


def _labels(argument: str, labels: Any, embeddings: Any) -> Any:
    labels = jnp.asarray(labels)
    flat = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if embeddings.ndim != 2 or flat.shape != embeddings.shape[:1]:
        raise ValueError(
            f"circle: {argument} has shape {labels.shape}, the embeddings {embeddings.shape}. Give one label for each "
            "embedding, (batch,) or (batch, 1), and embeddings (batch, features)."
        )
    return flat.astype("int32")


def _log_sum_exp(terms: Any, chosen: Any) -> Any:
    """log(sum(exp(terms))) over the chosen ones of each row; minus infinity where there are none."""
    return jax.nn.logsumexp(jnp.where(chosen, terms, -jnp.inf), axis=1)


class Circle(LossFunctionWrapper):
    """Loss of embeddings: see `circle`.

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
        dtype: Any = None,
    ):
        arguments = {"gamma": gamma, "margin": margin, "remove_diagonal": remove_diagonal}
        super().__init__(circle, reduction, name, dtype, **arguments)
