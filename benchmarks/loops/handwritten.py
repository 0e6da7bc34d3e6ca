"""A training loop in plain JAX, without a framework: what `fit` is measured against.

Chunks of batches are gathered on the host and scanned on the device, with the next chunk gathered while one computes.
The program of each workload computes a batch's loss and gradients, in the fastest way we found; the
loop reports the loss alone, and how many it gets right where the peer is called "+metrics".

On a GPU all rows are put on it once, and the loop over an epoch takes its batches there.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks import device
from benchmarks.peers import WITH, Clock, Result
from benchmarks.workload import Workload

ON_GPU = device.chosen() == "gpu"
COMPILER_OPTIONS = (
    {} if ON_GPU else {"xla_cpu_copy_insertion_use_region_analysis": True, "xla_backend_optimization_level": 2}
)
_LONGEST_CHUNK, _LARGEST_CHUNK = 100, 2**24  # batches and bytes in one call
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-7

Array = Any  # of JAX or NumPy
Tree = Any  # of arrays
Gradients = Callable[[Tree, Tree, Array, Array], tuple[Array, Array, Tree, Tree]]
"""(weights, kept, x, y) -> (mean loss, how many are right, gradients, kept), where `kept` is all other state."""


class State(NamedTuple):
    """The training state."""

    weights: Tree
    means: Tree
    squares: Tree
    step: Array
    kept: Tree


Sums = tuple[jax.Array, jax.Array]  # of losses and of hits
Epoch = Callable[[State, np.ndarray], tuple[State, list[Sums]]]
"""(state, numbers of rows (steps, batch)) -> (state, sums of each call)."""


def train(gradients: Gradients, weights: Tree, work: Workload, clock: Clock, kept: Tree = ()) -> Result:
    """Train by Adam.

    Args:
        gradients: of a batch; see there.
        weights: where it starts.
        work: the data, the sizes.
        clock: is told each epoch.
        kept: where else it starts: moving averages, random keys.

    Raises:
        ValueError: the rows do not fill whole batches.
    """
    if work.rows % work.batch_size:
        raise ValueError(f"The hand-written loop takes whole batches: {work.rows} rows, batches of {work.batch_size}.")
    with_accuracy = os.environ.get(WITH) == "metrics"
    x, y = work.data()
    random = np.random.default_rng()
    zeros = [jax.tree.map(np.zeros_like, weights) for _ in range(2)]
    state = jax.device_put(State(weights, zeros[0], zeros[1], np.zeros((), "float32"), kept))
    compute = jax.jit(
        functools.partial(
            _train_rows if ON_GPU else _train_chunk,
            gradients,
            learning_rate=work.learning_rate,
            with_accuracy=with_accuracy,
        ),
        donate_argnums=0,
        compiler_options=COMPILER_OPTIONS,
    )
    run_epoch = _on_device(compute, x, y) if ON_GPU else _in_chunks(compute, x, y, work)

    clock.start()
    order = random.permutation(work.rows)
    for _ in range(work.epochs):
        state, sums = run_epoch(state, order.reshape(work.steps, work.batch_size))
        order = random.permutation(work.rows)  # while the last chunk computes
        loss = sum(float(losses) for losses, _ in sums) / work.steps
        accuracy = sum(float(correct) for _, correct in sums) / work.rows if with_accuracy else None
        print(f"loss: {loss:.4f}" + (f" - accuracy: {accuracy:.4f}" if accuracy is not None else ""))
        clock.lap()
    return {"loss": loss, "accuracy": accuracy}


def _in_chunks(compute: Callable[..., tuple[State, Sums]], x: Array, y: Array, work: Workload) -> Epoch:
    """Gather chunks of batches on the host, the next one while one computes."""
    longest = min(_LONGEST_CHUNK, max(1, _LARGEST_CHUNK // (work.batch_size * x[0].nbytes)))
    chunk = max(size for size in range(1, longest + 1) if work.steps % size == 0)
    buffers = [tuple(_aligned((chunk, work.batch_size, *of.shape[1:]), of.dtype) for of in (x, y)) for _ in range(2)]

    def run_epoch(state: State, order: np.ndarray) -> tuple[State, list[Sums]]:
        sums: list[Sums] = []
        for number, rows in enumerate(order.reshape(-1, chunk, work.batch_size)):
            x_chunk, y_chunk = buffers[number % 2]
            if number >= 2:
                jax.block_until_ready(sums[number - 2])  # the device may read a buffer until its chunk is computed
            np.take(x, rows, axis=0, out=x_chunk, mode="clip")  # other modes copy twice
            np.take(y, rows, axis=0, out=y_chunk, mode="clip")
            state, totals = compute(state, x_chunk, y_chunk)
            sums.append(totals)
        return state, sums

    return run_epoch


def _on_device(compute: Callable[..., tuple[State, Sums]], x: Array, y: Array) -> Epoch:
    """Keep all rows on the device."""
    x, y = jax.device_put((x, y))

    def run_epoch(state: State, order: np.ndarray) -> tuple[State, list[Sums]]:
        state, totals = compute(state, x, y, order)
        return state, [totals]

    return run_epoch


def stateless(gradients: Callable[[Tree, Array, Array], tuple[Array, Array, Tree]]) -> Gradients:
    """Stateless gradients, in the form that `train` takes."""
    return lambda weights, kept, x, y: (*gradients(weights, x, y), kept)


def differentiated(loss: Callable[[Tree, Tree, Array, Array], tuple[Array, tuple[Array, Tree]]]) -> Gradients:
    """Gradients by `jax.grad`, of a function (weights, kept, x, y) -> (mean loss, (how many are right, kept))."""

    def gradients(weights: Tree, kept: Tree, x: Array, y: Array) -> tuple[Array, Array, Tree, Tree]:
        (value, (hits, kept)), found = jax.value_and_grad(loss, has_aux=True)(weights, kept, x, y)
        return value, hits, found, kept

    return gradients


def cross_entropy(logits: Array, y: Array) -> tuple[Array, Array]:
    """The mean cross-entropy of logits (batch, classes), and how many are right."""
    target = y[:, None] == jnp.arange(logits.shape[1])
    losses = jax.nn.logsumexp(logits, axis=1) - jnp.sum(jnp.where(target, logits, 0), axis=1)
    return losses.mean(), jnp.sum(logits.argmax(axis=1) == y)


def glorot(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Glorot's uniform kernel, (*window, inputs, outputs)."""
    limit = np.sqrt(6 / (np.prod(shape[:-2]) * (shape[-2] + shape[-1])))
    return random.uniform(-limit, limit, shape).astype("float32")


