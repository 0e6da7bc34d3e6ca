"""The classifiers of `mlp` in PyTorch."""

from __future__ import annotations

import torch

from benchmarks.loops import torch as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads.mlp import MLP


def train(work: MLP, clock: Clock) -> Result:
    """Train the classifier."""
    return loop.train(model(work), work, clock)


def model(work: MLP) -> torch.nn.Module:
    """The classifier, up to its logits."""
    if work.small:
        torch.set_num_threads(1)  # faster
    return torch.nn.Sequential(
        torch.nn.Linear(work.features, work.units),
        torch.nn.ReLU(),
        torch.nn.Linear(work.units, work.units),
        torch.nn.ReLU(),
        torch.nn.Linear(work.units, work.classes),
    )
