"""The classifier of `inference` in plain JAX: one compiled function that goes over all whole batches, and the rest."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.loops.handwritten import COMPILER_OPTIONS
from benchmarks.peers import Clock, Result
from benchmarks.workloads import inference
from benchmarks.workloads.inference import Inference


def evaluate(work: Inference, clock: Clock) -> Result:
    """Evaluate all rows in each lap."""
    x, y = work.data()
    weights = jax.device_put(work.weights())
    compute = jax.jit(_sums, compiler_options=COMPILER_OPTIONS)
    clock.start()
    for _ in range(work.epochs):
        parts = [compute(weights, *part) for part in zip(_batches(x, work), _batches(y, work))]
        loss, hits = np.sum(jax.device_get(parts), axis=0) / work.rows
        clock.lap()
    return {"loss": float(loss), "accuracy": float(hits)}


def predict(work: Inference, clock: Clock) -> Result:
    """Predict all rows in each lap."""
    x, y = work.data()
    weights = jax.device_put(work.weights())
    compute = jax.jit(_probabilities_of_batches, compiler_options=COMPILER_OPTIONS)
    clock.start()
    for _ in range(work.epochs):
        parts = [compute(weights, part) for part in _batches(x, work)]
        probabilities = np.concatenate([np.asarray(part).reshape(-1, work.classes) for part in parts])
        clock.lap()
    return inference.result(probabilities, y)


def call_row(work: Inference, clock: Clock) -> Result:
    """Call a compiled function on each row separately."""
    weights = jax.device_put(work.weights())
    compute = jax.jit(lambda weights, x: jax.nn.softmax(_logits(weights, x)))
    return inference.rows_alone(lambda row: np.asarray(compute(weights, row)), work, clock)


predict_row = call_row  # the same


def _batches(rows: np.ndarray, work: Inference) -> list[np.ndarray]:
    """The whole batches, (batches, batch, ...), and the rest as one."""
    whole = work.rows - work.rows % work.batch_size
    parts = [rows[:whole].reshape(-1, work.batch_size, *rows.shape[1:]), rows[None, whole:]]
    return [part for part in parts if part.size]


def _logits(weights: Any, x: Any) -> jax.Array:
    kernel_1, bias_1, kernel_2, bias_2, kernel_3, bias_3 = weights
    hidden = jnp.maximum(x @ kernel_1 + bias_1, 0)
    hidden = jnp.maximum(hidden @ kernel_2 + bias_2, 0)
    return hidden @ kernel_3 + bias_3


def _probabilities_of_batches(weights: Any, x: Any) -> jax.Array:
    return lax.map(lambda batch: jax.nn.softmax(_logits(weights, batch)), x)


def _sums(weights: Any, x: Any, y: Any) -> tuple[jax.Array, jax.Array]:
    """Sums over all rows of the loss and of the hits."""

    def add(sums: Any, batch: Any) -> tuple[Any, None]:
        inputs, labels = batch
        logits = _logits(weights, inputs)
        target = labels[:, None] == jnp.arange(logits.shape[1])
        losses = jax.nn.logsumexp(logits, axis=1) - jnp.sum(jnp.where(target, logits, 0), axis=1)
        return (sums[0] + losses.sum(), sums[1] + jnp.sum(logits.argmax(axis=1) == labels)), None

    return lax.scan(add, (jnp.float32(0), jnp.int32(0)), (x, y))[0]
