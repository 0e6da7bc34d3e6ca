"""A model of 100 MB into a file and back. By hand, the same bytes are written, fsynced, and read."""

from __future__ import annotations

import gc
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.peers import Clock, Result
from benchmarks.workload import Workload


@dataclass(frozen=True)
class Saving(Workload):
    """Dense layers."""

    units: int = 2048
    layers: int = 6

    def weights(self) -> list[np.ndarray]:
        """A kernel and a bias for each layer."""
        random = np.random.default_rng(1)
        shapes = [(self.units, self.units), (self.units,)] * self.layers
        return [random.normal(size=shape).astype(np.float32) for shape in shapes]


_PEERS = ("minidl", "handwritten", "keras-jax")
WORKLOADS = (
    Saving("save", "model.save of 100 MB of weights", _PEERS, "save", "call", rows=1, epochs=8),
    Saving("load", "load_model of 100 MB of weights", _PEERS, "load", "call", rows=1, epochs=8),
)


def save(keras: Any, work: Saving, clock: Clock) -> Result:
    """Overwrite the previous file in each lap."""
    model = _model(keras, work)
    with tempfile.TemporaryDirectory() as folder:
        clock.start()
        for _ in range(work.epochs):
            model.save(f"{folder}/model.keras")
            clock.lap()
        return check(keras.models.load_model(f"{folder}/model.keras").get_weights())


def load(keras: Any, work: Saving, clock: Clock) -> Result:
    """Load the same file in each lap. The previous model is collected before: new memory costs more than the load."""
    model = None
    with tempfile.TemporaryDirectory() as folder:
        _model(keras, work).save(f"{folder}/model.keras")
        for _ in range(work.epochs):
            model = None
            gc.collect()
            clock.start()
            model = keras.models.load_model(f"{folder}/model.keras")
            clock.lap()
        return check(model.get_weights())


def check(weights: list[np.ndarray]) -> Result:
    """A number to check whether the weights are those that were saved."""
    return {"loss": float(sum(np.abs(array).mean() for array in weights)), "accuracy": None}


def _model(keras: Any, work: Saving) -> Any:
    layers = [keras.layers.Dense(work.units) for _ in range(work.layers)]
    model = keras.Sequential([keras.Input((work.units,)), *layers])
    model.set_weights(work.weights())
    return model
