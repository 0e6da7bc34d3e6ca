"""The classifiers of `recurrent` in plain JAX.

All inputs are projected at once. The gradient of the recurrent kernel is one product after the loop over time, rather
than a sum that is written at every time: it is that of zeros which are added to each time's `h @ kernel`.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.loops import handwritten as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads.recurrent import Recurrent


def train(work: Recurrent, clock: Clock) -> Result:
    """Train the classifier."""
    random, units = np.random.default_rng(), work.units
    gates = {"LSTM": 4, "GRU": 3}[work.layer]
    forget = np.repeat(np.arange(4) == 1, units).astype("float32")
    weights = {
        "embeddings": random.uniform(-0.05, 0.05, (work.tokens, units)).astype("float32"),
        "kernel": loop.glorot(random, (units, gates * units)),
        "recurrent": np.linalg.qr(random.standard_normal((gates * units, units)))[0].T.astype("float32"),
        "bias": forget if work.layer == "LSTM" else np.zeros((2, gates * units), "float32"),
        "last": (loop.glorot(random, (units, 1)), np.zeros(1, "float32")),
    }
    layer = _lstm if work.layer == "LSTM" else _gru

    def loss(weights: Any, kept: Any, x: Any, y: Any) -> tuple[Any, Any]:
        embedded = weights["embeddings"][x.T]  # (time, batch, units)
        kernel, bias = weights["last"]
        logits = (layer(weights, embedded) @ kernel + bias)[:, 0]
        return jnp.mean(jax.nn.softplus(logits) - logits * y), (jnp.sum((logits > 0) == y), kept)

    return loop.train(loop.differentiated(loss), weights, work, clock)


def _lstm(weights: Any, inputs: Any) -> Any:
    """The last output of an LSTM with the gates i, f, g, o: (time, batch, features) -> (batch, units)."""

    def step(projected: Any, state: Any, met: Any) -> Any:
        _, carry = state
        i, f, g, o = jnp.split(projected + met, 4, axis=-1)
        carry = jax.nn.sigmoid(f) * carry + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(carry), carry

    projected = inputs @ weights["kernel"] + weights["bias"]
    zeros = jnp.zeros((inputs.shape[1], len(weights["recurrent"])))
    return _recurrence(step, projected, (zeros, zeros), weights["recurrent"])


def _gru(weights: Any, inputs: Any) -> Any:
    """The last output of a GRU with the gates z, r, h, reset after the product: (time, batch, features) -> ..."""
    bias, recurrent_bias = weights["bias"]

    def step(projected_and_bias: Any, state: Any, met: Any) -> Any:
        projected, added = projected_and_bias
        (hidden,) = state
        z, r, candidate = jnp.split(projected, 3, axis=-1)
        z_met, r_met, met = jnp.split(met + added, 3, axis=-1)
        z = jax.nn.sigmoid(z + z_met)
        return (z * hidden + (1 - z) * jnp.tanh(candidate + jax.nn.sigmoid(r + r_met) * met),)

    projected = inputs @ weights["kernel"] + bias
    added = jnp.broadcast_to(recurrent_bias, projected.shape)
    zeros = jnp.zeros((inputs.shape[1], len(weights["recurrent"])))
    return _recurrence(step, (projected, added), (zeros,), weights["recurrent"])


def _recurrence(step: Any, inputs: Any, first: Any, kernel: Any) -> Any:
    """Run `step(inputs of one time, state, state[0] @ kernel) -> state`; the last state[0]."""

    @jax.custom_vjp
    def run(inputs: Any, kernel: Any) -> Any:
        return lax.scan(lambda state, now: (step(now, state, state[0] @ kernel), None), first, inputs)[0][0]

    def forward(inputs: Any, kernel: Any) -> Any:
        def loop_over(inputs: Any, zeros: Any) -> Any:
            def one(state: Any, now: Any) -> Any:
                return step(now[0], state, state[0] @ kernel + now[1]), lax.stop_gradient(state[0])

            last, met = lax.scan(one, first, (inputs, zeros))
            return last[0], met

        time, batch = jax.tree.leaves(inputs)[0].shape[:2]
        zeros = jnp.zeros((time, batch, kernel.shape[1]))
        last, backward, met = jax.vjp(loop_over, inputs, zeros, has_aux=True)
        return last, (backward, met)

    def backward(kept: Any, gradient: Any) -> Any:
        pull, met = kept
        inputs, met_kernel = pull(gradient)
        return inputs, jnp.einsum("tbu,tbg->ug", met, met_kernel)

    run.defvjp(forward, backward)
    return run(inputs, kernel)
