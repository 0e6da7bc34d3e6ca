"""PyTorch on a loader of its own."""

from __future__ import annotations

import torch

from benchmarks.loops import torch as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads import mlp_torch
from benchmarks.workloads.streams import Stream


def from_data_loader(work: Stream, clock: Clock) -> Result:
    """Train on a loader that makes its batches in this process, as it does by default."""
    x, y = work.data()
    rows = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y).long())
    loader = torch.utils.data.DataLoader(rows, work.batch_size, shuffle=True)
    return loop.train(
        mlp_torch.model(work), work, clock, lambda: loader if loop.DEVICE.type == "cpu" else _moved(loader)
    )


def _moved(batches: loop.Batches) -> loop.Batches:
    return ((x.to(loop.DEVICE), y.to(loop.DEVICE)) for x, y in batches)
