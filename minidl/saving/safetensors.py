"""Weights as safetensors, a flat file of named arrays that many libraries read: `pip install minidl[safetensors]`."""

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
from minidl.saving.weights import described, holds

_CHECKSUM = "minidl_crc32"  # in the metadata


def save_safetensors(model: Any, filepath: str | os.PathLike[str], metadata: dict[str, str] | None = None) -> None:
    """Write the weights of a model, each under its variable's path.

    Args:
        model: a model that is built.
        filepath: where to; the file that was there stands until the new one is complete.
        metadata: texts to write beside the weights.

    Raises:
        ValueError: a model that is not built, or two weights of one path.

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
    """Set the weights of a model from a file; all of them, or after an error none.

    Args:
        model: a model that is built, with the paths of weights that the file names.
        filepath: the file.

    Raises:
        LoadError: the file is damaged, or the weights do not fit; all that do not are named.
        OSError: it cannot be opened.
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
            raise LoadError("it is damaged: its weights do not have the checksum that was written with them")
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
            raise LoadError("The weights do not fit, and none were loaded:\n  " + "\n  ".join(sorted(problems)))
        for path, weight in weights.items():
            weight.assign(arrays[path])


def _checksum(arrays: dict[str, np.ndarray]) -> str:
    """The CRC-32 of names, dtypes, shapes and values."""
    value = 0
    for path in sorted(arrays):
        array = np.ascontiguousarray(arrays[path])
        value = zlib.crc32(f"{path} {array.dtype} {arrays[path].shape}".encode(), value)
        value = zlib.crc32(array.tobytes(), value)
    return f"{value:08x}"


def _by_path(model: Any) -> dict[str, Any]:
    if not model.built:
        raise ValueError(f"{model.name!r} is not built, so it has no weights yet: call it on some data, or build it.")
    weights = {weight.path: weight for weight in model.weights}
    if len(weights) != len(model.weights):
        paths = [weight.path for weight in model.weights]
        twice = sorted({path for path in paths if paths.count(path) > 1})
        raise ValueError(
            f"{model.name!r} has several weights of one path: {twice}. Give their layers names of their own."
        )
    return weights
