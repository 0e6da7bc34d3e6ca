"""The small classifier on streamed data: a generator, a memory map, tf.data, a torch DataLoader."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.loops import keras as loop
from benchmarks.peers import Clock, Result
from benchmarks.workload import Split
from benchmarks.workloads import mlp
from benchmarks.workloads.mlp import MLP


@dataclass(frozen=True)
class Stream(MLP):
    """The small classifier; its data is in memory."""


@dataclass(frozen=True)
class MemoryMap(Stream):
    """The small classifier; its data is on the disk."""

    def data(self, split: Split = "train") -> tuple[np.ndarray, np.ndarray]:
        """Memory maps of what the small classifier has."""
        x, y = super().data(split)
        return _on_disk(x), _on_disk(y)


_PEERS = ("minidl", "keras-jax", "keras-tensorflow")
_SIZES: dict[str, Any] = {"rows": 19_200, "epochs": 6}
WORKLOADS = (
    Stream("stream-generator", "mlp from a Python generator of batches", _PEERS, "from_generator", **_SIZES),
    MemoryMap("stream-memmap", "mlp from memory maps of the disk", ("minidl", "handwritten", *_PEERS[1:]), **_SIZES),
    Stream(
        "stream-tfdata",
        "mlp from tf.data: shuffled, batched, prefetched",
        _PEERS,
        "from_tf_data",
        needs=("tensorflow",),
        **_SIZES,
    ),
    Stream(
        "stream-torch",
        "mlp from a torch DataLoader that shuffles",
        (*_PEERS, "torch"),
        "from_data_loader",
        needs=("torch",),
        **_SIZES,
    ),
)


def train(keras: Any, work: MemoryMap, clock: Clock) -> Result:
    """Train on memory maps, which `fit` takes as arrays."""
    return mlp.train(keras, work, clock)


def from_generator(keras: Any, work: Stream, clock: Clock) -> Result:
    """Train on a generator that never ends."""
    model = mlp.model(keras, work)
    return loop.fit(keras, model, work, clock, batches(work), steps_per_epoch=work.steps)


def from_tf_data(keras: Any, work: Stream, clock: Clock) -> Result:
    """Train on a dataset as TensorFlow's guides build it."""
    import tensorflow as tf

    rows = tf.data.Dataset.from_tensor_slices(work.data()).shuffle(work.rows)
    return loop.fit(keras, mlp.model(keras, work), work, clock, rows.batch(work.batch_size).prefetch(tf.data.AUTOTUNE))


def from_data_loader(keras: Any, work: Stream, clock: Clock) -> Result:
    """Train on a loader that makes its batches in this process, as it does by default."""
    import torch

    rows = torch.utils.data.TensorDataset(*map(torch.from_numpy, work.data()))
    loader = torch.utils.data.DataLoader(rows, work.batch_size, shuffle=True)
    return loop.fit(keras, mlp.model(keras, work), work, clock, loader)


def batches(work: Stream) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each epoch's rows in a new order, for ever."""
    x, y = work.data()
    random = np.random.default_rng()
    while True:
        order = random.permutation(work.rows)
        for begin in range(0, work.rows, work.batch_size):
            rows = order[begin : begin + work.batch_size]
            yield x[rows], y[rows]


def _on_disk(array: np.ndarray) -> np.memmap:
    """The array in a file without a name, which lasts as long as the map."""
    with tempfile.TemporaryFile() as file:
        array.tofile(file)
        file.flush()
        return np.memmap(file, array.dtype, "r", shape=array.shape)
