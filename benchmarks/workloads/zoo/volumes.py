"""Networks of images in depth or in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.workload import Split, labels
from benchmarks.workloads.zoo.base import Zoo, programs, trained_and_used


@dataclass(frozen=True)
class Volumes(Zoo):
    """A classifier of volumes (depth, size, size, 1).

    Args:
        depth: images in a volume.
    """

    batch_size: int = 16
    rows: int = 160
    size: int = 24
    width: int = 8
    classes: int = 4
    depth: int = 8

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of a volume."""
        return self.depth, self.size, self.size, 1

    def data(self, split: Split = "train") -> tuple[np.ndarray, np.ndarray]:
        """A square that moves in the direction of its class, in noise."""
        rows, random = self._generator(split)
        made_of, y = labels(random, rows, self.classes)
        moves = np.array([(0, 1), (0, -1), (1, 0), (-1, 0)])[made_of]
        x = random.uniform(0, 0.5, (rows, *self.shape)).astype("float32")
        edge = np.arange(self.size // 4)
        for time in range(self.depth):
            corner = self.size // 2 + time * moves
            high, wide = [(corner[:, axis, None] + edge) % self.size for axis in (0, 1)]
            x[np.arange(rows)[:, None, None], time, high[:, :, None], wide[:, None, :]] += 1
        return x, y


WORKLOADS = trained_and_used(
    Volumes("zoo-conv3d", "3-D convolutions over 8 images of 24 x 24 (C3D), batch 16", model="conv3d", size=24),
    Volumes("zoo-convlstm", "ConvLSTM over 8 images of 24 x 24, batch 16", model="convlstm"),
)


def conv3d(keras: Any, work: Volumes) -> Any:
    """Tran et al., 2015."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(work.shape),
            layers.Conv3D(work.width, 3, padding="same", activation="relu"),
            layers.MaxPooling3D((1, 2, 2)),
            layers.Conv3D(2 * work.width, 3, padding="same", activation="relu"),
            layers.MaxPooling3D(2),
            layers.Flatten(),
            layers.Dense(4 * work.width, activation="relu"),
            layers.Dense(work.classes, activation="softmax"),
        ]
    )


def convlstm(keras: Any, work: Volumes) -> Any:
    """Shi et al., 2015."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(work.shape),
            layers.ConvLSTM2D(work.width, 3, padding="same"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(work.classes, activation="softmax"),
        ]
    )


MODELS = {build.__name__: build for build in (conv3d, convlstm)}
train, predict = programs(MODELS)
