"""The fastest JAX program we could write for the classifiers of `mlp` on a CPU: what `fit` is measured against.

It knows everything: three layers, float32, whole batches, Adam. It is tuned for the small one: what was tried is below,
each alternating with the version here, on two cores of a server CPU that others used too, with jax 0.10.2. A step takes
35 microseconds; its eight matrix products take 24 when timed alone, its Adam 5. Ratios are medians over 60 to 200
rounds; above 1 is slower; two copies of the same loop differ by up to 0.015, so smaller differences say nothing.

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

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.loops import handwritten as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads.mlp import MLP

Array = jax.Array | np.ndarray
Weights = tuple[Array, ...]
"""Kernels (features, units), (units, units), (classes, units), and all biases in one vector.

The last kernel is transposed: its gradient's rows are then 64 wide, not 10, and the softmax runs across the batch.
"""


def train(work: MLP, clock: Clock) -> Result:
    """Train the classifier."""
    step = loop.stateless(gradients)
    return loop.train(step, initial_weights(work), work, clock)


def initial_weights(work: MLP) -> Weights:
    """Glorot's uniform kernels, zero biases, as Keras has them."""
    random, units = np.random.default_rng(), work.units
    shapes = [(work.features, units), (units, units), (work.classes, units)]
    return (*[loop.glorot(random, shape) for shape in shapes], np.zeros(2 * units + work.classes, "float32"))


def gradients(weights: Weights, x: Array, y: Array) -> tuple[jax.Array, jax.Array, Weights]:
    """Mean cross-entropy of one batch, how many it gets right, and the gradients of the loss."""
    kernel_1, kernel_2, kernel_3, biases = weights
    units = kernel_2.shape[0]
    bias_1, bias_2, bias_3 = jnp.split(biases, [units, 2 * units])
    hidden_1 = jnp.maximum(x @ kernel_1 + bias_1, 0)  # (batch, units)
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
