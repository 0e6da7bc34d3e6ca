"""The base of multi-head attention layers: projections, masks, and scaled dot-product attention."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np

from minidl import kernels, regularizers
from minidl.core import naming
from minidl.core.typing import Array, Config, Identifier
from minidl.layers import weight_options
from minidl.layers.activation import Softmax
from minidl.layers.base import Layer
from minidl.layers.einsum_dense import EinsumDense
from minidl.layers.regularization import Dropout

Dropping: TypeAlias = Callable[[Array], Array] | None  # the dropout of the attention weights


class HeadedAttention(Layer):
    """The base of `MultiHeadAttention` and `GroupQueryAttention`; see these for the arguments."""

    kernel_initializer: Any
    bias_initializer: Any
    kernel_regularizer: Any
    bias_regularizer: Any
    kernel_constraint: Any
    bias_constraint: Any
    query_dense: EinsumDense
    key_dense: EinsumDense
    value_dense: EinsumDense
    gate_dense: EinsumDense
    output_dense: EinsumDense

    def __init__(
        self,
        dropout: float,
        use_bias: bool,
        sliding_window: int | None,
        flash_attention: bool | None,
        options: dict[str, Any],
        activity_regularizer: Identifier,
        use_gate: bool,
        seed: int | None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if sliding_window is not None and (not isinstance(sliding_window, int) or sliding_window <= 0):
            raise ValueError(
                f"{type(self).__name__}: sliding_window must be at least 1, or None, got {sliding_window!r}."
            )
        if flash_attention and dropout > 0:
            raise ValueError(f"{type(self).__name__}: flash_attention works without dropout only; set dropout=0.")
        self.supports_masking = True
        self.dropout = dropout
        self.use_bias = use_bias
        self.use_gate = use_gate
        self.sliding_window = sliding_window
        self.seed = seed
        self.projection_regularizer = regularizers.get(activity_regularizer)  # of each projection, as in Keras
        weight_options.take(self, **options)

    def make_projections(self, projections: dict[str, tuple[str, Any, str, Any]]) -> None:
        """Add the dense layers of the projections, in order, and the dropout of the attention weights.

        Args:
            projections: name -> (equation, output shape, axes of the bias, input shape).
        """
        for name, (equation, output_shape, bias_axes, input_shape) in projections.items():
            if name == "attention_output":  # draws its seeds after the dropout, as in Keras
                self.dropout_layer = Dropout(self.dropout, dtype=self.dtype_policy, seed=self.seed)
            dense = EinsumDense(
                equation,
                output_shape=output_shape,
                bias_axes=bias_axes if self.use_bias else None,
                activation="sigmoid" if name == "gate" else None,
                name=name,
                dtype=self.dtype_policy,
                kernel_initializer=_copy(self.kernel_initializer),
                bias_initializer=_copy(self.bias_initializer),
                kernel_regularizer=self.kernel_regularizer,
                bias_regularizer=self.bias_regularizer,
                activity_regularizer=self.projection_regularizer,
                kernel_constraint=self.kernel_constraint,
                bias_constraint=self.bias_constraint,
            )
            dense.build(input_shape)
            setattr(self, f"{name.removeprefix('attention_')}_dense", dense)

    def call(
        self,
        query: Array,
        value: Array,
        key: Array | None = None,
        query_mask: Array | None = None,
        value_mask: Array | None = None,
        key_mask: Array | None = None,
        attention_mask: Array | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        key = value if key is None else key
        mask = self.merged_mask(query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask)
        if self._is_independent_per_example() and not return_attention_scores:
            work = self.query_dense.kernel.shape[1] * math.prod(query.shape[:-1]) * math.prod(value.shape[1:-1])
            attended = functools.partial(self._attended, training=training, return_weights=False)
            return kernels.batch_segments(lambda *segment: attended(*segment)[0], work, query, key, value, mask)
        output, weights = self._attended(query, key, value, mask, training, return_attention_scores)
        return (output, weights) if return_attention_scores else output

    def _attended(
        self, query: Array, key: Array, value: Array, mask: Array | None, training: bool | None, return_weights: bool
    ) -> tuple[Array, Array | None]:
        gate = self.gate_dense(query) if self.use_gate else None
        projected = self.projected(query, key, value)
        attended, weights = self._compute_attention(*projected, mask, training, return_weights)
        return self.output_dense(attended if gate is None else attended * gate), weights

    def _compute_attention(
        self,
        query: Array,
        key: Array,
        value: Array,
        attention_mask: Array | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> tuple[Array, Array | None]:
        """The attention of projected query, key and value; override it to change the attention.

        Args:
            query: (batch, ..., heads, features), as key and value.
            key: compared with the query.
            value: averaged with the attention weights.
            attention_mask: booleans, (batch or 1, queries, values), with the heads before the queries if it depends on
                them; or None.
            training: whether attention weights are dropped.
            return_attention_scores: whether to return the attention weights.

        Returns:
            The output (batch, ..., heads, features of value), and the weights or None.
        """
        drop = (lambda weights: self.dropout_layer(weights, training=training)) if self.dropout > 0 else None
        return self.attend(query, key, value, attention_mask, drop, return_attention_scores)

    def _is_independent_per_example(self) -> bool:
        """Whether each example's output depends only on that example, without other results such as losses."""
        return self.dropout == 0 and self.projection_regularizer is None and naming.is_own(self._compute_attention)

    def projected(self, query: Array, key: Array, value: Array) -> tuple[Array, Array, Array]:
        """The projections of query, key and value: (batch, ..., heads, features) each."""
        layers = [self.query_dense, self.key_dense, self.value_dense]
        if not (query is key and key is value) or self.projection_regularizer is not None:
            return self.query_dense(query), self.key_dense(key), self.value_dense(value)
        weights = [layer.effective_weight() for layer in layers]  # (features, heads, features of a head)
        products = kernels.matmul_each(query, [weight.reshape(len(weight), -1) for weight in weights])
        projections = []
        for product, weight, layer in zip(products, weights, layers):
            heads = product.reshape(*query.shape[:-1], *weight.shape[1:])
            projections.append(heads if layer.bias is None else heads + layer.bias.value)
        return projections[0], projections[1], projections[2]

    def attend(
        self, query: Array, key: Array, value: Array, mask: Array | None, drop: Dropping, return_weights: bool
    ) -> tuple[Array, Array | None]:
        """The attention of every head for projected inputs (batch, length, heads, features), and its weights."""
        raise NotImplementedError

    def merged_mask(
        self,
        query: Array,
        value: Array,
        query_mask: Array | None,
        value_mask: Array | None,
        key_mask: Array | None,
        attention_mask: Array | None,
        use_causal_mask: bool,
    ) -> Array | None:
        """The values that each query attends to, or None for all.

        (batch or 1, queries, values), or (batch or 1, heads or 1, queries, values) if the attention mask has heads.
        """
        masks = [] if attention_mask is None else [attention_mask.astype(bool)]
        if masks and masks[0].ndim == 2:
            masks = [masks[0][None]]
        masks += [] if query_mask is None else [query_mask[..., None].astype(bool)]
        masks += [mask[..., None, :].astype(bool) for mask in (value_mask, key_mask) if mask is not None]
        rows, columns = np.arange(query.shape[1])[:, None], np.arange(value.shape[1])
        masks += [jnp.asarray(rows >= columns)[None]] if use_causal_mask else []
        if self.sliding_window is not None:
            masks.append(jnp.asarray(abs(rows - columns) < self.sliding_window)[None])
        rank = max((mask.ndim for mask in masks), default=0)
        full = [mask.reshape(mask.shape[0], *(1,) * (rank - mask.ndim), *mask.shape[1:]) for mask in masks]
        return functools.reduce(operator.and_, full) if full else None

    def compute_mask(self, inputs: Array, mask: Array | None = None) -> Array | None:
        """The mask of the query."""
        return mask

    def options_config(self) -> Config:
        """The config of the arguments that both classes share."""
        return {
            **super().get_config(),
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "use_gate": self.use_gate,
            "sliding_window": self.sliding_window,
            **weight_options.config(self, "kernel", "bias"),
            "activity_regularizer": regularizers.serialize(self.projection_regularizer),
            "seed": self.seed,
        }


