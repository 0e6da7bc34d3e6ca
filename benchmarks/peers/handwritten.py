"""The fastest JAX loop we could write for one model on a CPU: the mark that `fit` is measured against.

It knows everything: three layers, float32, whole batches, Adam. What was tried is below, each alternating with the
version here, on two cores of a server CPU that others used too, with jax 0.10.2. A step takes 35 microseconds; its
eight matrix products take 24 when timed alone, its Adam 5. Ratios are medians over 60 to 200 rounds; above 1 is
slower; two copies of the same loop differ by up to 0.015, so smaller differences say nothing.

    the model
      six arrays (kernel, bias), jax.grad, XLA's defaults                     1.16
      ... with the options here, and each array flat (rows of 10 do not vectorize)  1.10
      ... with the options here, and only the last kernel transposed          1.05
      ... that, with logsumexp / take_along_axis instead of one-hot labels    1.06 / 1.09
      the logits transposed as well, still jax.grad                           1.03
      all parameters in one vector, jax.grad                                  2.4
      biases in three vectors                                                 1.02
      the logits' gradient not transposed before its product                  1.02
      accuracy computed as well                                               1.00
      logits stacked by the scan, the loss computed after it                  1.04
      lax.fori_loop / the scan unrolled 2 / 4 times                           0.98 / 1.01 / 1.05
    the compiler
      without region analysis (weights are copied in every step)              1.015
      xla_backend_optimization_level 1 / 3 (the default)                      0.98 / 1.02
      xla_cpu_prefer_vector_width=512, fast math, the other schedulers        1.00
      xla_cpu_multi_thread_eigen=false                                        1.02
      xla_cpu_experimental_ynn_fusion_type= (products by Eigen and oneDNN)    1.12
      xla_cpu_use_fusion_emitters=false                                       1.8
    the data
      10 / 20 / 30 / 50 / 200 / 300 batches in a chunk             1.2 / 1.07 / 1.05 / 1.04 / 1.01 / 1.01
      np.take into new arrays / fancy indexing                                1.04 / 1.06
      jax.device_put of the buffers before the call                           1.09
      rows gathered on the device, inside the scan                            1.6; the fastest epochs 1.25
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.peers import Clock, Result
from benchmarks.workloads import Workload

_UNITS = 64
_LONGEST_CHUNK = 100  # batches in one call
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7
_COMPILER_OPTIONS = {"xla_cpu_copy_insertion_use_region_analysis": True, "xla_backend_optimization_level": 2}

Array = jax.Array | np.ndarray
Weights = tuple[Array, ...]
"""Kernels (features, 64), (64, 64), (classes, 64), and all biases in one vector.

