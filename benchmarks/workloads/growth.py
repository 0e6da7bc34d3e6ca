"""The cost of the small classifier as one parameter grows: rows, width, depth, metrics, callbacks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.loops import keras as loop
from benchmarks.peers import Clock, Result
from benchmarks.workloads.mlp import MLP

_BLOCK = 20_000  # rows in memory, which a stream repeats


@dataclass(frozen=True)
class Growth(MLP):
    """One point of a curve.

    Args:
        depth: hidden layers.
        metrics: how many `fit` reports.
        callbacks: how many are told each epoch.
    """

    series: str = "growth: minidl as one thing grows; rows stream from a generator in batches of 250, else batch 32"
    most_rounds: int | None = 2
    depth: int = 2
    metrics: int = 1
    callbacks: int = 0


_MINIDL = ("minidl",)
WORKLOADS = (
    *[
        Growth(f"growth-rows-{rows}", f"{rows:,} rows", _MINIDL, "stream", rows=rows, batch_size=250, epochs=epochs)
        for rows, epochs in ((10_000, 8), (100_000, 6), (1_000_000, 3), (10_000_000, 2))
    ],
    *[
        Growth(f"growth-width-{units}", f"{units} wide", _MINIDL, rows=6_400, epochs=4, units=units)
        for units in (16, 64, 256, 1024)
    ],
    *[
        Growth(f"growth-depth-{depth}", f"{depth} layers deep", peers, rows=3_200, epochs=4, depth=depth)
        for depth, peers in (
            *[(depth, ("minidl", "keras-jax")) for depth in (2, 10, 50)],
            *[(depth, _MINIDL) for depth in (100, 200)],
        )
    ],
    *[
        Growth(f"growth-metrics-{metrics}", f"{metrics} metrics", _MINIDL, rows=19_200, epochs=6, metrics=metrics)
        for metrics in (0, 5, 20)
    ],
    *[
        Growth(f"growth-callbacks-{count}", f"{count} callbacks", _MINIDL, rows=19_200, epochs=6, callbacks=count)
        for count in (0, 10, 100)
    ],
)


def train(keras: Any, work: Growth, clock: Clock) -> Result:
    """Train on arrays."""
    return _fit(keras, work, clock, *work.data(), batch_size=work.batch_size)


def stream(keras: Any, work: Growth, clock: Clock) -> Result:
    """Train on a generator, so that no more than a block of rows is ever in memory."""
    return _fit(keras, work, clock, _batches(work), steps_per_epoch=work.steps)


def _fit(keras: Any, work: Growth, clock: Clock, *data: Any, **given: Any) -> Result:
    hidden = [keras.layers.Dense(work.units, activation="relu") for _ in range(work.depth)]
    last = keras.layers.Dense(work.classes, activation="softmax")
    model = keras.Sequential([keras.Input((work.features,)), *hidden, last])
    names = ["accuracy", *[f"accuracy_{number}" for number in range(1, work.metrics)]][: work.metrics]
    metrics = [keras.metrics.SparseCategoricalAccuracy(name=name) for name in names]
    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None) for _ in range(work.callbacks)]
    return loop.fit(keras, model, work, clock, *data, metrics=metrics, callbacks=callbacks, **given)


def _batches(work: Growth) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The batches of a block of rows, for ever."""
    block = dataclasses.replace(work, rows=min(work.rows, _BLOCK))
    x, y = block.data()
    while True:
        for begin in range(0, block.rows, work.batch_size):
            yield x[begin : begin + work.batch_size], y[begin : begin + work.batch_size]
