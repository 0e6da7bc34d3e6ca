"""Embedding: a learned vector for each token."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np  # noqa: F401, used by the examples

from minidl import regularizers
from minidl.core import input_ranges
from minidl.core.typing import Array, Config, Identifier, Shape
from minidl.layers import weight_options
from minidl.layers.lora import LowRank


class Embedding(LowRank):
    """Looks up a vector for each token: `embeddings[tokens]`.

    Args:
        input_dim: number of tokens, which are integers from 0 to input_dim - 1.
        output_dim: the size of a vector.
        embeddings_initializer: of the embeddings, (input_dim, output_dim).
        embeddings_regularizer: function of the embeddings that is added to the loss.
        embeddings_constraint: function applied to the embeddings after each update.
        mask_zero: whether token 0 is padding, whose steps are masked.
        weights: initial values of the embeddings, an array or a list of one array.
        **kwargs: `lora_rank` and `lora_alpha`, see `LowRank`; and see `Layer`.

    Input shape: (batch, ...), integers.
    Output shape: (batch, ..., output_dim).

    Raises:
        ValueError: a size that is not a positive integer, or weights of another shape.

    Example:
    >>> Embedding(1000, 64)(np.array([[4, 10, 0]])).shape
    (1, 3, 64)
    """

    adapted_weight = "embeddings"

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Identifier = "uniform",
        embeddings_regularizer: Identifier = None,
        embeddings_constraint: Identifier = None,
        mask_zero: bool = False,
        weights: Any = None,
        **kwargs: Any,
    ):
        for name, size in (("input_dim", input_dim), ("output_dim", output_dim)):
            if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size <= 0:
                raise ValueError(f"Embedding: {name} must be a positive integer, got {size!r}.")
        kwargs.pop("input_length", None)  # an argument of Keras 2 without effect
        super().__init__(**kwargs)
        self.input_dim = int(input_dim)
        self.output_dim = int(output_dim)
        weight_options.take(
            self,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
        )
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.autocast = False  # bfloat16 cannot represent large tokens
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Shape | None = None) -> None:
        self._embeddings = weight_options.make(self, "embeddings", (self.input_dim, self.output_dim))
        self.begin_lora()

    @property
    def embeddings(self) -> Any:
        """The vectors, (input_dim, output_dim); AttributeError before the layer is built."""
        return self.weight_or_sum()

    def call(self, inputs: Array) -> Array:
        input_ranges.require(inputs, 0, self.input_dim - 1, f"the Embedding {self.name!r} (input_dim={self.input_dim})")
        tokens = inputs if inputs.dtype in (jnp.int32, jnp.int64) else inputs.astype("int32")
        return jnp.take(self.effective_weight(), tokens, axis=0).astype(self.compute_dtype)

    def compute_mask(self, inputs: Array, mask: Array | None = None) -> Array | None:
        return jnp.not_equal(inputs, 0) if self.mask_zero else None

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            **weight_options.config(self, "embeddings"),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "mask_zero": self.mask_zero,
            **self.lora_config(),
        }
