"""The first convolutional network of every tutorial, on images of MNIST's shape; plain, and regularized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.loops import keras as loop
from benchmarks.peers import Clock, Result
from benchmarks.workload import EVERYBODY, Split, Workload, labels

RATE = 0.5  # of Dropout
MOMENTUM, EPSILON = 0.99, 1e-3  # of BatchNormalization: Keras's own

_PATTERN = 1.0  # how much of a class's pattern is in an image, with noise of 1


@dataclass(frozen=True)
class ConvNet(Workload):
    """Whether there is a BatchNormalization after each convolution, and a Dropout before the last layer."""

    rows: int = 2_560
    batch_size: int = 128
    epochs: int = 4
    classes: int = 10
    regularized: bool = False

    def data(self, split: Split = "train") -> tuple[np.ndarray, np.ndarray]:
        """Images (28, 28, 1): the pattern of a class in noise."""
        patterns = np.random.default_rng(0).standard_normal((self.classes, 28, 28, 1), dtype=np.float32)
        rows, random = self._generator(split)
        made_of, y = labels(random, rows, self.classes)
        return _PATTERN * patterns[made_of] + random.standard_normal((rows, 28, 28, 1), dtype=np.float32), y


_PEERS = (*EVERYBODY, "torch-compiled")
_ABOUT = "convolutions of 32 and 64 3x3 filters, each with relu and 2x2 max pooling, dense 10; MNIST's shape, batch 128"
WORKLOADS = (
    ConvNet("convnet", _ABOUT, _PEERS),
    ConvNet("convnet-bn", "the same with BatchNormalization and Dropout", _PEERS, regularized=True),
)


def train(keras: Any, work: ConvNet, clock: Clock) -> Result:
    """Train the network."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((28, 28, 1))])
    for filters in (32, 64):
        model.add(layers.Conv2D(filters, 3, activation="relu"))
        if work.regularized:
            model.add(layers.BatchNormalization())
        model.add(layers.MaxPooling2D(2))
    model.add(layers.Flatten())
    if work.regularized:
        model.add(layers.Dropout(RATE))
    model.add(layers.Dense(work.classes, activation="softmax"))
    return loop.train(keras, model, work, clock)
