"""The classifiers of `recurrent` in PyTorch."""

from __future__ import annotations

import torch

from benchmarks.loops import torch as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads.recurrent import Recurrent


class _Classifier(torch.nn.Module):
    def __init__(self, work: Recurrent):
        super().__init__()
        units = work.units
        self.embedding = torch.nn.Embedding(work.tokens, units)
        self.recurrent = getattr(torch.nn, work.layer)(units, units, batch_first=True)
        self.last = torch.nn.Linear(units, 1)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        outputs, _ = self.recurrent(self.embedding(tokens))
        return self.last(outputs[:, -1])


def train(work: Recurrent, clock: Clock) -> Result:
    """Train the classifier."""
    return loop.train(_Classifier(work), work, clock)
