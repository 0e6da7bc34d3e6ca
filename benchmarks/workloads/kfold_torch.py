"""Cross-validation in PyTorch."""

from __future__ import annotations

import functools

import numpy as np

from benchmarks.loops import torch as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads import mlp_torch
from benchmarks.workloads.kfold import KFold, split


def train(work: KFold, clock: Clock) -> Result:
    """The mean loss and accuracy over the folds."""
    results = []
    clock.start()
    for fold in range(work.folds):
        x, y, x_left_out, y_left_out = split(work, fold)
        model = mlp_torch.model(work)
        batches = functools.partial(loop.shuffled, loop.tensor(x), loop.tensor(y).long(), work.batch_size)
        loop.train(model, work, Clock(), batches)
        left_out = loop.evaluate(model, loop.tensor(x_left_out), loop.tensor(y_left_out), work.batch_size)
        results.append([left_out["loss"], left_out["accuracy"]])
        clock.lap()
    loss, accuracy = np.mean(results, axis=0)
    return {"loss": float(loss), "accuracy": float(accuracy)}
