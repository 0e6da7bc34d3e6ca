"""PyTorch, eager: the loop that its users write, with the fused optimizer and metrics that never wait for a step."""

from __future__ import annotations

import torch

from benchmarks.peers import Clock, Result
from benchmarks.workloads import Workload


def mlp(work: Workload, clock: Clock) -> Result:
    """Train the small classifier. The softmax is inside the loss, as PyTorch does it."""
    torch.set_num_threads(1)  # to its advantage: products this small gain nothing, and threads wait on a busy machine
    features, labels = work.data()
    x, y = torch.from_numpy(features), torch.from_numpy(labels).long()
    model = torch.nn.Sequential(
        torch.nn.Linear(work.features, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, work.classes),
    )
    model.apply(_initialize)
    loss_function = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=work.learning_rate, eps=1e-7, fused=True)

    clock.start()
    for _ in range(work.epochs):
        total, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for rows in torch.randperm(work.rows).split(work.batch_size):
            targets = y[rows]
            logits = model(x[rows])
            loss = loss_function(logits, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
            correct += (logits.argmax(1) == targets).sum()
        mean_loss, accuracy = total.item() / work.rows, correct.item() / work.rows
        print(f"loss: {mean_loss:.4f} - accuracy: {accuracy:.4f}")
        clock.lap()
    return {"loss": mean_loss, "accuracy": accuracy}


def _initialize(layer: torch.nn.Module) -> None:
    """Keras's initial weights, so that the final losses can be compared."""
    if isinstance(layer, torch.nn.Linear):
        torch.nn.init.xavier_uniform_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
