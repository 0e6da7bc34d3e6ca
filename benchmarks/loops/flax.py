"""Flax NNX: the training step of its documentation, compiled by `nnx.jit` and called for every batch."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import optax
from flax import nnx

from benchmarks.peers import Clock, Result
from benchmarks.workload import Workload


def train(model: nnx.Module, work: Workload, clock: Clock) -> Result:
    """Train a classifier that gives logits."""
    x, y = work.data()
    random = np.random.default_rng()
    optimizer = nnx.Optimizer(model, optax.adam(work.learning_rate, eps=1e-7), wrt=nnx.Param)
    metrics = nnx.MultiMetric(loss=nnx.metrics.Average("loss"), accuracy=nnx.metrics.Accuracy())
    model.train()

    clock.start()
    for _ in range(work.epochs):
        metrics.reset()
        order = random.permutation(work.rows)
        for begin in range(0, work.rows, work.batch_size):
            rows = order[begin : begin + work.batch_size]
            _train_step(model, optimizer, metrics, x[rows], y[rows])
        results = {name: float(value) for name, value in metrics.compute().items()}
        print(f"loss: {results['loss']:.4f} - accuracy: {results['accuracy']:.4f}")
        clock.lap()
    return {"loss": results["loss"], "accuracy": results["accuracy"]}


@nnx.jit
def _train_step(model: Any, optimizer: nnx.Optimizer, metrics: nnx.MultiMetric, x: Any, y: Any) -> None:
    def loss_of(model: Any) -> tuple[jax.Array, jax.Array]:
        logits = model(x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), logits

    (loss, logits), gradients = nnx.value_and_grad(loss_of, has_aux=True)(model)
    metrics.update(loss=loss, logits=logits, labels=y)
    optimizer.update(model, gradients)


def options() -> dict[str, Any]:
    """What a layer is given to begin with Keras's weights: Glorot's uniform kernels, zero biases."""
    return {"kernel_init": nnx.initializers.glorot_uniform(), "rngs": nnx.Rngs(0)}
