"""Networks of tokens: classifiers of texts, and models of what follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.workload import Split, labels
from benchmarks.workloads.zoo.base import Zoo, encoder_block, positions, programs, trained_and_used

DILATIONS = (1, 2, 4, 8, 16, 32)
WINDOWS = (3, 4, 5)  # of the parallel convolutions
RATE = 0.2  # of the recurrent dropout
BLOCKS, HEADS = 2, 4  # of the language model


@dataclass(frozen=True)
class Sequences(Zoo):
    """A classifier of texts, or, if each token is a class, a model of the next one.

    Args:
        tokens: how many there are; the token 0 is padding.
    """

    size: int = 64
    width: int = 64
    classes: int = 2
    tokens: int = 2_000

    def data(self, split: Split = "train") -> tuple[np.ndarray, np.ndarray]:
        """Texts padded at their ends, upper tokens more frequent in one class; or walks of tokens."""
        rows, random = self._generator(split)
        if self.classes == self.tokens:
            steps = random.integers(-2, 3, (rows, self.size + 1)).cumsum(axis=1)
            walks = (random.integers(self.tokens, size=(rows, 1)) + steps).astype("int32") % self.tokens
            return walks[:, :-1], walks[:, 1:]
        made_of, y = labels(random, rows, self.classes)
        x = random.integers(1, self.tokens // 2, (rows, self.size), dtype=np.int32)
        upper = random.random((rows, self.size)) < np.where(made_of, 0.75, 0.25)[:, None]
        lengths = random.integers(self.size // 2, self.size + 1, (rows, 1))
        return (x + upper * np.int32(self.tokens // 2)) * (np.arange(self.size) < lengths), y


WORKLOADS = trained_and_used(
    Sequences(
        "zoo-wavenet",
        "dilated causal convolutions with gates (WaveNet), 256 steps",
        model="wavenet",
        size=256,
        width=32,
        classes=256,
        tokens=256,
        rows=320,
    ),
    Sequences("zoo-textcnn", "parallel 1-D convolutions over an embedding (TextCNN)", model="textcnn"),
    Sequences(
        "zoo-bilstm",
        "two bidirectional LSTM with masks",
        model="bilstm",
        width=32,
        loss="binary_crossentropy",
    ),
    Sequences(
        "zoo-gru",
        "two GRU with recurrent dropout",
        model="gru",
        width=32,
        loss="binary_crossentropy",
    ),
    Sequences(
        "zoo-lm",
        "causal language model: width 64, 64 tokens of 1,000",
        model="lm",
        loss="logits",
        classes=1_000,
        tokens=1_000,
        rows=320,
    ),
)


def wavenet(keras: Any, work: Sequences) -> Any:
    """Van den Oord et al., 2016."""
    layers, inputs = keras.layers, keras.Input((work.size,), dtype="int32")
    x = layers.Embedding(work.tokens, work.width)(inputs)
    skips = []
    for dilation in DILATIONS:
        filters, gate = [
            layers.Conv1D(work.width, 2, padding="causal", dilation_rate=dilation, activation=activation)(x)
            for activation in ("tanh", "sigmoid")
        ]
        y = layers.multiply([filters, gate])
        skips.append(layers.Conv1D(work.width, 1)(y))
        x = layers.add([x, layers.Conv1D(work.width, 1)(y)])
    y = layers.ReLU()(layers.add(skips))
    y = layers.Conv1D(work.width, 1, activation="relu")(y)
    return keras.Model(inputs, layers.Conv1D(work.classes, 1, activation="softmax")(y))


def textcnn(keras: Any, work: Sequences) -> Any:
    """Kim, 2014."""
    layers, inputs = keras.layers, keras.Input((work.size,), dtype="int32")
    x = layers.Embedding(work.tokens, work.width)(inputs)
    pooled = [
        layers.GlobalMaxPooling1D()(layers.Conv1D(work.width, window, activation="relu")(x)) for window in WINDOWS
    ]
    x = layers.Dropout(0.5)(layers.concatenate(pooled))
    return keras.Model(inputs, layers.Dense(work.classes, activation="softmax")(x))


def bilstm(keras: Any, work: Sequences) -> Any:
    """Graves & Schmidhuber, 2005; the padding is masked."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((work.size,), dtype="int32"),
            layers.Embedding(work.tokens, work.width, mask_zero=True),
            layers.Bidirectional(layers.LSTM(work.width, return_sequences=True)),
            layers.Bidirectional(layers.LSTM(work.width)),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def gru(keras: Any, work: Sequences) -> Any:
    """Cho et al., 2014, with the dropout of Gal & Ghahramani, 2016."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((work.size,), dtype="int32"),
            layers.Embedding(work.tokens, work.width),
            layers.GRU(work.width, recurrent_dropout=RATE, return_sequences=True),
            layers.GRU(work.width, recurrent_dropout=RATE),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def lm(keras: Any, work: Sequences) -> Any:
    """Radford et al., 2019."""
    layers, inputs = keras.layers, keras.Input((work.size,), dtype="int32")
    x = positions(keras, layers.Embedding(work.tokens, work.width)(inputs))
    for _ in range(BLOCKS):
        x = encoder_block(keras, x, HEADS, causal=True)
    return keras.Model(inputs, layers.Dense(work.classes)(layers.LayerNormalization()(x)))


MODELS = {build.__name__: build for build in (wavenet, textcnn, bilstm, gru, lm)}
train, predict = programs(MODELS)
