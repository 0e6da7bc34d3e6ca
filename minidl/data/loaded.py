"""Batches of which each row is read from a file, by threads that write into the batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent import futures
from typing import Any, NamedTuple

import numpy as np

from minidl.core.memory import aligned_empty
from minidl.core.typing import DType, PyTree
from minidl.data.elements import leaves
from minidl.data.stages import Elements, Epoch, Stage
from minidl.data.threads import in_order, workers_of_this_machine

_ROWS = 8  # most of a task: the threads wait for each other at each one's beginning and end


class Row(NamedTuple):
    """How a row is read.

    Args:
        read: (path, row) writes the contents of a file into a row; called in several threads at once.
        shape: of a row.
        dtype: of a row.
    """

    read: Callable[[str, np.ndarray], None]
    shape: tuple[int, ...]
    dtype: DType


class Loaded(Stage):
    """Batches of paths, or of (paths, labels), with rows in place of the paths.

    Args:
        upstream: the batches.
        size: of a batch.
        row: how a row is read.
    """

    is_batched = True

    def __init__(self, upstream: Stage, size: int, row: Row):
        super().__init__(upstream)
        self._size = size
        self._row = row

    def read(self, epoch: Epoch, start: int) -> Elements:
        workers = workers_of_this_machine()
        rows = max(1, min(_ROWS, self._size // workers))
        ahead = 1 + -(-2 * workers * rows // self._size)  # batches, such that no thread waits for the next one
        with futures.ThreadPoolExecutor(workers, thread_name_prefix="minidl-load") as pool:
            paths = self.upstream[0].read(epoch, start)
            batches = in_order(lambda batch: self._begun(pool, batch, rows), _Begun.result, paths, ahead)
            with contextlib.closing(batches):
                yield from batches

    def _begun(self, pool: futures.Executor, batch: PyTree, rows: int) -> _Begun:
        paths = leaves(batch)[0]
        loaded = aligned_empty((len(paths), *self._row.shape), self._row.dtype)
        parts = [slice(first, first + rows) for first in range(0, len(paths), rows)]
        tasks = [pool.submit(self._load, paths[part], loaded[part]) for part in parts]
        return _Begun((loaded, *batch[1:]) if isinstance(batch, tuple) else loaded, tasks)

    def _load(self, paths: np.ndarray, rows: np.ndarray) -> None:
        for path, row in zip(paths, rows):
            self._row.read(path, row)


class _Begun(NamedTuple):
    """A batch that threads write into."""

    batch: PyTree
    tasks: list[futures.Future[Any]]

    def result(self) -> PyTree:
        for task in self.tasks:
            task.result()
        return self.batch

    def cancel(self) -> None:
        for task in self.tasks:
            task.cancel()
