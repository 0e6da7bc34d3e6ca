"""The encoder of `transformer` in plain JAX: rows of all sequences as one axis, and batch with heads."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.loops import handwritten as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads.transformer import EPSILON, Transformer


def train(work: Transformer, clock: Clock) -> Result:
    """Train the encoder."""
    random = np.random.default_rng()

    def dense(inputs: int, units: int, parts: int = 1) -> tuple[np.ndarray, np.ndarray]:
        kernels = [loop.glorot(random, (inputs, units)) for _ in range(parts)]
        return np.concatenate(kernels, axis=1), np.zeros(parts * units, "float32")

    def norm() -> tuple[np.ndarray, np.ndarray]:
        return np.ones(work.width, "float32"), np.zeros(work.width, "float32")

    blocks = [
        {
            "query_key_value": dense(work.width, work.width, parts=3),
            "attended": dense(work.width, work.width),
            "norm_1": norm(),
            "first": dense(work.width, work.hidden),
            "second": dense(work.hidden, work.width),
            "norm_2": norm(),
        }
        for _ in range(work.blocks)
    ]
    weights = {"blocks": blocks, "last": dense(work.width, work.classes)}

    def loss(weights: Any, kept: Any, x: Any, y: Any) -> tuple[Any, Any]:
        rows = x.reshape(-1, work.width)  # (batch * length, width)
        for block in weights["blocks"]:
            attended = _dense(block["attended"], _attention(_dense(block["query_key_value"], rows), work))
            rows = _norm(block["norm_1"], rows + attended)
            hidden = jnp.maximum(_dense(block["first"], rows), 0)
            rows = _norm(block["norm_2"], rows + _dense(block["second"], hidden))
        logits = _dense(weights["last"], rows.reshape(x.shape).mean(axis=1))
        value, hits = loop.cross_entropy(logits, y)
        return value, (hits, kept)

    return loop.train(loop.differentiated(loss), weights, work, clock)


def _dense(weights: Any, rows: Any) -> Any:
    kernel, bias = weights
    return rows @ kernel + bias


def _norm(weights: Any, rows: Any) -> Any:
    scale, offset = weights
    centered = rows - rows.mean(axis=1, keepdims=True)
    return centered * lax.rsqrt(jnp.mean(jnp.square(centered), axis=1, keepdims=True) + EPSILON) * scale + offset


def _attention(projected: Any, work: Transformer) -> Any:
    """Concatenated queries, keys and values, (batch * length, 3 * width) -> (batch * length, width)."""
    features = work.width // work.heads
    parts = projected.reshape(-1, work.length, 3, work.heads, features).transpose(2, 0, 3, 1, 4)
    query, key, value = parts.reshape(3, -1, work.length, features)  # of each (batch * heads, length, features)
    scores = jnp.einsum("nqf,nkf->nqk", query / np.sqrt(features).astype("float32"), key)
    attended = jnp.einsum("nqk,nkf->nqf", jax.nn.softmax(scores), value)
    folded = attended.reshape(-1, work.heads, work.length, features).transpose(0, 2, 1, 3)
    return folded.reshape(-1, work.width)
