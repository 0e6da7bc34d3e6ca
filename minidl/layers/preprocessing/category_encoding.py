"""CategoryEncoding: one-hot, multi-hot and count encodings of integers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from minidl.core.typing import Array, ArrayLike, Config
from minidl.layers.preprocessing.lists import ListLayer


class CategoryEncoding(ListLayer):
    """One-hot, multi-hot or count encoding of integers from 0 to num_tokens - 1.

    Args:
        num_tokens: number of categories.
        output_mode: "one_hot" for one vector per integer, "multi_hot" for one vector per example with 1 for each
            integer in it, "count" for one vector per example with the counts of the integers.
        sparse: must be False: sparse tensors are not supported.
        **kwargs: see `Layer`.

    Input shape: (batch, ...), integers, in an array or in lists; with "count" also `count_weights=` of the same shape.
    Output shape: (batch, ..., num_tokens); with "multi_hot" and "count" without the second axis, over which the
        integers are combined.

    Raises:
        ValueError: an unknown output_mode, or a num_tokens that is not positive.

    Example:
    >>> CategoryEncoding(4, output_mode="multi_hot")(jnp.array([[0, 1], [3, 3]]))
    Array([[1., 1., 0., 0.],
           [0., 0., 0., 1.]], dtype=float32)
    """

    def __init__(
        self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **kwargs: Any
    ):
        super().__init__(**kwargs)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode
        if output_mode not in ("count", "one_hot", "multi_hot"):
            raise ValueError(
                f"CategoryEncoding: output_mode must be 'one_hot', 'multi_hot' or 'count', got {output_mode!r}."
            )
        if num_tokens is None:
            raise ValueError(
                "CategoryEncoding: num_tokens is missing: give the number of categories, the largest integer + 1."
            )
        if num_tokens < 1:
            raise ValueError(f"CategoryEncoding: num_tokens must be a positive integer, got {num_tokens!r}.")
        if sparse:
            raise ValueError("CategoryEncoding: sparse tensors are not supported; set sparse=False.")
        self.num_tokens = num_tokens
        self.output_mode = output_mode
        self.sparse = sparse
        self.autocast = False  # narrow floats cannot represent large integers
        self.built = True

    def call(self, inputs: Array, count_weights: ArrayLike | None = None) -> Array:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                f"CategoryEncoding: count_weights needs output_mode='count', got output_mode={self.output_mode!r}."
            )
        return encode(inputs, self.output_mode, self.num_tokens, self.compute_dtype, count_weights)

    def get_config(self) -> Config:
        return {**super().get_config(), "num_tokens": self.num_tokens, "output_mode": self.output_mode}


def encode(indices: Array, output_mode: str, depth: int, dtype: str, weights: ArrayLike | None = None) -> Array:
    """The encoding of integers as vectors of size `depth`; see `CategoryEncoding`."""
    indices = indices.astype("int32")  # they are floats in a TensorFlow graph
    if output_mode == "one_hot":
        squeezed = indices[..., 0] if indices.ndim > 1 and indices.shape[-1] == 1 else indices
        return jax.nn.one_hot(squeezed, depth, dtype=dtype)
    encoded = jax.nn.one_hot(indices, depth, dtype=dtype)
    axes = () if indices.ndim == 0 else min(indices.ndim - 1, 1)
    if output_mode == "multi_hot":
        return jnp.max(encoded, axis=axes)
    if weights is not None:
        encoded = encoded * jnp.asarray(weights, dtype)[..., None]
    return jnp.sum(encoded, axis=axes)
