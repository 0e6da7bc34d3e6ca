"""CategoryEncoding: integers as vectors of zeros and ones."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from minidl.core.typing import Array, Config
from minidl.layers.preprocessing.lists import ListLayer


class CategoryEncoding(ListLayer):
    """Encodes integers from 0 to num_tokens - 1.

    Args:
        num_tokens: how many there are.
        output_mode: "one_hot" for a vector for each integer, "multi_hot" for one for each example with 1 where an
            integer is there, "count" for one with how often it is.
        sparse: must be False: JAX has no sparse tensors here.
        **kwargs: see `Layer`.

    Input shape: (batch, ...), integers, in an array or in lists; with "count" also `count_weights=` of the same shape.
    Output shape: (batch, ..., num_tokens); with "multi_hot" and "count" without the axis after that of the batch,
        whose integers are counted together.

    Raises:
        ValueError: an unknown output_mode, or no positive num_tokens.

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
                "CategoryEncoding: num_tokens must be set to use this layer; it is the largest integer + 1."
            )
        if num_tokens < 1:
            raise ValueError(f"CategoryEncoding: `num_tokens` must be >= 1, got {num_tokens!r}.")
        if sparse:
            raise ValueError("CategoryEncoding: sparse tensors are not there; take sparse=False.")
        self.num_tokens = num_tokens
        self.output_mode = output_mode
        self.sparse = sparse
        self.autocast = False  # large integers do not fit into small floats
        self.built = True

    def call(self, inputs: Array, count_weights: Any = None) -> Array:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                "CategoryEncoding: `count_weights` is not used when `output_mode` is not 'count', but "
                f"{self.output_mode!r}."
            )
        return encode(inputs, self.output_mode, self.num_tokens, self.compute_dtype, count_weights)

    def get_config(self) -> Config:
        return {**super().get_config(), "num_tokens": self.num_tokens, "output_mode": self.output_mode}


def encode(indices: Any, output_mode: str, depth: int, dtype: str, weights: Any = None) -> Any:
    """Integers as vectors of a given size, by output mode; see `CategoryEncoding`."""
    indices = indices.astype("int32")  # they are floats in a graph of TensorFlow
    if output_mode == "one_hot":
        squeezed = indices[..., 0] if indices.ndim > 1 and indices.shape[-1] == 1 else indices
        return jax.nn.one_hot(squeezed, depth, dtype=dtype)
    encoded = jax.nn.one_hot(indices, depth, dtype=dtype)
    together = () if indices.ndim == 0 else min(indices.ndim - 1, 1)
    if output_mode == "multi_hot":
        return jnp.max(encoded, axis=together)
    if weights is not None:
        encoded = encoded * jnp.asarray(weights, dtype)[..., None]
    return jnp.sum(encoded, axis=together)
