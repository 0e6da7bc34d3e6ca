"""The programs around a model of the zoo in PyTorch. Channels are on axis 1, where PyTorch has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.loops import torch as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads.zoo.base import SEED, Zoo, loss_of

EPSILON, MOMENTUM = 1e-3, 0.01  # of normalization: Keras's own
Program = Callable[[Any, Clock], Result]


def programs(models: Mapping[str, Callable[[Any], nn.Module]]) -> tuple[Program, Program]:
    """The functions `train` and `predict` of a file, from the models of its `MODELS`."""

    def train(work: Zoo, clock: Clock) -> Result:
        """Train the model."""
        torch.manual_seed(SEED)
        x, y = work.data()
        inputs, targets = _tensors(x), _targets(y)
        found = loop.train(
            models[work.model](work),
            work,
            clock,
            lambda: ((tuple(x[i] for x in inputs), targets[i]) for i in _order(targets).split(work.batch_size)),
            lambda outputs, targets: _loss_and_hits(work, outputs, targets),
        )
        return found if work.has_labels else {**found, "accuracy": None}

    def predict(work: Zoo, clock: Clock) -> Result:
        """Predict all rows in each lap, with the initial weights."""
        torch.manual_seed(SEED)
        x, y = work.data()
        inputs = _tensors(x)
        model = models[work.model](work).apply(loop.initialize).to(loop.DEVICE).eval()
        clock.start()
        for _ in range(work.epochs):
            with torch.inference_mode():
                batches = zip(*[x.split(work.batch_size) for x in inputs])
                outputs = torch.cat([_probabilities(work, model(batch)) for batch in batches]).cpu().numpy()
            clock.lap()
        return {
            "loss": loss_of(work, np.moveaxis(outputs, 1, -1) if outputs.ndim > 3 else outputs, y),
            "accuracy": None,
        }

    return train, predict


def one_input(module: nn.Module) -> nn.Module:
    """A model of one input: a model gets a tuple of all."""
    return nn.Sequential(_First(), module)


class _First(nn.Module):
    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return inputs[0]


class Positions(nn.Module):
    """Adds a trained vector for each position to (batch, length, width)."""

    def __init__(self, length: int, width: int):
        super().__init__()
        self.vectors = nn.Embedding(length, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.vectors.weight


def encoder_block(width: int, heads: int) -> nn.TransformerEncoderLayer:
    """A pre-norm Transformer block."""
    return nn.TransformerEncoderLayer(
        width, heads, 4 * width, 0.0, functional.gelu, layer_norm_eps=EPSILON, batch_first=True, norm_first=True
    )


class Residual(nn.Module):
    """A module's output added to its input, or to that of another module, and a function of the sum."""

    def __init__(self, module: nn.Module, shortcut: nn.Module | None = None, after: nn.Module | None = None):
        super().__init__()
        self.module = module
        self.shortcut = shortcut or nn.Identity()
        self.after = after or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.after(self.shortcut(x) + self.module(x))


class Transposed(nn.Module):
    """A module applied to (batch, b, a), of (batch, a, b)."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.module(x.transpose(1, 2)).transpose(1, 2)


def _tensors(x: Any) -> list[torch.Tensor]:
    """The inputs, in the order of a dict."""
    return [_channels_first(x) for x in (x.values() if isinstance(x, dict) else [x])]


def _targets(y: np.ndarray) -> torch.Tensor:
    return _channels_first(y) if y.dtype == np.float32 else loop.tensor(y).long()


def _order(targets: torch.Tensor) -> torch.Tensor:
    """A new order of the rows."""
    return torch.randperm(len(targets), device=targets.device)


def _channels_first(x: np.ndarray) -> torch.Tensor:
    return loop.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1)) if x.ndim > 3 else x)


def _loss_and_hits(work: Zoo, outputs: Any, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss that `work` names, of outputs before the softmax, and of those that come with another loss to add."""
    if work.loss == "mean_squared_error":
        outputs, more = outputs if isinstance(outputs, tuple) else (outputs, 0.0)
        no_hits = torch.zeros((), dtype=torch.int64, device=targets.device)
        return functional.mse_loss(outputs.view_as(targets), targets) + more, no_hits
    if outputs.ndim == 3:  # a class for each step
        outputs, targets = outputs.flatten(0, 1), targets.flatten()
    loss, hits = loop.loss_and_hits(outputs, targets)
    return loss, hits * len(targets) // targets.numel()


def _probabilities(work: Zoo, outputs: Any) -> torch.Tensor:
    """What Keras's model gives."""
    match work.loss:
        case "sparse_categorical_crossentropy":
            return outputs.softmax(-1 if outputs.ndim == 3 else 1)
        case "binary_crossentropy":
            return outputs.sigmoid()
    return outputs[0] if isinstance(outputs, tuple) else outputs
