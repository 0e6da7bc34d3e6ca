"""The networks of `volumes` in PyTorch."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from benchmarks.workloads.zoo.base_torch import one_input, programs
from benchmarks.workloads.zoo.volumes import Volumes


def conv3d(work: Volumes) -> nn.Module:
    """Two convolutions."""
    width = work.width
    layers: list[nn.Module] = [nn.Conv3d(1, width, 3, padding=1), nn.ReLU(), nn.MaxPool3d((1, 2, 2))]
    layers += [nn.Conv3d(width, 2 * width, 3, padding=1), nn.ReLU(), nn.MaxPool3d(2), nn.Flatten()]
    features = 2 * width * (work.depth // 2) * (work.size // 4) ** 2
    layers += [nn.Linear(features, 4 * width), nn.ReLU(), nn.Linear(4 * width, work.classes)]
    return one_input(nn.Sequential(*layers))


class _ConvLSTM(nn.Module):
    """The last state; PyTorch has no such layer."""

    def __init__(self, width: int):
        super().__init__()
        self.inputs = nn.Conv2d(1, 4 * width, 3, padding=1, bias=False)
        self.kernel = nn.Parameter(nn.init.orthogonal_(torch.empty(4 * width, width, 3, 3)))
        bias = torch.zeros(4 * width)
        bias[width : 2 * width] = 1  # the forget gate's
        self.bias = nn.Parameter(bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        given = self.inputs(x.transpose(1, 2).flatten(0, 1)).unflatten(0, (len(x), -1))
        state = cell = torch.zeros_like(given[:, 0, : self.kernel.shape[1]])
        for gates in given.unbind(dim=1):
            gates = gates + functional.conv2d(state, self.kernel, self.bias, padding=1)
            enter, forget, new, leave = gates.chunk(4, dim=1)
            cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(new)
            state = torch.sigmoid(leave) * torch.tanh(cell)
        return state


def convlstm(work: Volumes) -> nn.Module:
    """One layer."""
    features = work.width * (work.size // 2) ** 2
    last = [nn.MaxPool2d(2), nn.Flatten(), nn.Linear(features, work.classes)]
    return one_input(nn.Sequential(_ConvLSTM(work.width), *last))


MODELS = {build.__name__: build for build in (conv3d, convlstm)}
train, predict = programs(MODELS)
