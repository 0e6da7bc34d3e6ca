"""Embedding, EinsumDense and Masking."""

import numpy as np

from tests.references._layers import numbers_of

RNG = np.random.default_rng(0)
TOKENS = np.array([[1, 2, 0], [3, 0, 0]], "int32")
CUBE = RNG.normal(size=(2, 3, 5)).astype("float32")
FOUR = RNG.normal(size=(2, 3, 4, 5)).astype("float32")
PADDED = CUBE * np.array([[1, 0, 1], [0, 0, 1]], "float32")[:, :, None]

LAYERS = {
    "embedding": (lambda keras: keras.layers.Embedding(4, 3), TOKENS),
    "embedding_options": (
        lambda keras: keras.layers.Embedding(
            4,
            3,
            embeddings_initializer="glorot_normal",
            embeddings_regularizer="l2",
            embeddings_constraint="max_norm",
            mask_zero=True,
        ),
        TOKENS,
    ),
    "embedding_floats": (lambda keras: keras.layers.Embedding(4, 3), TOKENS.astype("float32")),
    "einsum_dense": (lambda keras: keras.layers.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d"), CUBE),
    "einsum_dense_heads": (
        lambda keras: keras.layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", activation="relu"),
        CUBE,
    ),
    "einsum_dense_back": (lambda keras: keras.layers.EinsumDense("abcd,cde->abe", (None, 3), bias_axes="e"), FOUR),
    "einsum_dense_front": (lambda keras: keras.layers.EinsumDense("...x,xy->...y", 3, bias_axes="y"), FOUR),
    "einsum_dense_behind": (lambda keras: keras.layers.EinsumDense("ab...,bc->ac...", 3, bias_axes="c"), FOUR),
    "einsum_dense_between": (lambda keras: keras.layers.EinsumDense("abc,bd->adc", (4, None), bias_axes="d"), CUBE),
    "einsum_dense_initializer": (
        lambda keras: keras.layers.EinsumDense("abc,cde->abde", (None, 2, 3), kernel_initializer="he_normal"),
        CUBE,
    ),
    "masking": (lambda keras: keras.layers.Masking(), PADDED),
    "masking_value": (lambda keras: keras.layers.Masking(2.0), CUBE),
}


def cases(keras):
    """The numbers of each layer."""
    return numbers_of(keras, LAYERS)
