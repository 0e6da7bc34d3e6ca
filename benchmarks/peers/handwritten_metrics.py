"""The hand-written loop, reporting what `fit` reports: loss and accuracy."""

from __future__ import annotations

from benchmarks.peers import Clock, Result
from benchmarks.peers.handwritten import train
from benchmarks.workloads import Workload


def mlp(work: Workload, clock: Clock) -> Result:
    """Train the small classifier."""
    return train(work, clock, with_accuracy=True)
