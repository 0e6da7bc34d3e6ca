"""Sentiment of short texts: embedding, a recurrent layer, one sigmoid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.loops import keras as loop
from benchmarks.peers import Clock, Result
from benchmarks.workload import Split, Workload, labels


@dataclass(frozen=True)
class Recurrent(Workload):
    """Sizes.

    Args:
        layer: "LSTM" or "GRU".
        length: tokens in one text.
        tokens: how many there are.
        units: of the embedding and of the recurrent layer.
    """

    rows: int = 1_920
    epochs: int = 4
    learning_rate: float = 3e-4  # with 1e-3, runs differ in how many labels they memorize
    layer: str = "LSTM"
    length: int = 80
    tokens: int = 5_000
    units: int = 64

    def data(self, split: Split = "train") -> tuple[np.ndarray, np.ndarray]:
        """Tokens, most of them from a few frequent ones; those of the upper half are more frequent in one class."""
        rows, random = self._generator(split)
        made_of, y = labels(random, rows, classes=2)
        half = self.tokens // 2
        ranks = half ** random.random((rows, self.length)) ** 2 - 1
        upper = random.random((rows, self.length)) < np.where(made_of, 0.75, 0.25)[:, None]
        return ranks.astype(np.int32) + upper * np.int32(half), y


WORKLOADS = (
    Recurrent("lstm", "Embedding(5000, 64), LSTM(64) over 80 tokens, one sigmoid, batch 32"),
    Recurrent("gru", "the same with GRU(64)", layer="GRU"),
)


def train(keras: Any, work: Recurrent, clock: Clock) -> Result:
    """Train the classifier."""
    model = keras.Sequential(
        [
            keras.Input((work.length,), dtype="int32"),
            keras.layers.Embedding(work.tokens, work.units),
            getattr(keras.layers, work.layer)(work.units),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    return loop.train(keras, model, work, clock, loss="binary_crossentropy")
