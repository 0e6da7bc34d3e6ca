"""The classifiers of `recurrent` in Flax NNX."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import nnx

from benchmarks.loops import flax as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads.recurrent import Recurrent

_CELLS = {"LSTM": nnx.OptimizedLSTMCell, "GRU": nnx.GRUCell}


class _Classifier(nnx.Module):
    def __init__(self, work: Recurrent, given: dict[str, Any]):
        small = nnx.initializers.uniform(0.1)  # from 0 to 0.1, moved to where Keras's are
        embeddings = lambda *args: small(*args) - 0.05  # noqa: E731
        self.embedding = nnx.Embed(work.tokens, work.units, embedding_init=embeddings, rngs=given["rngs"])
        self.recurrent = nnx.RNN(_CELLS[work.layer](work.units, work.units, **given))
        self.last = nnx.Linear(work.units, 1, **given)

    def __call__(self, tokens: Any) -> Any:
        logits = self.last(self.recurrent(self.embedding(tokens))[:, -1])
        return jnp.concatenate([jnp.zeros_like(logits), logits], axis=1)  # a sigmoid is a softmax against 0


def train(work: Recurrent, clock: Clock) -> Result:
    """Train the classifier."""
    return loop.train(_Classifier(work, loop.options()), work, clock)
