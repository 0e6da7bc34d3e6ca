"""The classifiers of `patches` in PyTorch."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.workloads.zoo.base_torch import (
    EPSILON,
    Positions,
    Residual,
    Transposed,
    encoder_block,
    one_input,
    programs,
)
from benchmarks.workloads.zoo.patches import BLOCKS, HEADS, PATCH, Patches


class _Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=1)


class _ChannelsFirst(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 3, 1, 2)


class _ChannelsLast(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1)


def _classifier(blocks: list[nn.Module], work: Patches) -> nn.Module:
    """Of blocks on (batch, patches, width)."""
    last = [nn.LayerNorm(work.width, EPSILON), _Mean(), nn.Linear(work.width, work.classes)]
    return one_input(nn.Sequential(nn.Conv2d(3, work.width, PATCH, PATCH), *blocks, *last))


def _patches() -> nn.Module:
    return nn.Sequential(_ChannelsLast(), nn.Flatten(1, 2))


def _feed_forward(features: int, hidden: int) -> list[nn.Module]:
    return [nn.Linear(features, hidden), nn.GELU(), nn.Linear(hidden, features)]


def vit(work: Patches) -> nn.Module:
    """Encoder blocks."""
    blocks = [encoder_block(work.width, HEADS) for _ in range(BLOCKS)]
    return _classifier([_patches(), Positions((work.size // PATCH) ** 2, work.width), *blocks], work)


def mixer(work: Patches) -> nn.Module:
    """Dense layers over the patches, then over the channels."""
    patches = (work.size // PATCH) ** 2
    blocks: list[nn.Module] = [_patches()]
    for _ in range(BLOCKS):
        norms = [nn.LayerNorm(work.width, EPSILON) for _ in range(2)]
        mixed = Transposed(nn.Sequential(*_feed_forward(patches, work.width)))
        blocks.append(Residual(nn.Sequential(norms[0], mixed)))
        blocks.append(Residual(nn.Sequential(norms[1], *_feed_forward(work.width, 4 * work.width))))
    return _classifier(blocks, work)


def convnext(work: Patches) -> nn.Module:
    """One stage."""
    width = work.width
    blocks: list[nn.Module] = [_ChannelsLast(), nn.LayerNorm(width, EPSILON), _ChannelsFirst()]
    for _ in range(BLOCKS):
        depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        dense = [nn.LayerNorm(width, EPSILON), *_feed_forward(width, 4 * width)]
        blocks.append(Residual(nn.Sequential(depthwise, _ChannelsLast(), *dense, _ChannelsFirst())))
    return _classifier([*blocks, _patches()], work)


MODELS = {build.__name__: build for build in (vit, mixer, convnext)}
train, predict = programs(MODELS)
