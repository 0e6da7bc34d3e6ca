"""The data of all classifiers of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.workload import Split, labels
from benchmarks.workloads.zoo.base import Zoo

_BLOCKS = 4  # along an edge, each of one color


@dataclass(frozen=True)
class Images(Zoo):
    """A classifier of images (size, size, 3)."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an image."""
        return self.size, self.size, 3

    def data(self, split: Split = "train") -> tuple[np.ndarray, np.ndarray]:
        """Images from 0 to 1: a class's blocks of color, in noise."""
        blocks = np.random.default_rng(0).uniform(0.3, 0.7, (self.classes, _BLOCKS, _BLOCKS, 3))
        rows, random = self._generator(split)
        made_of, y = labels(random, rows, self.classes)
        patterns = np.repeat(np.repeat(blocks, self.size // _BLOCKS, axis=1), self.size // _BLOCKS, axis=2)
        x = patterns[made_of].astype("float32")
        return x + random.uniform(-0.3, 0.3, x.shape).astype("float32"), y
