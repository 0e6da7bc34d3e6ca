"""The networks of `convnet` in Flax NNX."""

from __future__ import annotations

import functools
from typing import Any

from flax import nnx

from benchmarks.loops import flax as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads.convnet import EPSILON, MOMENTUM, RATE, ConvNet


def train(work: ConvNet, clock: Clock) -> Result:
    """Train the network."""
    given = loop.options()
    pool = functools.partial(nnx.max_pool, window_shape=(2, 2), strides=(2, 2))
    layers: list[Any] = []
    for channels, filters in ((1, 32), (32, 64)):
        layers += [nnx.Conv(channels, filters, (3, 3), padding="VALID", **given), nnx.relu]
        if work.regularized:
            layers.append(nnx.BatchNorm(filters, momentum=MOMENTUM, epsilon=EPSILON, rngs=given["rngs"]))
        layers.append(pool)
    layers.append(lambda x: x.reshape(len(x), -1))
    if work.regularized:
        layers.append(nnx.Dropout(RATE, rngs=given["rngs"]))
    return loop.train(nnx.Sequential(*layers, nnx.Linear(1600, work.classes, **given)), work, clock)
