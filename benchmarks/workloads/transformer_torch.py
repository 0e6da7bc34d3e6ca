"""The encoder of `transformer` in PyTorch."""

from __future__ import annotations

import torch

from benchmarks.loops import torch as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads.transformer import EPSILON, Transformer


class _Classifier(torch.nn.Module):
    def __init__(self, work: Transformer):
        super().__init__()
        self.blocks = torch.nn.Sequential(
            *[
                torch.nn.TransformerEncoderLayer(
                    work.width, work.heads, work.hidden, dropout=0.0, layer_norm_eps=EPSILON, batch_first=True
                )
                for _ in range(work.blocks)
            ]
        )
        self.last = torch.nn.Linear(work.width, work.classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.blocks(x).mean(dim=1))


def train(work: Transformer, clock: Clock) -> Result:
    """Train the encoder."""
    return loop.train(_Classifier(work), work, clock)
