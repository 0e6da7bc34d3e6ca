"""Attentions."""

import numpy as np

from minidl import layers
from minidl.testing import LayerCase as Row

RNG = np.random.default_rng(0)
QUERY = RNG.normal(size=(2, 3, 4)).astype("float32")
VALUE = RNG.normal(size=(2, 5, 4)).astype("float32")

ROWS = {
    "Attention": Row(layers.Attention, {"use_scale": True}, [QUERY, VALUE]),
    "Attention dropout": Row(
        layers.Attention,
        {"score_mode": "concat", "dropout": 0.5, "seed": 1},
        [QUERY, VALUE, VALUE],
        differs_in_training=True,
    ),
    "AdditiveAttention": Row(layers.AdditiveAttention, {}, [QUERY, VALUE]),
    "MultiHeadAttention": Row(
        layers.MultiHeadAttention, {"num_heads": 2, "key_dim": 3, "value_dim": 2, "sliding_window": 2}, (QUERY, VALUE)
    ),
    "MultiHeadAttention dropout": Row(
        layers.MultiHeadAttention,
        {"num_heads": 2, "key_dim": 3, "dropout": 0.5, "seed": 1, "output_shape": 5, "use_gate": True},
        (QUERY, VALUE, VALUE),
        differs_in_training=True,
    ),
    "GroupQueryAttention": Row(
        layers.GroupQueryAttention, {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}, (QUERY, VALUE)
    ),
}
