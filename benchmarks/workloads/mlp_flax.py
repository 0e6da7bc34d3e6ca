"""The classifiers of `mlp` in Flax NNX."""

from __future__ import annotations

from flax import nnx

from benchmarks.loops import flax as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads.mlp import MLP


def train(work: MLP, clock: Clock) -> Result:
    """Train the classifier."""
    return loop.train(model(work), work, clock)


def model(work: MLP) -> nnx.Sequential:
    """The classifier, which gives logits."""
    given = loop.options()
    return nnx.Sequential(
        nnx.Linear(work.features, work.units, **given),
        nnx.relu,
        nnx.Linear(work.units, work.units, **given),
        nnx.relu,
        nnx.Linear(work.units, work.classes, **given),
    )
