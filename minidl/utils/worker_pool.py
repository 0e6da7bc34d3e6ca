"""Worker processes that compute the batches of a `PyDataset`.

They are spawned, not forked: JAX is multithreaded, and a fork does not copy threads. Spawning takes as long as
importing the program, so the processes are kept for the following epochs and end with the dataset.
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

_pools: dict[int, WorkerPool] = {}  # by the id of the dataset, which need not be hashable


class WorkerPool:
    """Spawned processes with a copy of a dataset.

    Args:
        workers: the number of processes.
    """

    def __init__(self, workers: int):
        self.workers = workers
        self._folder = tempfile.TemporaryDirectory(prefix="minidl-workers-")
        self._pickled = b""
        self._version = 0
        self._executor = futures.ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin)

    def update(self, dataset: Any) -> None:
        """Send the current state of the dataset to the workers.

        Raises:
            TypeError: the dataset cannot be pickled.
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
        """Request a batch."""
        try:
            return self._executor.submit(_compute, self._path(), index)
        except futures.BrokenExecutor as error:
            raise _ended(error) from error

    def result(self, future: futures.Future[Any]) -> Any:
        """Wait for a batch.

        Raises:
            RuntimeError: the workers ended, for example because the main part of the program is not guarded.
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
    """The processes of a dataset, started on first use."""
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
    """End the processes of the dataset with this id."""
    if (pool := _pools.pop(key, None)) is not None:
        pool.close()


def _ended(error: Exception) -> RuntimeError:
    return RuntimeError(
        "PyDataset(use_multiprocessing=True): a worker process ended before it returned its batch. Workers import the "
        "main program again, so its main part must be guarded by `if __name__ == '__main__':`. If it is, the worker "
        "was killed, for example when memory ran out; use threads with use_multiprocessing=False."
    )


# In the workers

_loaded: dict[str, Any] = {}  # the latest version of the dataset, by its path


def _begin() -> None:
    jax.config.update("jax_platforms", "cpu")  # the accelerator belongs to the main process


def _compute(path: str, index: int) -> Any:
    if path not in _loaded:
        _loaded.clear()
        try:
            with open(path, "rb") as file:
                _loaded[path] = pickle.load(file)
        except (AttributeError, ImportError) as error:
            raise RuntimeError(
                f"PyDataset(use_multiprocessing=True): a worker process cannot import the dataset: {error}. Define its "
                "class in a file (not in a notebook or `python -c`), or use threads: use_multiprocessing=False."
            ) from error
    return _loaded[path][index]