def _train_chunk(
    gradients: Gradients, state: State, x: Array, y: Array, learning_rate: float, with_accuracy: bool
) -> tuple[State, Sums]:
    """One step for each batch: x (batches, batch, ...), y (batches, batch). Sums of batch losses and of hits."""

    def step(carry: tuple[State, jax.Array, jax.Array], batch: tuple[Array, Array]) -> tuple:
        state, losses, hits = carry
        loss, correct, found, kept = gradients(state.weights, state.kept, *batch)
        state = _adam(state, found, learning_rate)._replace(kept=kept)
        return (state, losses + loss, hits + correct if with_accuracy else hits), None

    (state, losses, hits), _ = lax.scan(step, (state, jnp.float32(0), jnp.int32(0)), (x, y))
    return state, (losses, hits)


def _train_rows(
    gradients: Gradients, state: State, x: Array, y: Array, order: Array, learning_rate: float, with_accuracy: bool
) -> tuple[State, Sums]:
    """One step for each row of the order, (batches, batch), which are the numbers of rows of x and y."""
    of_rows = lambda weights, kept, rows, _: gradients(weights, kept, x[rows], y[rows])  # noqa: E731
    return _train_chunk(of_rows, state, order, order, learning_rate, with_accuracy)


def _adam(state: State, gradients: Tree, learning_rate: float) -> State:
    """Kingma & Ba, 2015, with epsilon outside the bias correction, as Keras has it."""
    step = state.step + 1
    rate = learning_rate * jnp.sqrt(1 - _BETA_2**step) / (1 - _BETA_1**step)
    means = jax.tree.map(lambda m, g: m + (g - m) * (1 - _BETA_1), state.means, gradients)
    squares = jax.tree.map(lambda s, g: s + (g * g - s) * (1 - _BETA_2), state.squares, gradients)
    weights = jax.tree.map(lambda w, m, s: w - rate * m / (jnp.sqrt(s) + _EPSILON), state.weights, means, squares)
    return State(weights, means, squares, step, state.kept)


def _aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array at an address that XLA can compute on directly: a multiple of 64 bytes."""
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.empty(size + 64, np.uint8)
    offset = -memory.ctypes.data % 64
    return memory[offset : offset + size].view(dtype).reshape(shape)
