"""What is computed: sizes and data, the same for every peer.

Nothing here imports a framework, because the process that starts the peers reads this file too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

_LABEL_NOISE = 5.0  # against scores that spread by sqrt(features) = 10: the loss ends well above zero in every peer


@dataclass(frozen=True)
class Workload:
    """One thing to measure.

    Args:
        name: the function of each peer that computes it.
        about: one line for the table's title.
        peers: who computes it; the first one that could be measured is what the others are compared with.
        measure: what the peers are compared by: "step", the median time of one training step once everything is
            compiled, or "process", the time from starting Python to its exit.
        rows: training examples.
        features: the size of one example.
        classes: labels are 0 to classes - 1.
        batch_size: examples in one step.
        epochs: passes over the rows; with "step", the first one is where compilation happens.
        learning_rate: of Adam.
    """

    name: str
    about: str
    peers: tuple[str, ...]
    measure: Literal["step", "process"] = "step"
    rows: int = 19_200
    features: int = 100
    classes: int = 10
    batch_size: int = 32
    epochs: int = 10
    learning_rate: float = 1e-3

    @property
    def steps(self) -> int:
        """Training steps in one epoch.

        >>> WORKLOADS["mlp"].steps
        600
        """
        return math.ceil(self.rows / self.batch_size)

    def data(self, split: Literal["train", "test"] = "train") -> tuple[np.ndarray, np.ndarray]:
        """Normal features, and the class whose noisy linear score is highest.

        Returns:
            x: (rows, features) float32; the test split has a fifth of the rows.
            y: (rows,) int32.
        """
        rows = self.rows if split == "train" else self.rows // 5
        weights = np.random.default_rng(0).standard_normal((self.features, self.classes))
        random = np.random.default_rng({"train": 1, "test": 2}[split])
        x = random.standard_normal((rows, self.features), dtype=np.float32)
        scores = x @ weights + _LABEL_NOISE * random.standard_normal((rows, self.classes))
        return x, scores.argmax(axis=1).astype(np.int32)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            "mlp",
            "100 -> 64 relu -> 64 relu -> 10 softmax, batch 32, Adam",
            ("minidl", "handwritten", "handwritten+metrics", "keras-jax", "keras-tensorflow", "torch"),
        ),
        Workload(
            "options",
            "the same on minidl, with what users add to fit",
            ("minidl", "minidl+callback", "minidl+validation", "minidl+class weights", "minidl+schedule"),
            epochs=20,
        ),
        Workload(
            "cold",
            "a whole small job as a process: import, build, fit 10 epochs of 10,000 rows, evaluate; no caches",
            ("minidl", "keras-jax", "keras-tensorflow"),
            measure="process",
            rows=10_000,
        ),
    )
}
