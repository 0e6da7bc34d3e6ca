"""PyTorch: the loop that its users write, with the fused optimizer and metrics that never wait for a step.

It is eager, or its step is compiled by `torch.compile` where the peer is "torch-compiled".
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from benchmarks.peers import WITH, Clock, Result
from benchmarks.workload import Workload

Batches = Iterable[tuple[torch.Tensor, torch.Tensor]]


def train(model: torch.nn.Module, work: Workload, clock: Clock, batches: Callable[[], Batches] | None = None) -> Result:
    """Train a classifier that gives logits; a single one for two classes. The softmax is inside the loss.

    Args:
        model: the classifier.
        work: the data, the sizes.
        clock: is told each epoch.
        batches: gives those of an epoch; by default the workload's rows in a new order.
    """
    model.apply(initialize)
    batches = batches or functools.partial(shuffled, *tensors(work), work.batch_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=work.learning_rate, eps=1e-7, fused=True)
    model.train()

    def step(inputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        loss, hits = _loss_and_hits(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach(), hits

    if os.environ.get(WITH) == "compile":
        step = torch.compile(step)

    clock.start()
    for _ in range(work.epochs):
        total, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for inputs, targets in batches():
            loss, hits = step(inputs, targets)
            total += loss * len(inputs)
            correct += hits
        mean_loss, accuracy = total.item() / work.rows, correct.item() / work.rows
        print(f"loss: {mean_loss:.4f} - accuracy: {accuracy:.4f}")
        clock.lap()
    return {"loss": mean_loss, "accuracy": accuracy}


def tensors(work: Workload) -> tuple[torch.Tensor, torch.Tensor]:
    """The training data, with labels of the type that PyTorch's losses take."""
    x, y = work.data()
    return torch.from_numpy(x), torch.from_numpy(y).long()


def evaluate(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor, batch_size: int) -> Result:
    """The loss and the accuracy of a classifier, batch by batch."""
    model.eval()
    total, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
    with torch.inference_mode():
        for inputs, targets in zip(x.split(batch_size), y.long().split(batch_size)):
            loss, hits = _loss_and_hits(model(inputs), targets)
            total += loss * len(inputs)
            correct += hits
    return {"loss": total.item() / len(x), "accuracy": correct.item() / len(x)}


def initialize(layer: Any) -> None:
    """Keras's initial weights, so that the final losses can be compared."""
    if isinstance(layer, (torch.nn.Linear, torch.nn.Conv2d)):
        torch.nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            torch.nn.init.zeros_(layer.bias)


def shuffled(x: torch.Tensor, y: torch.Tensor, batch_size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The batches of an epoch, in a new order."""
    for rows in torch.randperm(len(x)).split(batch_size):
        yield x[rows], y[rows]


def _loss_and_hits(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    if logits.shape[1] == 1:
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], targets.float())
        return loss, ((logits[:, 0] > 0) == targets).sum()
    return torch.nn.functional.cross_entropy(logits, targets), (logits.argmax(1) == targets).sum()
