"""The networks of `maps` in PyTorch."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.workloads.zoo.base_torch import one_input, programs
from benchmarks.workloads.zoo.maps import KL_WEIGHT, LATENT, Maps


def _twice(channels: int, filters: int) -> nn.Module:
    convs = [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU(), nn.Conv2d(filters, filters, 3, padding=1)]
    return nn.Sequential(*convs, nn.ReLU())


class _Level(nn.Module):
    """Convolutions around a smaller image: pooled, a module, enlarged, concatenated with what was before."""

    def __init__(self, channels: int, filters: int, inside: nn.Module):
        super().__init__()
        self.down = _twice(channels, filters)
        self.inside = nn.Sequential(nn.MaxPool2d(2), inside, nn.ConvTranspose2d(2 * filters, filters, 2, 2))
        self.up = _twice(2 * filters, filters)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.down(x)
        return self.up(torch.cat([x, self.inside(x)], dim=1))


def unet(work: Maps) -> nn.Module:
    """Two levels."""
    width = work.width
    inner = _Level(width, 2 * width, _twice(2 * width, 4 * width))
    return one_input(nn.Sequential(_Level(1, width, inner), nn.Conv2d(width, work.classes, 1)))


def autoencoder(work: Maps) -> nn.Module:
    """Strides in both halves."""
    width = work.width
    layers = [nn.Conv2d(1, width, 5, 2, 2), nn.ReLU(), nn.Conv2d(width, 2 * width, 5, 2, 2), nn.ReLU()]
    layers += [nn.ConvTranspose2d(2 * width, width, 5, 2, 2, 1), nn.ReLU(), nn.ConvTranspose2d(width, 1, 5, 2, 2, 1)]
    return one_input(nn.Sequential(*layers))


class _Variational(nn.Module):
    """Gives the image, and the weighted divergence."""

    def __init__(self, work: Maps):
        super().__init__()
        width, edge = work.width, work.size // 4
        features = edge * edge * 2 * width
        convs = [nn.Conv2d(1, width, 3, 2, 1), nn.ReLU(), nn.Conv2d(width, 2 * width, 3, 2, 1), nn.ReLU()]
        self.encoder = nn.Sequential(*convs, nn.Flatten())
        self.mean = nn.Linear(features, LATENT)
        self.log_variance = nn.Linear(features, LATENT)
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, features),
            nn.ReLU(),
            nn.Unflatten(1, (2 * width, edge, edge)),
            nn.ConvTranspose2d(2 * width, width, 3, 2, 1, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 1, 3, 2, 1, 1),
        )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.encoder(x)
        mean, log_variance = self.mean(x), self.log_variance(x)
        divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).mean()
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        return self.decoder(z), KL_WEIGHT * divergence


def vae(work: Maps) -> nn.Module:
    """Samples in training and in inference."""
    return one_input(_Variational(work))


MODELS = {build.__name__: build for build in (unet, autoencoder, vae)}
train, predict = programs(MODELS)
