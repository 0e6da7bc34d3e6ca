"""The networks of `convnet` in PyTorch."""

from __future__ import annotations

import torch

from benchmarks.loops import torch as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads.convnet import EPSILON, MOMENTUM, RATE, ConvNet


def train(work: ConvNet, clock: Clock) -> Result:
    """Train the network. Images of one channel have the same numbers in the order that PyTorch wants."""
    layers: list[torch.nn.Module] = [torch.nn.Unflatten(1, (1, 28)), torch.nn.Flatten(3)]
    for channels, filters in ((1, 32), (32, 64)):
        layers += [torch.nn.Conv2d(channels, filters, 3), torch.nn.ReLU()]
        if work.regularized:
            layers.append(torch.nn.BatchNorm2d(filters, eps=EPSILON, momentum=1 - MOMENTUM))
        layers.append(torch.nn.MaxPool2d(2))
    layers.append(torch.nn.Flatten())
    if work.regularized:
        layers.append(torch.nn.Dropout(RATE))
    model = torch.nn.Sequential(*layers, torch.nn.Linear(1600, work.classes))
    if loop.DEVICE.type == "cuda":
        model = model.to(memory_format=torch.channels_last)  # as its documentation advises for tensor cores
    return loop.train(model, work, clock)
