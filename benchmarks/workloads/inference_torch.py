"""The classifier of `inference` in PyTorch."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.loops import torch as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads import inference, mlp_torch
from benchmarks.workloads.inference import Inference


def evaluate(work: Inference, clock: Clock) -> Result:
    """Evaluate all rows in each lap."""
    x, y = map(loop.tensor, work.data())
    model = _model(work)
    clock.start()
    for _ in range(work.epochs):
        found = loop.evaluate(model, x, y, work.batch_size)
        clock.lap()
    return found


def predict(work: Inference, clock: Clock) -> Result:
    """Predict all rows in each lap."""
    x, y = work.data()
    model, rows = _model(work), loop.tensor(x)
    clock.start()
    for _ in range(work.epochs):
        with torch.inference_mode():
            probabilities = torch.cat([model(batch).softmax(1) for batch in rows.split(work.batch_size)])
            probabilities = probabilities.cpu().numpy()
        clock.lap()
    return inference.result(probabilities, y)


def call_row(work: Inference, clock: Clock) -> Result:
    """Call the model on each row separately."""
    model = _model(work)

    def probabilities_of(row: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(loop.tensor(row)).softmax(1).cpu().numpy()

    return inference.rows_alone(probabilities_of, work, clock)


predict_row = call_row  # the same


def _model(work: Inference) -> torch.nn.Module:
    model = mlp_torch.model(work).eval()
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), work.weights(), strict=True):
            parameter.copy_(torch.from_numpy(value.T))
    return model.to(loop.DEVICE)
