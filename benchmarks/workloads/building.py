"""Models as they are built, with their first weights: the first one in a process, and one after another.

Cross-validation and searches build a model for each run, as a notebook does each time its cell is run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.peers import Clock, Result
from benchmarks.workload import Workload

_PEERS = ("minidl", "keras-jax", "keras-tensorflow")


@dataclass(frozen=True)
class Building(Workload):
    """Models of equal blocks."""

    size: int = 64  # of images, and of the features of a sequence
    blocks: int = 4  # of sequences


WORKLOADS = (
    Building("build-resnet", "ResNet50 built anew", _PEERS, "resnet", "call", rows=1, epochs=6),
    Building("build-lstm", "stacked bidirectional LSTMs built anew", _PEERS, "lstm", "call", rows=1, epochs=6),
    Building("build-encoder", "a Transformer encoder built anew", _PEERS, "encoder", "call", rows=1, epochs=6),
)


def resnet(keras: Any, work: Building, clock: Clock) -> Result:
    """ResNet50 of the applications; its network is that of He et al., 2015."""
    shape = (work.size, work.size, 3)
    return _each(lambda: keras.applications.ResNet50(weights=None, input_shape=shape, classes=10), keras, work, clock)


def lstm(keras: Any, work: Building, clock: Clock) -> Result:
    """Widths differ between blocks."""

    def build() -> Any:
        x = inputs = keras.Input((None, work.size))
        for block in range(1, work.blocks + 1):
            x = keras.layers.Bidirectional(keras.layers.LSTM(work.size // block, return_sequences=True))(x)
        return keras.Model(inputs, keras.layers.Dense(10)(x))

    return _each(build, keras, work, clock)


def encoder(keras: Any, work: Building, clock: Clock) -> Result:
    """Residual connections as operators, and normal first weights."""
    layers = keras.layers

    def build() -> Any:
        x = inputs = keras.Input((None, work.size))
        for _ in range(work.blocks):
            y = layers.LayerNormalization()(x)
            x = x + layers.MultiHeadAttention(4, work.size // 4, kernel_initializer="truncated_normal")(y, y)
            y = layers.LayerNormalization()(x)
            y = layers.Dense(4 * work.size, activation="gelu", kernel_initializer="he_normal")(y)
            x = x + layers.Dense(work.size, kernel_initializer="he_normal")(y)
        return keras.Model(inputs, layers.Dense(10)(x))

    return _each(build, keras, work, clock)


def _each(build: Any, keras: Any, work: Building, clock: Clock) -> Result:
    """A lap for each model. The mean size of the last one's weights shows whether peers drew the same."""
    keras.utils.set_random_seed(1)
    clock.start()
    for _ in range(work.epochs):
        model = build()
        clock.lap()
    weights = [np.abs(array).mean() for array in model.get_weights()]
    return {"loss": float(np.mean(weights)), "accuracy": None}
