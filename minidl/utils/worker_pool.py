"""Processes that make the batches of a `PyDataset`.

They are spawned, not forked: JAX has threads by then, which a fork does not copy. Spawning takes as long as importing
the program, so the processes are kept for the next epochs and end with the data set.
"""

from __future__ import annotations

import os
import pickle
import tempfile
import weakref
from concurrent import futures
from multiprocessing import get_context
from typing import Any

import jax

_pools: dict[int, WorkerPool] = {}  # by the id of the data set, which need not be hashable


class WorkerPool:
    """Spawned processes that hold a copy of a data set.

    Args:
        workers: how many.
    """

    def __init__(self, workers: int):
        self.workers = workers
        self._folder = tempfile.TemporaryDirectory(prefix="minidl-workers-")
        self._pickled = b""
        self._version = 0
        self._executor = futures.ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin)

    def update(self, dataset: Any) -> None:
        """Let the workers read the data set as it is now.

        Raises:
            TypeError: it cannot be pickled.
        """
        try:
            pickled = pickle.dumps(dataset)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise TypeError(
                f"PyDataset(use_multiprocessing=True): {type(dataset).__name__} cannot be pickled for its worker "
                f"processes: {error}. Define the class at the top level of a module, open files and locks within "
                "`__getitem__`, or use threads: use_multiprocessing=False."
            ) from error
        if pickled != self._pickled:
            self._pickled = pickled
            self._version += 1
            with open(self._path(), "wb") as file:
                file.write(pickled)

    def submit(self, index: int) -> futures.Future[Any]:
        """Ask for a batch."""
        try:
            return self._executor.submit(_make, self._path(), index)
        except futures.BrokenExecutor as error:
            raise _ended(error) from error

    def result(self, future: futures.Future[Any]) -> Any:
        """Wait for a batch.

        Raises:
            RuntimeError: the workers ended, for instance because the program has no guard of its main part.
        """
        try:
            return future.result()
        except futures.BrokenExecutor as error:
            raise _ended(error) from error

    def close(self) -> None:
        """End the processes."""
        self._executor.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def _path(self) -> str:
        return os.path.join(self._folder.name, str(self._version))


def pool_of(dataset: Any) -> WorkerPool:
    """The processes of a data set, started when it has none."""
    pool = _pools.get(id(dataset))
    if pool is None or pool.workers != dataset.workers:
        if pool is None:
            weakref.finalize(dataset, drop, id(dataset))
        else:
            pool.close()
        _pools[id(dataset)] = pool = WorkerPool(dataset.workers)
    pool.update(dataset)
    return pool


def drop(key: int) -> None:
    """End the processes of the data set with this id."""
    if (pool := _pools.pop(key, None)) is not None:
        pool.close()


def _ended(error: Exception) -> RuntimeError:
    return RuntimeError(
        "PyDataset(use_multiprocessing=True): a worker process ended before it gave its batch. Workers import the main "
        "program anew, so it must start its work only below `if __name__ == '__main__':`. If it does, the worker was "
        "killed, for instance for want of memory; use threads with use_multiprocessing=False."
    )


# In the workers

_loaded: dict[str, Any] = {}  # the newest version of the data set by its path


def _begin() -> None:
    jax.config.update("jax_platforms", "cpu")  # the accelerator is the main process's


def _make(path: str, index: int) -> Any:
    if path not in _loaded:
        _loaded.clear()
        try:
            with open(path, "rb") as file:
                _loaded[path] = pickle.load(file)
        except (AttributeError, ImportError) as error:
            raise RuntimeError(
                f"PyDataset(use_multiprocessing=True): a worker process cannot import the data set: {error}. Define "
                "its class in a file (a notebook or `python -c` has none), or use threads: use_multiprocessing=False."
            ) from error
    return _loaded[path][index]
