"""The whole small job in PyTorch."""

from __future__ import annotations

from benchmarks.loops import torch as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads import mlp_torch
from benchmarks.workloads.cold import Cold


def train(work: Cold, clock: Clock) -> Result:
    """Train on one split and evaluate on the other."""
    model = mlp_torch.model(work)
    loop.train(model, work, clock)
    x, y = map(loop.tensor, work.data("test"))
    return loop.evaluate(model, x, y, work.batch_size)
