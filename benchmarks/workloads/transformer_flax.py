"""The encoder of `transformer` in Flax NNX."""

from __future__ import annotations

from typing import Any

from flax import nnx

from benchmarks.loops import flax as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads.transformer import EPSILON, Transformer


class _Block(nnx.Module):
    def __init__(self, work: Transformer, given: dict[str, Any]):
        self.attention = nnx.MultiHeadAttention(work.heads, work.width, decode=False, **given)
        self.first = nnx.Linear(work.width, work.hidden, **given)
        self.second = nnx.Linear(work.hidden, work.width, **given)
        self.norms = nnx.List([nnx.LayerNorm(work.width, epsilon=EPSILON, rngs=given["rngs"]) for _ in range(2)])

    def __call__(self, x: Any) -> Any:
        x = self.norms[0](x + self.attention(x))
        return self.norms[1](x + self.second(nnx.relu(self.first(x))))


def train(work: Transformer, clock: Clock) -> Result:
    """Train the encoder."""
    given = loop.options()
    blocks = [_Block(work, given) for _ in range(work.blocks)]
    model = nnx.Sequential(*blocks, lambda x: x.mean(axis=1), nnx.Linear(work.width, work.classes, **given))
    return loop.train(model, work, clock)
