"""Plain data with arrays in it, in one file: an `.npz` of the arrays and one JSON text.

Nothing that such a file holds is ever run, so a file from elsewhere can at worst be refused.
The numbers that come back are those that were written, bit for bit.
"""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
import zlib
from typing import Any

import jax
import numpy as np

from minidl.saving.files import atomic_write

_TEXT = "json"  # the name of the text among the arrays
# What reading from memory raises if the bytes are not right, by the layers that it goes through.
_DAMAGE = (
    *(ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError, EOFError, OSError),
    *(struct.error, zlib.error, zipfile.BadZipFile),
)
_MARK = "__array__"  # what stands in the text for an array: {"__array__": [name, dtype, shape]}


def write_state(path: str | os.PathLike[str], data: Any) -> None:
    """Write dicts, lists, tuples (which come back as lists), arrays, numbers, texts, booleans and None.

    Args:
        path: the file; the one before stays until the new one is complete.
        data: what to write.

    Raises:
        TypeError: something else in the data; the message says where.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_state(folder + "/state.npz", {"epoch": 3, "weights": [np.arange(3)]})
    ...     read_state(folder + "/state.npz")
    {'epoch': 3, 'weights': [array([0, 1, 2])]}
    """
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_to_json(data, arrays, "state"))
    arrays[_TEXT] = np.frombuffer(text.encode(), np.uint8)
    with atomic_write(path) as file:
        np.savez(file, allow_pickle=False, **arrays)  # type: ignore[arg-type]


def read_state(path: str | os.PathLike[str]) -> Any:
    """Read what `write_state` wrote.

    Its parts are stored without compression, so reading takes no more memory than the file is large.

    Raises:
        ValueError: the file is damaged, or another kind of file.
        OSError: it cannot be opened.
    """
    with open(path, "rb") as file:
        memory = io.BytesIO(file.read())
    try:
        with zipfile.ZipFile(memory) as parts:
            if any(part.compress_type != zipfile.ZIP_STORED for part in parts.infolist()):
                raise ValueError("its parts are compressed, which minidl never does")
            if sum(part.file_size for part in parts.infolist()) > memory.getbuffer().nbytes:
                raise ValueError("its parts claim to be larger than the file")
        with np.load(memory, allow_pickle=False) as archive:
            arrays = dict(archive)  # reading all compares every part with its checksum
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or array.ndim != 1:
                raise ValueError(f"its part {name!r} is no array of bytes")
        return _from_json(json.loads(arrays[_TEXT].tobytes()), arrays)
    except _DAMAGE as error:
        raise ValueError(f"{os.fspath(path)!r} is damaged or was not written by minidl: {error}") from error


def _to_json(value: Any, arrays: dict[str, np.ndarray], where: str) -> Any:
    """The value with marks in place of arrays, which are collected."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return _to_json(value.item(), arrays, where)
    if isinstance(value, (list, tuple)):
        return [_to_json(item, arrays, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value) and _MARK not in value:
        return {key: _to_json(item, arrays, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, (np.ndarray, jax.Array)):
        return {_MARK: _add_array(np.asarray(value), arrays, where)}
    raise TypeError(
        f"{where} is {value!r}, which cannot be written. Keep numbers, texts, None, arrays, lists of them, and dicts "
        "whose keys are texts."
    )


def _add_array(array: np.ndarray, arrays: dict[str, np.ndarray], where: str) -> list[Any]:
    if array.dtype.hasobject or array.dtype.names:
        raise TypeError(f"{where} is an array of {array.dtype}; only arrays of numbers or texts can be written.")
    name = f"array_{len(arrays)}"
    # As bytes, since NumPy's format has no name for bfloat16 and its like.
    arrays[name] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return [name, array.dtype.str if array.dtype.kind != "V" else array.dtype.name, list(array.shape)]


def _from_json(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_from_json(item, arrays) for item in value]
    if isinstance(value, dict):
        if _MARK in value:
            name, dtype, shape = value[_MARK]
            return arrays[name].view(np.dtype(dtype)).reshape(shape)
        return {key: _from_json(item, arrays) for key, item in value.items()}
    return value
