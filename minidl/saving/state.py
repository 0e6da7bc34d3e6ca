"""Plain data with arrays in one file: an `.npz` file of the arrays and a JSON string.

No code in such a file is ever run, so a file from an untrusted source can at worst be refused. Arrays and numbers are
restored bit for bit.
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

from minidl.core.typing import PyTree
from minidl.saving.files import atomic_write

_TEXT = "json"  # the name of the JSON string among the arrays
# What the libraries below raise for damaged data.
_DAMAGE = (
    *(ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError, EOFError, OSError),
    *(struct.error, zlib.error, zipfile.BadZipFile),
)
_MARK = "__array__"  # an array in the JSON string: {"__array__": [name, dtype, shape]}


def write_state(path: str | os.PathLike[str], data: PyTree) -> None:
    """Write dicts, lists, tuples (which are read as lists), arrays, numbers, strings, booleans and None.

    Args:
        path: the file; an existing one is replaced once the new one is complete.
        data: the data.

    Raises:
        TypeError: any other object in the data; the message has its path.

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
    """Read the data that `write_state` wrote.

    Nothing is compressed, so reading needs no more memory than the size of the file.

    Raises:
        ValueError: the file is damaged, or of another format.
        OSError: the file cannot be opened.
    """
    with open(path, "rb") as file:
        memory = io.BytesIO(file.read())
    try:
        with zipfile.ZipFile(memory) as parts:
            if any(part.compress_type != zipfile.ZIP_STORED for part in parts.infolist()):
                raise ValueError("its members are compressed, which minidl never does")
            if sum(part.file_size for part in parts.infolist()) > memory.getbuffer().nbytes:
                raise ValueError("the sizes of its members exceed the size of the file")
        with np.load(memory, allow_pickle=False) as archive:
            arrays = dict(archive)  # reading a member verifies its checksum
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or array.ndim != 1:
                raise ValueError(f"its member {name!r} is not an array of bytes")
        return _from_json(json.loads(arrays[_TEXT].tobytes()), arrays)
    except _DAMAGE as error:
        raise ValueError(f"{os.fspath(path)!r} is damaged or was not written by minidl: {error}") from error


def _to_json(value: Any, arrays: dict[str, np.ndarray], where: str) -> Any:
    """The value with placeholders for arrays, which are collected in `arrays`."""
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
        f"{where} is {value!r}, which cannot be saved. Use numbers, strings, None, arrays, lists of these, and dicts "
        "with string keys."
    )


def _add_array(array: np.ndarray, arrays: dict[str, np.ndarray], where: str) -> list[Any]:
    if array.dtype.hasobject or array.dtype.names:
        raise TypeError(f"{where} is an array of {array.dtype}; only arrays of numbers or strings can be saved.")
    name = f"array_{len(arrays)}"
    # As bytes, since the .npy format has no names for bfloat16 and similar dtypes.
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
