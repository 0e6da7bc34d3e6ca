"""PyTorch, eager: the loop that its users write, with the fused optimizer and metrics that never wait for a step."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.peers import Clock, Result
from benchmarks.workload import Workload


def train(model: torch.nn.Module, work: Workload, clock: Clock) -> Result:
    """Train a classifier that gives logits; a single one for two classes. The softmax is inside the loss."""
    model.apply(initialize)
    features, labels = work.data()
    x, y = torch.from_numpy(features), torch.from_numpy(labels).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=work.learning_rate, eps=1e-7, fused=True)
    model.train()

    clock.start()
    for _ in range(work.epochs):
        total, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for rows in torch.randperm(work.rows).split(work.batch_size):
            targets = y[rows]
            loss, hits = _loss_and_hits(model(x[rows]), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
            correct += hits
        mean_loss, accuracy = total.item() / work.rows, correct.item() / work.rows
        print(f"loss: {mean_loss:.4f} - accuracy: {accuracy:.4f}")
        clock.lap()
    return {"loss": mean_loss, "accuracy": accuracy}


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


def _loss_and_hits(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    if logits.shape[1] == 1:
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], targets.float())
        return loss, ((logits[:, 0] > 0) == targets).sum()
    return torch.nn.functional.cross_entropy(logits, targets), (logits.argmax(1) == targets).sum()
