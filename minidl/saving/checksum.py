"""A checksum at the end of an HDF5 file, verified when the file is read.

An HDF5 file stores its size, and readers (Keras, h5py) ignore any bytes after that. There minidl writes a trailer: 16
bytes that identify it, and the CRC-32 of all bytes before. A program that modifies the file through HDF5 removes the
trailer. A file without one, as Keras writes it, is read without verification. (In `.keras` files, which are zip
archives, each member has a CRC-32 already.)
"""

from __future__ import annotations

import concurrent.futures
import io
import os
import stat
import struct
import zlib
from collections.abc import Sequence
from typing import IO

import numpy as np

from minidl.core.memory import aligned_empty
from minidl.saving.errors import LoadError

_MARK = b"minidl CRC-32  \n"
_TRAILER = struct.Struct("<16sI")
_STEP = 2**24  # bytes per task of the thread that computes the checksum


def append_checksum(file: IO[bytes]) -> None:
    """Write the trailer at the end of a file.

    Args:
        file: a binary file, open for writing and reading.

    Example:
    >>> import io
    >>> file = io.BytesIO(b"numbers")
    >>> append_checksum(file)
    >>> contents = Contents(file, *checksum_of(file))
    >>> _ = contents.parts([(0, 3)])
    >>> Contents(io.BytesIO(b"letters"), 0, 7, contents.checksum).parts([(0, 3)])
    Traceback (most recent call last):
    ...
    minidl.saving.errors.LoadError: it is damaged: its checksum does not match
    """
    file.seek(0)
    value, buffer = 0, bytearray(_STEP)
    view = memoryview(buffer)
    while count := file.readinto(buffer):  # type: ignore[attr-defined]
        value = zlib.crc32(view[:count], value)
    file.write(_TRAILER.pack(_MARK, value))


def checksum_of(file: IO[bytes]) -> tuple[int, int, int | None]:
    """The start and the size of a file's contents, and the checksum in its trailer, None without a trailer."""
    size = file.seek(0, os.SEEK_END)
    if size >= _TRAILER.size:
        file.seek(size - _TRAILER.size)
        mark, value = _TRAILER.unpack(file.read(_TRAILER.size).ljust(_TRAILER.size))
        if mark == _MARK:
            return 0, size - _TRAILER.size, value
    return 0, size, None


def in_memory(data: bytes | memoryview) -> Contents:
    """The contents of a file that is in memory."""
    return Contents(io.BytesIO(data), 0, len(data))


def checked_contents(file: IO[bytes]) -> Contents:
    """The contents of a file, with the checksum of its trailer if it has one.

    Raises:
        LoadError: not a regular file.
    """
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise LoadError("it is not a regular file")
    return Contents(file, *checksum_of(file))


class Contents:
    """The bytes of an open file, or of a part of it, read on demand.

    The file is not memory-mapped: if another program truncated it, access would kill this process (SIGBUS).

    Args:
        file: a seekable binary file.
        start: the offset of the part.
        size: the number of bytes of the part.
        checksum: the CRC-32 of the part; None if unknown.
    """

    def __init__(self, file: IO[bytes], start: int, size: int, checksum: int | None = None):
        self.size = size
        self.checksum = checksum
        self._file, self._start = file, start

    def read(self, start: int, length: int) -> bytes:
        """Some bytes, which are not verified."""
        self._file.seek(self._start + start)
        data = self._file.read(length)
        self._check_read(len(data), length)
        return data

    def parts(self, spans: Sequence[tuple[int, int]]) -> list[np.ndarray]:
        """The bytes of each span `(start, stop)`, aligned for CPU devices; all contents are verified by the checksum.

        Args:
            spans: in ascending order, without overlap.

        Raises:
            LoadError: the checksum does not match, or the file was truncated.
        """
        parts = [aligned_empty((stop - start,), np.uint8) for start, stop in spans]
        if self.checksum is None:
            for part, (start, _) in zip(parts, spans):
                self._fill(part, start)
            return parts
        with _Crc32() as crc:
            at = 0
            for part, (start, stop) in zip(parts, spans):
                self._compute_between(crc, at, start)
                for offset in range(0, len(part), _STEP):
                    crc.add(self._fill(part[offset : offset + _STEP], start + offset))
                at = stop
            self._compute_between(crc, at, self.size)
            if crc.value() != self.checksum:
                raise LoadError("it is damaged: its checksum does not match")
        return parts

    def _compute_between(self, crc: _Crc32, start: int, stop: int) -> None:
        for at in range(start, stop, _STEP):
            crc.add(self._fill(np.empty(min(_STEP, stop - at), np.uint8), at))

    def _fill(self, part: np.ndarray, start: int) -> np.ndarray:
        self._file.seek(self._start + start)
        count = self._file.readinto(part)  # type: ignore[attr-defined]
        self._check_read(count, len(part))
        return part

    def _check_read(self, count: int, wanted: int) -> None:
        if count < wanted:
            raise LoadError(f"it was truncated while it was read: expected {self.size} bytes")


class _Crc32:
    """The CRC-32 of consecutive parts, computed in a thread while the next parts are read."""

    def __init__(self) -> None:
        self._waiting: list[np.ndarray] = []
        self._size = 0
        self._pool = concurrent.futures.ThreadPoolExecutor(1)  # starts its thread with the first task
        self._computing: concurrent.futures.Future[int] | None = None

    def __enter__(self) -> _Crc32:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()

    def add(self, part: np.ndarray) -> None:
        self._waiting.append(part)
        self._size += len(part)
        if self._size >= _STEP:
            waiting, before = self._waiting, self._finished()
            self._computing = self._pool.submit(_crc32, waiting, before)
            self._waiting, self._size = [], 0

    def value(self) -> int:
        return _crc32(self._waiting, self._finished())

    def _finished(self) -> int:
        return self._computing.result() if self._computing else 0


def _crc32(parts: Sequence[np.ndarray], value: int) -> int:
    for part in parts:
        value = zlib.crc32(part.data, value)
    return value
