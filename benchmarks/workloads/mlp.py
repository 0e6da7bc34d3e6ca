"""Classifiers of plain features: two hidden layers of relu, softmax. Labels are the argmax of noisy linear scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.loops import keras as loop
from benchmarks.peers import Clock, Result
from benchmarks.workload import EVERYBODY, Split, Workload

_SMALL = 2**25  # multiplications in a forward pass, below which threads do not help
_LABEL_NOISE = 0.5  # relative to scores of deviation 1: the final loss is well above zero for every peer


@dataclass(frozen=True)
class MLP(Workload):
    """Sizes of the layers.

    Args:
        features: the size of one example.
        units: of each hidden layer.
        classes: labels are 0 to classes - 1.
    """

    features: int = 100
    units: int = 64
    classes: int = 10

    @property
    def small(self) -> bool:
        """Whether threads do not help: libraries that start them anyway wait for them on a busy machine."""
        return self.batch_size * self.units * (self.features + self.units) < _SMALL

    def data(self, split: Split = "train") -> tuple[np.ndarray, np.ndarray]:
        """Normal features, and the class whose noisy linear score is highest."""
        weights = np.random.default_rng(0).standard_normal((self.features, self.classes)) / np.sqrt(self.features)
        rows, random = self._generator(split)
        x = random.standard_normal((rows, self.features), dtype=np.float32)
        scores = x @ weights + _LABEL_NOISE * random.standard_normal((rows, self.classes))
        return x, scores.argmax(axis=1).astype(np.int32)


_PEERS = (*EVERYBODY[:2], "handwritten+metrics", *EVERYBODY[2:], "torch-compiled", "scikit-learn")
WORKLOADS = (
    MLP("mlp", "100 -> 64 relu -> 64 relu -> 10 softmax, batch 32, Adam", _PEERS, rows=19_200, epochs=10),
    MLP("mlp-256", "the same, batch 256", _PEERS, rows=51_200, batch_size=256, epochs=8),
    MLP("mlp-2048", "the same, batch 2048", _PEERS, rows=122_880, batch_size=2_048, epochs=8),
    MLP(
        "mlp-wide",
        "784 -> 512 relu -> 512 relu -> 10 softmax, batch 128, Adam",
        _PEERS,
        rows=19_200,
        batch_size=128,
        epochs=4,
        learning_rate=3e-4,
        features=784,
        units=512,
    ),
)


def model(keras: Any, work: MLP) -> Any:
    """The classifier."""
    return keras.Sequential(
        [
            keras.Input((work.features,)),
            keras.layers.Dense(work.units, activation="relu"),
            keras.layers.Dense(work.units, activation="relu"),
            keras.layers.Dense(work.classes, activation="softmax"),
        ]
    )


def train(keras: Any, work: MLP, clock: Clock) -> Result:
    """Train the classifier."""
    return loop.train(keras, model(keras, work), work, clock)
