"""The classifier of `inference` in Flax NNX: its functions compiled by `nnx.jit` and called for every batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import optax
from flax import nnx

from benchmarks.peers import Clock, Result
from benchmarks.workloads import inference, mlp_flax
from benchmarks.workloads.inference import Inference


def evaluate(work: Inference, clock: Clock) -> Result:
    """Evaluate all rows in each lap."""
    x, y = work.data()
    model = _model(work)
    metrics = nnx.MultiMetric(loss=nnx.metrics.Average("loss"), accuracy=nnx.metrics.Accuracy())
    clock.start()
    for _ in range(work.epochs):
        metrics.reset()
        for begin in range(0, work.rows, work.batch_size):
            rows = slice(begin, begin + work.batch_size)
            _test_step(model, metrics, x[rows], y[rows])
        found = {name: float(value) for name, value in metrics.compute().items()}
        clock.lap()
    return {"loss": found["loss"], "accuracy": found["accuracy"]}


def predict(work: Inference, clock: Clock) -> Result:
    """Predict all rows in each lap."""
    x, y = work.data()
    model = _model(work)
    clock.start()
    for _ in range(work.epochs):
        batches = [_probabilities(model, x[i : i + work.batch_size]) for i in range(0, work.rows, work.batch_size)]
        probabilities = np.concatenate(batches)
        clock.lap()
    return inference.result(probabilities, y)


def call_row(work: Inference, clock: Clock) -> Result:
    """Call the model on each row separately."""
    model = _model(work)
    return inference.rows_alone(lambda row: np.asarray(_probabilities(model, row)), work, clock)


predict_row = call_row  # the same


@nnx.jit
def _probabilities(model: Any, x: Any) -> Any:
    return nnx.softmax(model(x))


@nnx.jit
def _test_step(model: Any, metrics: nnx.MultiMetric, x: Any, y: Any) -> None:
    logits = model(x)
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
    metrics.update(loss=loss, logits=logits, labels=y)


def _model(work: Inference) -> nnx.Module:
    model = mlp_flax.model(work)
    layers = [layer for layer in model.layers if isinstance(layer, nnx.Linear)]
    kernels, biases = work.weights()[::2], work.weights()[1::2]
    for layer, kernel, bias in zip(layers, kernels, biases, strict=True):
        layer.kernel[...], layer.bias[...] = kernel, bias
    return model
