"""Cross-validation: ten models of one structure in one process, measured from starting Python to its exit."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.peers import Clock, Result
from benchmarks.workloads.mlp import MLP, model


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
    KFold(
        "kfold-sklearn",
        "the same by scikit-learn's cross_val_score, with the model in a wrapper",
        ("minidl", "keras-jax", "keras-tensorflow"),
        program="train_in_wrapper",
        measure="process",
        rows=4_000,
        epochs=5,
        needs=("sklearn",),
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
        made = _compiled(keras, work, "sparse_categorical_crossentropy")
        made.fit(x, y, epochs=work.epochs, batch_size=work.batch_size, verbose=0)
        results.append(made.evaluate(x_left_out, y_left_out, verbose=0))
        clock.lap()
    loss, accuracy = np.mean(results, axis=0)
    return {"loss": float(loss), "accuracy": float(accuracy)}


def train_in_wrapper(keras: Any, work: KFold, clock: Clock) -> Result:
    """The mean accuracy over the folds, and the mean loss of their last epochs."""
    from sklearn import model_selection

    losses = []

    def score(estimator: Any, x: np.ndarray, y: np.ndarray) -> float:
        losses.append(estimator.history_.history["loss"][-1])
        accuracy = estimator.score(x, y)
        clock.lap()
        return float(accuracy)

    def make(X: Any, y: Any) -> Any:  # noqa: N803  # scikit-learn's names; targets are one-hot
        return _compiled(keras, dataclasses.replace(work, classes=y.shape[1]), "categorical_crossentropy")

    # Not as `fit_kwargs` of the wrapper: Keras's loses them where scikit-learn clones it.
    given = {"epochs": work.epochs, "batch_size": work.batch_size, "verbose": 0}
    estimator = keras.wrappers.SKLearnClassifier(make)
    clock.start()
    folds = model_selection.KFold(work.folds)
    x, y = work.data("train")
    accuracies = model_selection.cross_val_score(estimator, x, y, cv=folds, scoring=score, params=given)
    return {"loss": float(np.mean(losses)), "accuracy": float(np.mean(accuracies))}


def _compiled(keras: Any, work: KFold, loss: str) -> Any:
    """A new model."""
    made = model(keras, work)
    made.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    return made
