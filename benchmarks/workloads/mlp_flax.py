"""The classifiers of `mlp` in Flax NNX."""

from __future__ import annotations

from flax import nnx

from benchmarks.loops import flax as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads.mlp import MLP


def train(work: MLP, clock: Clock) -> Result:
    """Train the classifier."""
    given = loop.options()
    model = nnx.Sequential(
        nnx.Linear(work.features, work.units, **given),
        nnx.relu,
        nnx.Linear(work.units, work.units, **given),
        nnx.relu,
        nnx.Linear(work.units, work.classes, **given),
    )
    return loop.train(model, work, clock)
