"""PyDataset: a dataset that computes batches on demand, optionally in several workers."""

from __future__ import annotations

import collections
import itertools
import random
from collections.abc import Generator, Iterator
from concurrent import futures
from typing import Any

from minidl.data.threads import in_order
from minidl.utils.worker_pool import drop, pool_of


class PyDataset:
    """Base class of Python datasets. A subclass defines `__len__` and `__getitem__`.

    `dataset[i]` is batch i: x, (x, y) or (x, y, sample_weight). Unlike a generator, it can be read repeatedly and in
    any order, so each example is used exactly once per epoch, whatever the number of workers.

    Args:
        workers: the number of threads (or processes) that compute batches; with 1, no thread is used, and batches are
            computed while the device computes.
        use_multiprocessing: whether to use processes instead of threads, for compute-intensive Python code. They are
            spawned and kept for all epochs: the dataset must be picklable, and the program must guard its main part
            with `if __name__ == "__main__":`.
        max_queue_size: the maximum number of batches in the queue, with more than one worker.

    Example:
    >>> import numpy as np
    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, index):
    ...         x = np.arange(4.0) + 4 * index
    ...         return x, x**2
    >>> [float(y[0]) for x, y in Squares(workers=2)]
    [0.0, 16.0, 64.0]
    """

    workers = 1
    use_multiprocessing = False
    max_queue_size = 10

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: define `__getitem__(self, index)`, which returns a batch.")

    @property
    def num_batches(self) -> int | None:
        """The number of batches, `len(self)`. Override it with None for an infinite dataset."""
        if not isinstance(self, collections.abc.Sized):
            raise NotImplementedError(
                f"{type(self).__name__} has no length. Define `__len__`, or for an infinite dataset a property "
                "`num_batches` that returns None."
            )
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called at the beginning of an epoch."""

    def on_epoch_end(self) -> None:
        """Called at the end of an epoch, for example to shuffle the examples."""

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._batches()
        finally:
            drop(id(self))

    def _batches(self, shuffle: bool = False) -> Generator[Any, None, None]:
        """One pass over all batches, computed by the workers.

        Args:
            shuffle: whether to shuffle their order, with Python's `random`.
        """
        is_finite = isinstance(self, collections.abc.Sized) or type(self).num_batches is not PyDataset.num_batches
        count = self.num_batches if is_finite else None
        order: Any = itertools.count() if count is None else list(range(count))
        if shuffle and count is not None:
            random.shuffle(order)
        if self.use_multiprocessing and self.workers >= 1:
            pool = pool_of(self)
            try:
                yield from in_order(pool.submit, pool.result, order, self.max_queue_size)
            except Exception:
                drop(id(self))  # the caller may never close the iterator
                raise
        elif self.workers > 1:
            with futures.ThreadPoolExecutor(self.workers) as threads:
                yield from in_order(
                    lambda i: threads.submit(self.__getitem__, i), futures.Future.result, order, self.max_queue_size
                )
        else:
            yield from map(self.__getitem__, order)


Sequence = PyDataset  # Keras's older name
