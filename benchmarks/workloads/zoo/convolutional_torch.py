"""The networks of `convolutional` in PyTorch."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from benchmarks.workloads.zoo.base_torch import EPSILON, MOMENTUM, Residual, one_input, programs
from benchmarks.workloads.zoo.convolutional import AUGMENTATION, STAGES, Convolutional


def _norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM)


def _conv(channels: int, filters: int, window: int, strides: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(channels, filters, window, strides, window // 2, groups=groups, bias=False)
    return nn.Sequential(conv, _norm(filters))


def _classifier(features: list[nn.Module], channels: int, work: Convolutional) -> nn.Module:
    last = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, work.classes)]
    return one_input(nn.Sequential(*features, *last))


def lenet(work: Convolutional) -> nn.Module:
    """5x5 windows, tanh, average pooling."""
    layers = [nn.Conv2d(3, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2)]
    layers += [nn.Conv2d(6, 16, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten()]
    layers += [nn.Linear(16 * (work.size // 4) ** 2, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh()]
    return one_input(nn.Sequential(*layers, nn.Linear(84, work.classes)))


def resnet(work: Convolutional) -> nn.Module:
    """Two blocks in a stage."""
    layers: list[nn.Module] = [_conv(3, work.width, 3), nn.ReLU()]
    channels = work.width
    for stage in range(STAGES):
        filters = work.width << stage
        for strides in (2 if stage else 1, 1):
            block = nn.Sequential(_conv(channels, filters, 3, strides), nn.ReLU(), _conv(filters, filters, 3))
            shortcut = None if channels == filters else _conv(channels, filters, 1, strides)
            layers.append(Residual(block, shortcut, nn.ReLU()))
            channels = filters
    return _classifier(layers, channels, work)


def bottleneck(work: Convolutional) -> nn.Module:
    """Two blocks in a stage; four times more channels outside."""
    layers: list[nn.Module] = [_conv(3, work.width, 3, 2), nn.ReLU()]
    channels = work.width
    for stage in range(STAGES):
        filters = work.width << stage
        for strides in (2 if stage else 1, 1):
            block = nn.Sequential(
                _conv(channels, filters, 1),
                nn.ReLU(),
                _conv(filters, filters, 3, strides),
                nn.ReLU(),
                _conv(filters, 4 * filters, 1),
            )
            shortcut = None if channels == 4 * filters else _conv(channels, 4 * filters, 1, strides)
            layers.append(Residual(block, shortcut, nn.ReLU()))
            channels = 4 * filters
    return _classifier(layers, channels, work)


def mobilenet(work: Convolutional) -> nn.Module:
    """Six times more channels inside."""
    layers: list[nn.Module] = [_conv(3, work.width, 3, 2), nn.ReLU6()]
    channels = work.width
    for stage in range(STAGES):
        filters = work.width << stage
        for strides in (2 if stage else 1, 1):
            inside = 6 * channels
            block = nn.Sequential(
                _conv(channels, inside, 1),
                nn.ReLU6(),
                _conv(inside, inside, 3, strides, groups=inside),
                nn.ReLU6(),
                _conv(inside, filters, 1),
            )
            layers.append(Residual(block) if channels == filters else block)
            channels = filters
    return _classifier(layers, channels, work)


def xception(work: Convolutional) -> nn.Module:
    """Separable convolutions."""
    layers: list[nn.Module] = [_conv(3, work.width, 3), nn.ReLU()]
    for stage in range(1, STAGES):
        channels, filters = work.width << (stage - 1), work.width << stage
        block: list[nn.Module] = []
        for given in (channels, filters):
            depthwise = nn.Conv2d(given, given, 3, padding=1, groups=given, bias=False)
            block += [nn.ReLU(), depthwise, _conv(given, filters, 1)]
        block.append(nn.MaxPool2d(3, 2, 1))
        layers.append(Residual(nn.Sequential(*block), _conv(channels, filters, 1, 2)))
    return _classifier(layers, filters, work)


class _Concatenated(nn.Module):
    """The outputs of modules on one input, concatenated."""

    def __init__(self, *modules: nn.Module):
        super().__init__()
        self.each = nn.ModuleList(modules)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([module(x) for module in self.each], dim=1)


def densenet(work: Convolutional) -> nn.Module:
    """Four layers in a block."""
    channels = 2 * work.width
    layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1, bias=False)]
    for stage in range(STAGES):
        if stage:
            reduced = nn.Conv2d(channels, channels // 2, 1, bias=False)
            layers += [_norm(channels), nn.ReLU(), reduced, nn.AvgPool2d(2)]
            channels //= 2
        for _ in range(4):
            conv = nn.Conv2d(channels, work.width, 3, padding=1, bias=False)
            layers.append(_Concatenated(nn.Identity(), nn.Sequential(_norm(channels), nn.ReLU(), conv)))
            channels += work.width
    return _classifier([*layers, _norm(channels), nn.ReLU()], channels, work)


def inception(work: Convolutional) -> nn.Module:
    """Two modules."""

    def conv(channels: int, filters: int, window: int, strides: int = 1) -> nn.Module:
        return nn.Sequential(nn.Conv2d(channels, filters, window, strides, window // 2), nn.ReLU())

    width = work.width
    layers = [conv(3, width, 3, 2)]
    channels = width
    for _ in range(2):
        layers.append(
            _Concatenated(
                conv(channels, width, 1),
                nn.Sequential(conv(channels, width, 1), conv(width, 2 * width, 3)),
                nn.Sequential(conv(channels, width, 1), conv(width, width, 5)),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(channels, width, 1)),
            )
        )
        channels = 5 * width
    return _classifier(layers, channels, work)


class _Augmentation(nn.Module):
    """Flip, shift, rotation and zoom of each image by one affine map."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        translation, rotation, zoom, zoom_y = [
            most * (2 * torch.rand(len(x), count) - 1)
            for most, count in (
                (2 * AUGMENTATION["translation"], 2),  # the edge is from -1 to 1
                (2 * math.pi * AUGMENTATION["rotation"], 1),
                (AUGMENTATION["zoom"], 1),
                (AUGMENTATION["zoom"], 1),
            )
        ]
        flip = torch.randint(2, (len(x), 1)) * 2 - 1
        cosine, sine = torch.cos(rotation), torch.sin(rotation)
        first = torch.cat([flip * (1 + zoom) * cosine, -(1 + zoom) * sine, translation[:, :1]], 1)
        second = torch.cat([flip * (1 + zoom_y) * sine, (1 + zoom_y) * cosine, translation[:, 1:]], 1)
        grid = functional.affine_grid(torch.stack([first, second], 1), list(x.shape), align_corners=False)
        return functional.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def augmented(work: Convolutional) -> nn.Module:
    """A plain network."""
    layers: list[nn.Module] = [_Augmentation()]
    for channels, filters in ((3, work.width), (work.width, 2 * work.width)):
        layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    features = 2 * work.width * (work.size // 4) ** 2
    layers += [nn.Flatten(), nn.Linear(features, 4 * work.width), nn.ReLU(), nn.Linear(4 * work.width, work.classes)]
    return one_input(nn.Sequential(*layers))


MODELS = {
    build.__name__: build for build in (lenet, resnet, bottleneck, mobilenet, xception, densenet, inception, augmented)
}
train, predict = programs(MODELS)
