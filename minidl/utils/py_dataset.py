"""PyDataset: a data set that computes each of its batches when asked, by several workers if need be."""

from __future__ import annotations

import collections
import itertools
import random
from collections.abc import Callable, Generator, Iterator
from concurrent import futures
from typing import Any

from minidl.utils.worker_pool import drop, pool_of


class PyDataset:
    """The base of data sets in Python. A subclass writes `__len__` and `__getitem__`.

    `dataset[i]` is batch i: x, (x, y) or (x, y, sample_weight). Unlike a generator it can be read again and in any
    order, so each example is trained on exactly once in an epoch, whatever the number of workers.

    Args:
        workers: how many threads (or processes) make batches at the same time; with 1 batches are made while
            the device computes, without any thread.
        use_multiprocessing: processes instead of threads, for Python code that computes a lot. They are
            spawned and kept for all epochs: the data set must be picklable, and the program must start its work below
            `if __name__ == "__main__":`.
        max_queue_size: how many batches may be under way at once, with more than one worker.

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
        raise NotImplementedError(f"{type(self).__name__} has no `__getitem__`. Write one that returns batch `index`.")

    @property
    def num_batches(self) -> int | None:
        """How many batches there are: `len(self)`. To be overridden with None where there is no end."""
        if not isinstance(self, collections.abc.Sized):
            raise NotImplementedError(
                f"{type(self).__name__} has no length. Write `__len__`, or a property `num_batches` that is None for a "
                "data set without an end."
            )
        return len(self)

    def on_epoch_begin(self) -> None:
        """An epoch begins. May be overridden."""

    def on_epoch_end(self) -> None:
        """An epoch has ended. May be overridden, to change the order of the examples for instance."""

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self.batches()
        finally:
            drop(id(self))

    def batches(self, shuffle: bool = False) -> Generator[Any, None, None]:
        """One pass over all batches, made by the workers.

        Args:
            shuffle: whether their order is new; it comes from Python's `random`.
        """
        has_end = isinstance(self, collections.abc.Sized) or type(self).num_batches is not PyDataset.num_batches
        count = self.num_batches if has_end else None
        order: Any = itertools.count() if count is None else list(range(count))
        if shuffle and count is not None:
            random.shuffle(order)
        if self.use_multiprocessing and self.workers >= 1:
            pool = pool_of(self)
            try:
                yield from _in_order(pool.submit, pool.result, order, self.max_queue_size)
            except Exception:
                drop(id(self))  # nobody may be left to end the processes
                raise
        elif self.workers > 1:
            with futures.ThreadPoolExecutor(self.workers) as threads:
                yield from _in_order(
                    lambda i: threads.submit(self.__getitem__, i), futures.Future.result, order, self.max_queue_size
                )
        else:
            yield from map(self.__getitem__, order)


Sequence = PyDataset  # Keras's older name


def _in_order(
    submit: Callable[[int], futures.Future[Any]], result: Callable[[futures.Future[Any]], Any], order: Any, ahead: int
) -> Iterator[Any]:
    """The results in the order of the calls. However the iteration ends, no call stays under way."""
    pending: collections.deque[futures.Future[Any]] = collections.deque()
    try:
        for index in order:
            pending.append(submit(index))
            if len(pending) >= max(1, ahead):
                yield result(pending.popleft())
        while pending:
            yield result(pending.popleft())
    finally:
        for future in pending:
            future.cancel()
