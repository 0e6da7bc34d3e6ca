"""A small Transformer encoder that classifies sequences of vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.loops import keras as loop
from benchmarks.peers import Clock, Result
from benchmarks.workload import EVERYBODY, Split, Workload, labels

EPSILON = 1e-3  # of LayerNormalization: Keras's own

_PATTERN = 0.2  # how much of a class's pattern is in each vector, with noise of 1


@dataclass(frozen=True)
class Transformer(Workload):
    """Sizes.

    Args:
        blocks: how many there are.
        length: vectors in one sequence.
        width: the size of a vector.
        heads: of the attention; each is width / heads wide.
        hidden: units in the middle of the feed-forward part.
        classes: labels are 0 to classes - 1.
    """

    rows: int = 1_280
    epochs: int = 4
    blocks: int = 2
    length: int = 64
    width: int = 64
    heads: int = 4
    hidden: int = 128
    classes: int = 10

    def data(self, split: Split = "train") -> tuple[np.ndarray, np.ndarray]:
        """Sequences (length, width): the pattern of a class in noise."""
        patterns = np.random.default_rng(0).standard_normal((self.classes, self.length, self.width), dtype=np.float32)
        rows, random = self._generator(split)
        made_of, y = labels(random, rows, self.classes)
        noise = random.standard_normal((rows, self.length, self.width), dtype=np.float32)
        return _PATTERN * patterns[made_of] + noise, y


WORKLOADS = (
    Transformer(
        "transformer",
        "two encoder blocks: width 64, 4 heads, 64 tokens, feed-forward 128, layer norm; mean, dense 10; batch 32",
        (*EVERYBODY, "torch-compiled"),
    ),
)


def train(keras: Any, work: Transformer, clock: Clock) -> Result:
    """Train the encoder."""
    layers = keras.layers
    inputs = keras.Input((work.length, work.width))
    x = inputs
    for _ in range(work.blocks):
        attended = layers.MultiHeadAttention(work.heads, work.width // work.heads)(x, x)
        x = layers.LayerNormalization()(layers.add([x, attended]))
        forward = layers.Dense(work.width)(layers.Dense(work.hidden, activation="relu")(x))
        x = layers.LayerNormalization()(layers.add([x, forward]))
    outputs = layers.Dense(work.classes, activation="softmax")(layers.GlobalAveragePooling1D()(x))
    return loop.train(keras, keras.Model(inputs, outputs), work, clock)
