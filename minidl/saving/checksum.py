"""A checksum at the end of an HDF5 file, and files that are read with it compared.

HDF5 says where its contents end, and readers (Keras, h5py) ignore what follows. There minidl writes a trailer: 16 bytes
that say what it is, and the CRC-32 of all bytes before. A program that changes the file through HDF5 cuts the trailer
off. A file without one, as Keras writes them, is read without the comparison. (In `.keras` files, zip archives, each
part has a CRC-32 already.)
"""

from __future__ import annotations

import os
import stat
import struct
import zlib
from typing import BinaryIO

from minidl.saving.errors import LoadError

_MARK = b"minidl CRC-32  \n"
_TRAILER = struct.Struct("<16sI")
_STEP = 2**20  # bytes at a time, which stay in the processor's cache


def append_checksum(file: BinaryIO) -> None:
    """Write the trailer after what a file holds.

    Args:
        file: open for writing and reading.

    Example:
    >>> import io
    >>> file = io.BytesIO(b"numbers")
    >>> append_checksum(file)
    >>> _verify(file.getvalue())
    >>> _verify(file.getvalue().replace(b"n", b"N", 1))
    Traceback (most recent call last):
    ...
    minidl.saving.errors.LoadError: it is damaged: its bytes do not have the checksum that was written with them
    """
    file.seek(0)
    value, buffer = 0, bytearray(_STEP)
    view = memoryview(buffer)
    while count := file.readinto(buffer):  # type: ignore[attr-defined]
        value = zlib.crc32(view[:count], value)
    file.write(_TRAILER.pack(_MARK, value))


def checked_contents(file: BinaryIO) -> bytes:
    """The bytes of a file, compared with its checksum if it has one.

    They are read rather than mapped: a mapped file that another program truncates ends this process (SIGBUS).

    Raises:
        LoadError: another checksum, or not a regular file.
    """
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise LoadError("it is not a regular file")
    data = file.read(status.st_size)
    if len(data) < status.st_size:
        raise LoadError(f"it was truncated while it was read, from {status.st_size} to {len(data)} bytes")
    _verify(data)
    return data


def _verify(data: bytes) -> None:
    if len(data) < _TRAILER.size:
        return
    mark, value = _TRAILER.unpack_from(data, len(data) - _TRAILER.size)
    if mark == _MARK and zlib.crc32(memoryview(data)[: -_TRAILER.size]) != value:
        raise LoadError("it is damaged: its bytes do not have the checksum that was written with them")
