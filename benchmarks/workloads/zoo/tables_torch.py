"""The networks of `tables` in PyTorch. Inputs come in the order of the workload's columns."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.workloads.zoo.base_torch import EPSILON, MOMENTUM, programs
from benchmarks.workloads.zoo.tables import CATEGORIES, NUMBERS, UNITS, Tables


def _hidden(features: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for given, units in zip((features, *UNITS), UNITS):
        layers += [nn.Linear(given, units), nn.ReLU()]
    return nn.Sequential(*layers)


class _Factorization(nn.Module):
    def __init__(self, work: Tables):
        super().__init__()
        sizes = (work.users, work.users // 2)
        self.vectors = nn.ModuleList([nn.Embedding(size, work.width) for size in sizes])
        self.biases = nn.ModuleList([nn.Embedding(size, 1) for size in sizes])

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        user, item = [vectors(x) for vectors, x in zip(self.vectors, inputs)]
        biases = [bias(x) for bias, x in zip(self.biases, inputs)]
        return (user * item).sum(dim=1, keepdim=True) + biases[0] + biases[1]


class _Towers(nn.Module):
    def __init__(self, work: Tables):
        super().__init__()
        self.towers = nn.ModuleList(
            [
                nn.Sequential(nn.Embedding(size, work.width), _hidden(work.width))
                for size in (work.users, work.users // 2)
            ]
        )
        self.last = nn.Linear(1, 1)

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        user, item = [tower(x) for tower, x in zip(self.towers, inputs)]
        return self.last((user * item).sum(dim=1, keepdim=True))


class _WideAndDeep(nn.Module):
    def __init__(self, work: Tables):
        super().__init__()
        self.wide = nn.ModuleList([nn.Embedding(size, 1) for size in CATEGORIES])
        self.deep = nn.ModuleList([nn.Embedding(size, work.width) for size in CATEGORIES])
        self.norm = nn.BatchNorm1d(NUMBERS, eps=EPSILON, momentum=MOMENTUM)
        self.hidden = _hidden(NUMBERS + len(CATEGORIES) * work.width)
        self.last = nn.Linear(UNITS[-1], 1)
        self.linear = nn.Linear(NUMBERS, 1)

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        numbers, *columns = inputs
        deep = [vectors(x) for vectors, x in zip(self.deep, columns)]
        wide = [weights(x) for weights, x in zip(self.wide, columns)]
        hidden = self.hidden(torch.cat([self.norm(numbers), *deep], dim=1))
        return self.last(hidden) + self.linear(numbers) + torch.stack(wide).sum(dim=0)


MODELS = {"factorization": _Factorization, "towers": _Towers, "widedeep": _WideAndDeep}
train, predict = programs(MODELS)
