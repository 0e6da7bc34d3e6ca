"""Attentions."""

import numpy as np

from tests.references._layers import numbers_of

RNG = np.random.default_rng(0)
QUERY = RNG.normal(size=(2, 3, 4)).astype("float32")
VALUE = RNG.normal(size=(2, 5, 4)).astype("float32")
IMAGES = RNG.normal(size=(2, 3, 2, 4)).astype("float32")
QUERY_MASK = np.array([[1, 1, 0], [1, 0, 1]], bool)
VALUE_MASK = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1]], bool)
BOTH = {"mask": [QUERY_MASK, VALUE_MASK]}
MASKS = {"query_mask": QUERY_MASK, "value_mask": VALUE_MASK}

LAYERS = {
    "attention": (lambda keras: keras.layers.Attention(), [QUERY, VALUE]),
    "attention_scaled": (lambda keras: keras.layers.Attention(use_scale=True), [QUERY, VALUE, 2 * VALUE], BOTH),
    "attention_concat": (
        lambda keras: keras.layers.Attention(score_mode="concat", use_scale=True),
        [QUERY, VALUE],
        {"return_attention_scores": True, "use_causal_mask": True},
    ),
    "attention_dropout": (lambda keras: keras.layers.Attention(dropout=0.4), [QUERY, VALUE]),
    "additive": (lambda keras: keras.layers.AdditiveAttention(), [QUERY, VALUE], BOTH),
    "additive_plain": (lambda keras: keras.layers.AdditiveAttention(use_scale=False, dropout=0.3), [QUERY, VALUE]),
    "multi_head": (lambda keras: keras.layers.MultiHeadAttention(2, 3), (QUERY, VALUE)),
    "multi_head_masked": (
        lambda keras: keras.layers.MultiHeadAttention(2, 3),
        (QUERY, VALUE),
        {"value_mask": VALUE_MASK},
    ),
    "multi_head_options": (
        lambda keras: keras.layers.MultiHeadAttention(
            2, 3, output_shape=5, use_bias=False, kernel_regularizer="l2", kernel_initializer="he_normal"
        ),
        (QUERY, VALUE, 2 * VALUE),
    ),
    "multi_head_value_dim": (
        lambda keras: keras.layers.MultiHeadAttention(2, 3, value_dim=2),
        (QUERY, VALUE),
        {"return_attention_scores": True, "value_mask": np.zeros((2, 5), bool)},
    ),
    "multi_head_causal": (
        lambda keras: keras.layers.MultiHeadAttention(2, 3, sliding_window=2),
        (VALUE, VALUE),
        {"use_causal_mask": True, "return_attention_scores": True},
    ),
    "multi_head_dropout": (lambda keras: keras.layers.MultiHeadAttention(2, 3, dropout=0.4), (QUERY, VALUE)),
    "multi_head_gate": (lambda keras: keras.layers.MultiHeadAttention(2, 3, use_gate=True), (QUERY, VALUE)),
    "multi_head_images": (lambda keras: keras.layers.MultiHeadAttention(2, 3), (IMAGES, IMAGES)),
    "multi_head_axes": (lambda keras: keras.layers.MultiHeadAttention(2, 3, attention_axes=2), (IMAGES, IMAGES)),
    "grouped": (
        lambda keras: keras.layers.GroupQueryAttention(3, 4, 2, bias_initializer="random_normal"),
        (QUERY, VALUE),
        MASKS,
    ),
    "grouped_causal": (
        lambda keras: keras.layers.GroupQueryAttention(3, 4, 2, use_gate=True),
        (VALUE, VALUE),
        {"use_causal_mask": True},
    ),
}


def cases(keras):
    """The numbers of each layer."""
    return numbers_of(keras, LAYERS)
