"""The base class of workloads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

EVERYBODY = ("minidl", "handwritten", "keras-jax", "keras-tensorflow", "torch", "flax")
Split = Literal["train", "test"]


@dataclass(frozen=True)
class Workload:
    """A workload: a row of the comparison.

    Args:
        name: what the command line calls it.
        about: one line for the table's title.
        peers: who computes it; the first one that could be measured is what the others are compared with.
        program: the function that computes it, in the file of its class and in those of the other libraries.
        measure: what the peers are compared by: "step", "row" or "call", the median time of one training step, row
            or call once everything is compiled, or "process", the time from starting Python to its exit.
        rows: training examples; calls in one lap if calls are measured.
        batch_size: examples in one step.
        epochs: passes over the rows; unless "process" is measured, the first one is where compilation happens.
        learning_rate: of Adam.
        needs: libraries that every peer's program for it imports besides its own.
        series: the title of the table that it shares with other workloads, a line for each; "" for one of its own.
        ratios: whether the series' table compares peers by ratios, a line for each workload.
        device: the device that its sizes are for, and on which it is measured if no workload is named.
        most_rounds: how often it is measured at most, where one round takes long; None for no limit.
    """

    name: str
    about: str
    peers: tuple[str, ...] = EVERYBODY
    program: str = "train"
    measure: Literal["step", "row", "call", "process"] = "step"
    rows: int = 1_280
    batch_size: int = 32
    epochs: int = 5
    learning_rate: float = 1e-3
    needs: tuple[str, ...] = ()
    series: str = ""
    ratios: bool = False
    device: Literal["cpu", "gpu"] = "cpu"
    most_rounds: int | None = None

    @property
    def steps(self) -> int:
        """Training steps in one epoch.

        >>> Workload("mine", "an example", rows=100, batch_size=32).steps
        4
        """
        return math.ceil(self.rows / self.batch_size)

    @property
    def parts(self) -> int:
        """The number of steps, rows or calls in one lap."""
        return self.steps if self.measure == "step" else self.rows

    def data(self, split: Split = "train") -> tuple[Any, np.ndarray]:
        """Inputs (rows, ...) and labels (rows,) int32; the test split has a fifth of the rows."""
        raise NotImplementedError

    def _generator(self, split: Split) -> tuple[int, np.random.Generator]:
        """The number of rows of a split, and its random generator."""
        return (self.rows, np.random.default_rng(1)) if split == "train" else (self.rows // 5, np.random.default_rng(2))


def labels(random: np.random.Generator, rows: int, classes: int, wrong: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    """Classes from which inputs are made, and noisy labels to train on: a fraction of them is drawn again.

    So the final loss is well above zero for every peer, and final losses can be compared by their ratio.
    """
    made_of = random.integers(classes, size=rows, dtype=np.int32)
    drawn_anew = random.random(rows) < wrong
    return made_of, np.where(drawn_anew, random.integers(classes, size=rows, dtype=np.int32), made_of)
