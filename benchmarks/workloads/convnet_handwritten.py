"""The networks of `convnet` in plain JAX.

On a CPU a convolution is the product of patches and kernel, because XLA's own is slow inside a loop. Without a
normalization between them, relu comes after the pooling: the numbers are the same, and there are fewer of them.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.loops import handwritten as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads.convnet import EPSILON, MOMENTUM, RATE, ConvNet

_FILTERS = (32, 64)


def train(work: ConvNet, clock: Clock) -> Result:
    """Train the network."""
    random = np.random.default_rng()
    weights: dict[str, Any] = {
        "kernels": [loop.glorot(random, shape) for shape in ((3, 3, 1, 32), (3, 3, 32, 64))],
        "biases": [np.zeros(filters, "float32") for filters in _FILTERS],
        "last": (loop.glorot(random, (1600, work.classes)), np.zeros(work.classes, "float32")),
    }
    if not work.regularized:
        return loop.train(loop.differentiated(_plain_loss), weights, work, clock)
    weights["scales"] = [np.ones(filters, "float32") for filters in _FILTERS]
    weights["offsets"] = [np.zeros(filters, "float32") for filters in _FILTERS]
    moving = [(np.zeros(filters, "float32"), np.ones(filters, "float32")) for filters in _FILTERS]
    kept = jax.random.key(0), moving
    return loop.train(loop.differentiated(_regularized_loss), weights, work, clock, kept)


def _plain_loss(weights: Any, kept: Any, x: Any, y: Any) -> tuple[Any, Any]:
    for kernel, bias in zip(weights["kernels"], weights["biases"]):
        x = jnp.maximum(_pool(_conv(x, kernel)) + bias, 0)
    kernel, bias = weights["last"]
    loss, hits = loop.cross_entropy(x.reshape(len(x), -1) @ kernel + bias, y)
    return loss, (hits, kept)


def _regularized_loss(weights: Any, kept: Any, x: Any, y: Any) -> tuple[Any, Any]:
    (key, moving), moved = kept, []
    parts = zip(weights["kernels"], weights["biases"], weights["scales"], weights["offsets"], moving)
    for kernel, bias, scale, offset, (mean, variance) in parts:
        x = jnp.maximum(_conv(x, kernel) + bias, 0)
        batch_mean = x.mean((0, 1, 2))
        batch_variance = jnp.mean(jnp.square(x), (0, 1, 2)) - jnp.square(batch_mean)
        moved.append((_move(mean, batch_mean), _move(variance, batch_variance)))
        factor = scale * lax.rsqrt(batch_variance + EPSILON)
        x = _pool(x * factor + (offset - batch_mean * factor))
    x = x.reshape(len(x), -1)
    key, drawn = jax.random.split(key)
    x = jnp.where(jax.random.bernoulli(drawn, 1 - RATE, x.shape), x / (1 - RATE), 0)
    kernel, bias = weights["last"]
    loss, hits = loop.cross_entropy(x @ kernel + bias, y)
    return loss, (hits, (key, moved))


def _conv(x: Any, kernel: Any) -> Any:
    """Without padding: (batch, height, width, channels) -> (batch, height - 2, width - 2, filters)."""
    if loop.ON_GPU:
        return lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    height, width = x.shape[1] - 2, x.shape[2] - 2
    slices = [x[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return jnp.concatenate(slices, axis=-1) @ kernel.reshape(-1, kernel.shape[-1])


def _pool(x: Any) -> Any:
    """The maximum of each 2x2 window; an odd last row or column is left out."""
    x = x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2]
    top, bottom = (_larger(x[:, i::2, ::2], x[:, i::2, 1::2]) for i in range(2))
    return _larger(top, bottom)


def _larger(a: Any, b: Any) -> Any:
    return jnp.where(b > a, b, a)  # its gradient is cheaper than that of jnp.maximum, which divides it among equals


def _move(average: Any, new: Any) -> Any:
    return MOMENTUM * average + (1 - MOMENTUM) * lax.stop_gradient(new)
