"""Images varied while training: what the augmentation layers of a model cost, before a classifier of no cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.loops import keras as loop
from benchmarks.peers import Clock, Result
from benchmarks.workload import Split, Workload, labels

RANDOM = {  # kind -> (layer, arguments), one after the other
    "geometry": [
        ("RandomFlip", {}),
        ("RandomTranslation", {"height_factor": 0.1, "width_factor": 0.1}),
        ("RandomRotation", {"factor": 0.1}),
        ("RandomZoom", {"height_factor": 0.1}),
    ],
    "colors": [
        ("RandomBrightness", {"factor": 0.1}),
        ("RandomContrast", {"factor": 0.1}),
        ("RandomSaturation", {"factor": (0.4, 0.6)}),
        ("RandomHue", {"factor": 0.1}),
        ("RandomSharpness", {"factor": 0.6}),
    ],
    "erase": [("RandomErasing", {}), ("RandomGaussianBlur", {"kernel_size": 5})],
    "policy": [("RandAugment", {"factor": 0.2})],
}


@dataclass(frozen=True)
class Augmentation(Workload):
    """Which of the lists of layers the images go through."""

    rows: int = 1_280
    batch_size: int = 64
    epochs: int = 4
    classes: int = 10
    edge: int = 32
    kind: str = "geometry"

    def data(self, split: Split = "train") -> tuple[np.ndarray, np.ndarray]:
        """Images (edge, edge, 3) from 0 to 255: the color of a class, in noise."""
        colors = np.random.default_rng(0).uniform(64, 192, (self.classes, 1, 1, 3)).astype("float32")
        rows, random = self._generator(split)
        made_of, y = labels(random, rows, self.classes)
        noise = random.uniform(-64, 64, (rows, self.edge, self.edge, 3)).astype("float32")
        return colors[made_of] + noise, y


_PEERS = ("minidl", "keras-jax", "keras-tensorflow")
_ABOUT = "images 32 x 32 x 3, batch 64, before the mean of each color and dense 10: "
WORKLOADS = tuple(
    Augmentation(f"augment-{kind}", _ABOUT + ", ".join(name for name, _ in given), _PEERS, kind=kind)
    for kind, given in RANDOM.items()
)


def train(keras: Any, work: Augmentation, clock: Clock) -> Result:
    """Train the classifier."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((work.edge, work.edge, 3))])
    for name, arguments in RANDOM[work.kind]:
        model.add(getattr(layers, name)(**arguments))
    model.add(layers.Rescaling(1 / 255))
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(work.classes, activation="softmax"))
    return loop.train(keras, model, work, clock)
