"""Cross-validation: ten models of one structure in one process, measured from starting Python to its exit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.peers import Clock, Result
from benchmarks.workloads.mlp import MLP


@dataclass(frozen=True)
class KFold(MLP):
    """A lap is a fold: build, compile, fit, evaluate.

    Args:
        folds: how many models.
    """

    folds: int = 10


WORKLOADS = (
    KFold(
        "kfold",
        "ten-fold cross-validation of a small classifier, 5 epochs of 3,600 rows each, as a process",
        ("minidl", "keras-jax", "keras-tensorflow", "torch"),
        measure="process",
        rows=4_000,
        epochs=5,
    ),
)


def split(work: KFold, fold: int) -> tuple[Any, Any, Any, Any]:
    """The rows (x, y) to train on, and those to evaluate on."""
    x, y = work.data("train")
    is_left_out = np.arange(work.rows) % work.folds == fold
    return x[~is_left_out], y[~is_left_out], x[is_left_out], y[is_left_out]


def train(keras: Any, work: KFold, clock: Clock) -> Result:
    """The mean loss and accuracy over the folds."""
    results = []
    clock.start()
    for fold in range(work.folds):
        x, y, x_left_out, y_left_out = split(work, fold)
        model = keras.Sequential(
            [
                keras.layers.Dense(work.units, activation="relu"),
                keras.layers.Dense(work.units, activation="relu"),
                keras.layers.Dense(work.classes, activation="softmax"),
            ]
        )
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, epochs=work.epochs, batch_size=work.batch_size, verbose=0)
        results.append(model.evaluate(x_left_out, y_left_out, verbose=0))
        clock.lap()
    loss, accuracy = np.mean(results, axis=0)
    return {"loss": float(loss), "accuracy": float(accuracy)}
