"""Models that are profiled, with data."""

import numpy as np

import minidl as keras
from minidl import layers


def classifier():
    """The model of the README: 100 -> 64 -> 64 -> 10."""
    model = keras.Sequential(
        [
            layers.Input((100,)),
            layers.Dense(64, activation="relu", name="first"),
            layers.Dense(64, activation="relu", name="second"),
            layers.Dense(10, activation="softmax", name="last"),
        ],
        name="classifier",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    return model, rng.random((128, 100), "float32"), rng.integers(0, 10, 128)


def convnet():
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu", name="strided"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(name="flat"),
            layers.Dropout(0.5, name="dropout"),
            layers.Dense(10, activation="softmax", name="last"),
        ],
        name="convnet",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    return model, rng.random((64, 28, 28, 1), "float32"), rng.integers(0, 10, 64)


LENGTH, WIDTH, HEADS, WORDS, HIDDEN, BLOCKS = 32, 48, 4, 100, 96, 2


class Block(layers.Layer):
    """A block of a transformer."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.attention = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, name="attention")
        self.norms = [layers.LayerNormalization(name="norm_1"), layers.LayerNormalization(name="norm_2")]
        self.up = layers.Dense(HIDDEN, activation="gelu", name="up")
        self.down = layers.Dense(WIDTH, name="down")

    def call(self, x):
        h = self.norms[0](x)
        x = x + self.attention(h, h, use_causal_mask=True)
        return x + self.down(self.up(self.norms[1](x)))


def language_model():
    words = layers.Input((LENGTH,), dtype="int32")
    x = layers.Embedding(WORDS, WIDTH, name="embedding")(words)
    for i in range(BLOCKS):
        x = Block(name=f"block_{i}")(x)
    model = keras.Model(words, layers.Dense(WORDS, name="words")(x), name="language_model")
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    text = np.random.default_rng(0).integers(0, WORDS, (64, LENGTH + 1))
    return model, text[:, :-1], text[:, 1:]
