"""Cross-validation in PyTorch."""

from __future__ import annotations

import functools

import numpy as np
import torch

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
        batches = functools.partial(loop.shuffled, torch.from_numpy(x), torch.from_numpy(y).long(), work.batch_size)
        loop.train(model, work, Clock(), batches)
        left_out = loop.evaluate(model, torch.from_numpy(x_left_out), torch.from_numpy(y_left_out), work.batch_size)
        results.append([left_out["loss"], left_out["accuracy"]])
        clock.lap()
    loss, accuracy = np.mean(results, axis=0)
    return {"loss": float(loss), "accuracy": float(accuracy)}
