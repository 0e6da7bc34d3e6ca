"""PyTorch: the loop that its users write, with the fused optimizer and metrics that never wait for a step.

It is eager, or its step is compiled by `torch.compile` where the peer is "torch-compiled". On a GPU all rows are put on
it once, and float32 products are computed in TF32, as in JAX. Reading the loss after an epoch waits for its steps.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.device.torch import device
from benchmarks.peers import WITH, Clock, Result
from benchmarks.workload import Workload

Batches = Iterable[tuple[Any, torch.Tensor]]
LossAndHits = Callable[[Any, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
DEVICE = device()

if DEVICE.type == "cuda":
    torch.set_float32_matmul_precision("high")


def tensor(array: np.ndarray) -> torch.Tensor:
    """The array on the device; on the CPU it shares the memory."""
    return torch.from_numpy(array).to(DEVICE)


def loss_and_hits(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The cross-entropy of logits, classes on axis 1, a single one for two classes; and how many are right."""
    if logits.shape[1] == 1:
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], targets.float())
        return loss, ((logits[:, 0] > 0) == targets).sum()
    return torch.nn.functional.cross_entropy(logits, targets), (logits.argmax(1) == targets).sum()


def train(
    model: torch.nn.Module,
    work: Workload,
    clock: Clock,
    batches: Callable[[], Batches] | None = None,
    loss_and_hits: LossAndHits = loss_and_hits,
) -> Result:
    """Train a classifier that gives logits; a single one for two classes. The softmax is inside the loss.

    Args:
        model: the classifier.
        work: the data, the sizes.
        clock: is told each epoch.
        batches: gives those of an epoch; by default the workload's rows in a new order.
        loss_and_hits: the mean loss of outputs and targets, and how many are right.
    """
    model.apply(initialize).to(DEVICE)
    batches = batches or functools.partial(shuffled, *tensors(work), work.batch_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=work.learning_rate, eps=1e-7, fused=True)
    model.train()

    def step(inputs: Any, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        loss, hits = loss_and_hits(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach(), hits

    if os.environ.get(WITH) == "compile":
        step = torch.compile(step)

    clock.start()
    for _ in range(work.epochs):
        total, correct = _zeros()
        for inputs, targets in batches():
            loss, hits = step(inputs, targets)
            total += loss * len(targets)
            correct += hits
        mean_loss, accuracy = total.item() / work.rows, correct.item() / work.rows
        print(f"loss: {mean_loss:.4f} - accuracy: {accuracy:.4f}")
        clock.lap()
    return {"loss": mean_loss, "accuracy": accuracy}


def tensors(work: Workload) -> tuple[torch.Tensor, torch.Tensor]:
    """The training data, with labels of the type that PyTorch's losses take."""
    x, y = work.data()
    return tensor(x), tensor(y).long()


def evaluate(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor, batch_size: int) -> Result:
    """The loss and the accuracy of a classifier, batch by batch."""
    model.eval()
    total, correct = _zeros()
    with torch.inference_mode():
        for inputs, targets in zip(x.split(batch_size), y.long().split(batch_size)):
            loss, hits = loss_and_hits(model(inputs), targets)
            total += loss * len(inputs)
            correct += hits
    return {"loss": total.item() / len(x), "accuracy": correct.item() / len(x)}


_KERNELS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d)


def initialize(layer: Any) -> None:
    """Keras's initial weights, so that the final losses can be compared."""
    if isinstance(layer, _KERNELS):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.Embedding):
        nn.init.uniform_(layer.weight, -0.05, 0.05)
    elif isinstance(layer, nn.MultiheadAttention):
        for kernel in layer.in_proj_weight.chunk(3):  # of query, key and value
            nn.init.xavier_uniform_(kernel)
    elif isinstance(layer, (nn.LSTM, nn.GRU)):
        for name, weight in layer.named_parameters():
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(weight)
            elif name.startswith("weight_hh"):
                nn.init.orthogonal_(weight)
            else:
                nn.init.zeros_(weight)
                if isinstance(layer, nn.LSTM) and name.startswith("bias_ih"):
                    nn.init.ones_(weight[layer.hidden_size : 2 * layer.hidden_size])


def shuffled(x: torch.Tensor, y: torch.Tensor, batch_size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The batches of an epoch, in a new order."""
    for rows in torch.randperm(len(x), device=x.device).split(batch_size):
        yield x[rows], y[rows]


def _zeros() -> tuple[torch.Tensor, torch.Tensor]:
    """The sum of the losses and of the hits so far."""
    return torch.zeros((), device=DEVICE), torch.zeros((), dtype=torch.int64, device=DEVICE)
