"""Embedding, EinsumDense, Masking, Lambda and Wrapper."""

import numpy as np

from minidl import layers
from minidl.testing import LayerCase as Row

RNG = np.random.default_rng(0)
TOKENS = np.array([[1, 2, 0], [3, 0, 0]], "int32")
CUBE = RNG.normal(size=(2, 3, 5)).astype("float32")
DENSE = {"units": 2, "name": "inside"}


class Twice(layers.Wrapper):
    def call(self, inputs):
        return 2 * self.layer(inputs)


ROWS = {
    "Embedding": Row(layers.Embedding, {"input_dim": 4, "output_dim": 3}, TOKENS),
    "Embedding masked": Row(
        layers.Embedding, {"input_dim": 4, "output_dim": 3, "mask_zero": True, "embeddings_regularizer": "l2"}, TOKENS
    ),
    "EinsumDense": Row(
        layers.EinsumDense, {"equation": "abc,cd->abd", "output_shape": (None, 4), "bias_axes": "d"}, CUBE
    ),
    "EinsumDense front": Row(
        layers.EinsumDense,
        {"equation": "...c,cde->...de", "output_shape": (2, 3), "bias_axes": "de", "activation": "tanh"},
        CUBE,
    ),
    "EinsumDense behind": Row(
        layers.EinsumDense, {"equation": "ab...,bc->ac...", "output_shape": 4, "bias_axes": "c"}, CUBE
    ),
    "EinsumDense turned": Row(layers.EinsumDense, {"equation": "abc,dc->abd", "output_shape": (None, 4)}, CUBE),
    "Masking": Row(layers.Masking, {"mask_value": 1.0}, CUBE),
}