def scaled_dot_product(
    query: Array, key: Array, value: Array, mask: Array | None, drop: Dropping, return_weights: bool
) -> tuple[Array, Array | None]:
    """Scaled dot-product attention of many heads (Vaswani et al., 2017).

    weights = softmax(query @ key.T / sqrt(features)), output = weights @ value.

    Args:
        query: (batch, queries, heads, features).
        key: (batch, values, heads, features).
        value: (batch, values, heads, features of values).
        mask: booleans that broadcast to (batch, queries, values), or with the heads after the batch; or None.
        drop: dropout for the weights, or None.
        return_weights: whether to return the weights as well.

    Returns:
        (output (batch, queries, heads, features of values), weights (batch, heads, queries, values) or None).
    """
    scaled = query * np.asarray(1 / math.sqrt(query.shape[-1]), query.dtype)
    q, k, v = (jnp.swapaxes(x, 1, 2) for x in (scaled, key, value))
    mask = mask if mask is None or mask.ndim == 4 else mask[:, None]
    if drop is None and not return_weights:
        return jnp.swapaxes(kernels.attention(q, k, v, mask), 1, 2), None
    weights = zero_softmax(kernels.head_matmul(q, k, 3, 3), mask)
    output = kernels.head_matmul(weights if drop is None else drop(weights), v, 3, 2)
    return jnp.swapaxes(output, 1, 2), weights


def zero_softmax(scores: Array, mask: Array | None, axis: int | Sequence[int] = -1) -> Array:
    """A softmax over the elements where the mask is True; all 0 where it is False everywhere."""
    return Softmax(axis)(scores, mask=None if mask is None else jnp.broadcast_to(mask, scores.shape))


def _copy(initializer: Any) -> Any:
    """An initializer of the same config: each projection has its own random numbers."""
    return type(initializer).from_config(initializer.get_config())
