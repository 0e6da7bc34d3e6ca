"""Weights in safetensors files, which many libraries read: `pip install minidl[safetensors]`."""

from __future__ import annotations

import json
import os
import struct
import zlib
from typing import Any

import numpy as np

from minidl.core.functional import of_one_moment
from minidl.core.optional import needed
from minidl.saving.archive import reading
from minidl.saving.errors import LoadError
from minidl.saving.files import atomic_write
from minidl.saving.matching import described, holds

_CHECKSUM = "minidl_crc32"  # in the metadata


def save_safetensors(model: Any, filepath: str | os.PathLike[str], metadata: dict[str, str] | None = None) -> None:
    """Write the weights of a model, each under its variable's path.

    Args:
        model: a model that is built.
        filepath: the path; an existing file is replaced once the new one is complete.
        metadata: strings to store in the header of the file.

    Raises:
        ValueError: a model that is not built, or two weights with the same path.

    Example:
    >>> import tempfile, minidl
    >>> model = minidl.Sequential([minidl.layers.Input((2,)), minidl.layers.Dense(1, name="last")], name="model")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_safetensors(model, folder + "/model.safetensors")
    ...     load_safetensors(model, folder + "/model.safetensors")
    >>> [weight.path for weight in model.weights]
    ['model/last/kernel', 'model/last/bias']
    """
    save = needed("safetensors.numpy", "save_safetensors", "minidl[safetensors]").save
    weights = _by_path(model)
    with of_one_moment(list(weights.values())):
        arrays = {path: weight.numpy() for path, weight in weights.items()}
    data = save(arrays, {**(metadata or {}), _CHECKSUM: _checksum(arrays)})
    with atomic_write(filepath) as file:
        file.write(data)


def load_safetensors(model: Any, filepath: str | os.PathLike[str]) -> None:
    """Set the weights of a model from a file; after an error, none are changed.

    Args:
        model: a built model whose weights have the paths in the file.
        filepath: the path of the file.

    Raises:
        LoadError: the file is damaged, or the weights do not match; the message lists all that do not.
        OSError: the file cannot be opened.
    """
    load = needed("safetensors.numpy", "load_safetensors", "minidl[safetensors]").load
    weights = _by_path(model)
    with open(filepath, "rb") as file:
        data = file.read()
    with reading(filepath):
        arrays = load(data)
        (size,) = struct.unpack_from("<Q", data)  # the header: its length, then JSON
        stored = (json.loads(data[8 : 8 + size]).get("__metadata__") or {}).get(_CHECKSUM)
        if stored is not None and stored != _checksum(arrays):
            raise LoadError("it is damaged: the checksum of its weights does not match")
        problems = [f"{path} is not in the file" for path in weights.keys() - arrays.keys()]
        problems += [f"{path} is in the file, not in the model" for path in arrays.keys() - weights.keys()]
        for path in weights.keys() & arrays.keys():
            weight, array = weights[path], arrays[path]
            if weight.shape != array.shape or not holds(weight, array.dtype):
                problems.append(
                    f"{path} is {described(weight.shape, weight.value.dtype)} in the model and "
                    f"{described(array.shape, array.dtype)} in the file"
                )
        if problems:
            raise LoadError("The weights do not match, and none were loaded:\n  " + "\n  ".join(sorted(problems)))
        for path, weight in weights.items():
            weight.assign(arrays[path])


def _checksum(arrays: dict[str, np.ndarray]) -> str:
    """The CRC-32 of the names, dtypes, shapes and values."""
    value = 0
    for path in sorted(arrays):
        array = np.ascontiguousarray(arrays[path])
        value = zlib.crc32(f"{path} {array.dtype} {arrays[path].shape}".encode(), value)
        value = zlib.crc32(array.tobytes(), value)
    return f"{value:08x}"


def _by_path(model: Any) -> dict[str, Any]:
    if not model.built:
        raise ValueError(f"{model.name!r} is not built, so it has no weights. Build it, or call it on data, first.")
    weights = {weight.path: weight for weight in model.weights}
    if len(weights) != len(model.weights):
        paths = [weight.path for weight in model.weights]
        twice = sorted({path for path in paths if paths.count(path) > 1})
        raise ValueError(
            f"{model.name!r} has several weights with the same path: {twice}. Give their layers unique names."
        )
    return weights
