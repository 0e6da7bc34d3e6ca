"""What processes that compute together tell each other. In a program of one process every call returns at once."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils


def are_many() -> bool:
    """Whether several processes compute together, each with devices of its own."""
    return jax.distributed.is_initialized() and jax.process_count() > 1


def is_first() -> bool:
    """Whether this process decides and writes files.

    >>> are_many(), is_first()
    (False, True)
    """
    return not are_many() or jax.process_index() == 0


def wait(where: str) -> None:
    """Wait until every process is here.

    Args:
        where: a name, which must be the same in all.
    """
    if are_many():
        multihost_utils.sync_global_devices(where)


def from_first(numbers: Sequence[float]) -> list[float]:
    """What process 0 gives: numbers, as many in each process."""
    if not are_many():
        return list(numbers)
    # Floats of 64 bits as pairs of 32: JAX would round them.
    words = np.array(numbers, np.float64).view(np.uint32)
    return np.asarray(multihost_utils.broadcast_one_to_all(words)).view(np.float64).tolist()


def bytes_from_first(data: bytes) -> bytes:
    """What process 0 gives: bytes, of any length."""
    if not are_many():
        return data
    (size,) = from_first([len(data)])
    buffer = np.zeros(int(size), np.uint8)
    if is_first():
        buffer[:] = np.frombuffer(data, np.uint8)
    return np.asarray(multihost_utils.broadcast_one_to_all(buffer)).tobytes()


def from_each(numbers: Sequence[int]) -> np.ndarray:
    """What each process gives: (processes, numbers), of 31 bits."""
    if not are_many():
        return np.array([numbers])
    return np.asarray(multihost_utils.process_allgather(np.array(numbers, np.int32)))


@contextlib.contextmanager
def first_writes(path: Any) -> Iterator[bool]:
    """A block in which process 0 writes a file; the others end it when the file is there.

    Yields:
        Whether this process is to write.

    Raises:
        OSError: in the other processes, where process 0 could not write it.
    """
    if not are_many():
        yield True
        return
    done = False
    try:
        yield is_first()
        done = True
    finally:
        (is_written,) = from_first([done])
    if not is_written:
        raise OSError(f"Process 0 could not write {str(path)!r}; see its error.")


def check_same(parts: dict[str, Any], advice: str) -> None:
    """Refuse to go on where processes differ.

    Args:
        parts: name -> arrays or texts, as a list, that must be equal in all processes.
        advice: what to do about it.

    Raises:
        RuntimeError: it names the first part that differs, and the processes; in all of them.
    """
    if not are_many():
        return
    found = from_each([_digest(part) for part in parts.values()])
    for name, column in zip(parts, found.T, strict=True):
        others = np.flatnonzero(column != column[0]).tolist()
        if others:
            raise RuntimeError(f"{name} differ between process 0 and processes {others}. {advice}")


def _digest(part: Any) -> int:
    digest = hashlib.blake2b(digest_size=4)
    for item in part:
        digest.update(item.encode() if isinstance(item, str) else np.ascontiguousarray(item).tobytes())
    return int.from_bytes(digest.digest(), "big") >> 1