The last kernel is transposed: its gradient's rows are then 64 wide, not 10, and the softmax runs across the batch.
"""


class State(NamedTuple):
    """All that changes."""

    weights: Weights
    means: Weights
    squares: Weights
    step: Array


def mlp(work: Workload, clock: Clock) -> Result:
    """Train the small classifier, reporting the loss alone."""
    return train(work, clock, with_accuracy=False)


def train(work: Workload, clock: Clock, with_accuracy: bool) -> Result:
    """Train the small classifier.

    Raises:
        ValueError: the rows do not fill whole batches.
    """
    if work.rows % work.batch_size:
        raise ValueError(f"The hand-written loop takes whole batches: {work.rows} rows, batches of {work.batch_size}.")
    x, y = work.data()
    random = np.random.default_rng()
    state = _initial_state(work, random)
    compute = jax.jit(
        functools.partial(_train_chunk, learning_rate=work.learning_rate, with_accuracy=with_accuracy),
        donate_argnums=0,
        compiler_options=_COMPILER_OPTIONS,
    )
    chunk = max(size for size in range(1, _LONGEST_CHUNK + 1) if work.steps % size == 0)
    buffers = [
        (_aligned((chunk, work.batch_size, work.features), x.dtype), _aligned((chunk, work.batch_size), y.dtype))
        for _ in range(2)
    ]

    clock.start()
    order = random.permutation(work.rows)
    for _ in range(work.epochs):
        sums: list[tuple[jax.Array, jax.Array]] = []
        for number, rows in enumerate(order.reshape(-1, chunk, work.batch_size)):
            x_chunk, y_chunk = buffers[number % 2]
            if number >= 2:
                jax.block_until_ready(sums[number - 2])  # the device may read a buffer until its chunk is computed
            np.take(x, rows, axis=0, out=x_chunk, mode="clip")  # the other modes gather into a copy first
            np.take(y, rows, axis=0, out=y_chunk, mode="clip")
            state, totals = compute(state, x_chunk, y_chunk)
            sums.append(totals)
        order = random.permutation(work.rows)  # while the last chunk computes
        loss = sum(float(losses) for losses, _ in sums) / work.steps
        accuracy = sum(float(correct) for _, correct in sums) / work.rows if with_accuracy else None
        print(f"loss: {loss:.4f}" + (f" - accuracy: {accuracy:.4f}" if accuracy is not None else ""))
        clock.lap()
    return {"loss": loss, "accuracy": accuracy}


def _train_chunk(
    state: State, x: Array, y: Array, learning_rate: float, with_accuracy: bool
) -> tuple[State, tuple[jax.Array, jax.Array]]:
    """One step for each batch: x (batches, batch, features), y (batches, batch). Sums of batch losses and of hits."""

    def step(carry: tuple[State, jax.Array, jax.Array], batch: tuple[Array, Array]) -> tuple:
        state, losses, hits = carry
        loss, correct, gradients = _gradients(state.weights, *batch)
        state = _adam(state, gradients, learning_rate)
        return (state, losses + loss, hits + correct if with_accuracy else hits), None

    (state, losses, hits), _ = lax.scan(step, (state, jnp.float32(0), jnp.int32(0)), (x, y))
    return state, (losses, hits)


def _gradients(weights: Weights, x: Array, y: Array) -> tuple[jax.Array, jax.Array, Weights]:
    """Mean cross-entropy of one batch, how many it gets right, and the gradients of the loss."""
    kernel_1, kernel_2, kernel_3, biases = weights
    bias_1, bias_2, bias_3 = jnp.split(biases, [_UNITS, 2 * _UNITS])
    hidden_1 = jnp.maximum(x @ kernel_1 + bias_1, 0)  # (batch, 64)
    hidden_2 = jnp.maximum(hidden_1 @ kernel_2 + bias_2, 0)
    logits = kernel_3 @ hidden_2.T + bias_3[:, None]  # (classes, batch)

    shifted = logits - logits.max(axis=0)
    exponentials = jnp.exp(shifted)
    normalizer = exponentials.sum(axis=0)
    target = y == jnp.arange(len(logits))[:, None]
    loss = (jnp.sum(jnp.log(normalizer)) - jnp.sum(jnp.where(target, shifted, 0))) / len(y)
    correct = jnp.sum(jnp.argmax(logits, axis=0) == y)

    d_logits = (exponentials / normalizer - target) / len(y)
    d_logits_rows = lax.optimization_barrier(d_logits.T)  # transposed once: the product alone would do it more slowly
    d_hidden_2 = jnp.where(hidden_2 > 0, d_logits_rows @ kernel_3, 0)
    d_hidden_1 = jnp.where(hidden_1 > 0, d_hidden_2 @ kernel_2.T, 0)
    d_biases = jnp.concatenate([d_hidden_1.sum(axis=0), d_hidden_2.sum(axis=0), d_logits.sum(axis=1)])
    return loss, correct, (x.T @ d_hidden_1, hidden_1.T @ d_hidden_2, d_logits @ hidden_2, d_biases)


def _adam(state: State, gradients: Weights, learning_rate: float) -> State:
    """Kingma & Ba, 2015, with epsilon outside the bias correction, as Keras has it."""
    step = state.step + 1
    rate = learning_rate * jnp.sqrt(1 - _BETA_2**step) / (1 - _BETA_1**step)
    means = [m + (g - m) * (1 - _BETA_1) for m, g in zip(state.means, gradients, strict=True)]
    squares = [s + (g * g - s) * (1 - _BETA_2) for s, g in zip(state.squares, gradients, strict=True)]
    weights = [w - rate * m / (jnp.sqrt(s) + _EPSILON) for w, m, s in zip(state.weights, means, squares, strict=True)]
    return State(tuple(weights), tuple(means), tuple(squares), step)


def _initial_state(work: Workload, random: np.random.Generator) -> State:
    """Glorot's uniform kernels, zero biases, as Keras has them."""
    shapes = [(work.features, _UNITS), (_UNITS, _UNITS), (work.classes, _UNITS)]
    kernels = []
    for shape in shapes:
        limit = np.sqrt(6 / sum(shape))
        kernels.append(random.uniform(-limit, limit, shape).astype("float32"))
    weights = (*kernels, np.zeros(2 * _UNITS + work.classes, "float32"))
    zeros = [tuple(np.zeros_like(weight) for weight in weights) for _ in range(2)]
    return jax.device_put(State(weights, zeros[0], zeros[1], np.zeros((), "float32")))


def _aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array at an address that XLA can compute on directly: a multiple of 64 bytes."""
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.empty(size + 64, np.uint8)
    offset = -memory.ctypes.data % 64
    return memory[offset : offset + size].view(dtype).reshape(shape)
