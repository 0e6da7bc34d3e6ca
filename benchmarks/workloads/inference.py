"""The small classifier without training: many rows, and one row at a time. Its weights are the same in every peer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.peers import Clock, Result
from benchmarks.workloads import mlp
from benchmarks.workloads.mlp import MLP


@dataclass(frozen=True)
class Inference(MLP):
    """The small classifier."""

    def weights(self) -> list[np.ndarray]:
        """A kernel (inputs, units) and a bias for each layer."""
        random = np.random.default_rng(3)
        sizes = (self.features, self.units, self.units, self.classes)
        shapes = [shape for size, units in zip(sizes, sizes[1:]) for shape in ((size, units), (units,))]
        return [random.normal(0, 1 / np.sqrt(shape[0]), shape).astype(np.float32) for shape in shapes]


_MANY: dict[str, Any] = {"measure": "row", "rows": 50_000, "epochs": 16}
_ONE: dict[str, Any] = {"measure": "call", "epochs": 6}
WORKLOADS = (
    Inference("evaluate", "evaluate on 50,000 rows of mlp, batch 32", program="evaluate", **_MANY),
    Inference("predict", "predict of 50,000 rows of mlp, batch 32", program="predict", **_MANY),
    Inference("predict-row", "predict of one row of mlp, in a loop", program="predict_row", rows=20, **_ONE),
    Inference("call-row", "model(x) of one row of mlp, in a loop", program="call_row", rows=200, **_ONE),
)


def evaluate(keras: Any, work: Inference, clock: Clock) -> Result:
    """Evaluate all rows in each lap."""
    x, y = work.data()
    model = _model(keras, work)
    clock.start()
    for _ in range(work.epochs):
        loss, accuracy = model.evaluate(x, y, batch_size=work.batch_size)
        clock.lap()
    return {"loss": float(loss), "accuracy": float(accuracy)}


def predict(keras: Any, work: Inference, clock: Clock) -> Result:
    """Predict all rows in each lap."""
    x, y = work.data()
    model = _model(keras, work)
    clock.start()
    for _ in range(work.epochs):
        probabilities = model.predict(x, batch_size=work.batch_size)
        clock.lap()
    return result(probabilities, y)


def predict_row(keras: Any, work: Inference, clock: Clock) -> Result:
    """Predict each row separately."""
    model = _model(keras, work)
    return rows_alone(lambda row: model.predict(row), work, clock)


def call_row(keras: Any, work: Inference, clock: Clock) -> Result:
    """Call the model on each row separately."""
    model = _model(keras, work)
    return rows_alone(lambda row: np.asarray(model(row)), work, clock)


def rows_alone(probabilities_of: Any, work: Inference, clock: Clock) -> Result:
    """Give each row of the data, (1, features), to a function that returns an array of NumPy."""
    x, y = work.data()
    clock.start()
    for _ in range(work.epochs):
        probabilities = [probabilities_of(x[i : i + 1]) for i in range(work.rows)]
        clock.lap()
    return result(np.concatenate(probabilities), y)


def result(probabilities: np.ndarray, y: np.ndarray) -> Result:
    """Loss and accuracy of the probabilities."""
    loss = -np.log(probabilities[np.arange(len(y)), y]).mean()
    return {"loss": float(loss), "accuracy": float((probabilities.argmax(axis=1) == y).mean())}


def _model(keras: Any, work: Inference) -> Any:
    model = mlp.model(keras, work)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.set_weights(work.weights())
    return model
