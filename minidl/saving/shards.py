"""Weights in several files of a limited size, as Keras writes them.

`name.weights.json` says what is in which of `name_00000.weights.h5`, ..., which stand beside it:
{"metadata": {"total_size": bytes}, "weight_map": {"/layers/dense/vars": file, or list of files}}.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from minidl.saving.archive import MOST_TEXT, opened, parse
from minidl.saving.errors import LoadError
from minidl.saving.files import atomic_write
from minidl.saving.hdf5 import Declared, H5Reader, write_hdf5

ENDING = ".weights.json"
_OF_SHARDS = ".weights.h5"

_Groups = Mapping[str, Mapping[str, np.ndarray]]


def write_shards(path: str | os.PathLike[str], groups: _Groups, names: Mapping[str, str], most: float) -> None:
    """Write arrays into as many files as it takes.

    All files are complete on the disk before the first takes its place, and the text that names them takes its place
    last: after a crash in between there is none, rather than one that names old files and new ones.

    Args:
        path: of the text.
        groups: see `write_hdf5`.
        names: see `write_hdf5`.
        most: bytes of arrays in a file.

    Raises:
        ValueError: an array that has more.
    """
    target = pathlib.Path(path)
    shards = _divided(groups, most)
    files = [f"{target.name.removesuffix(ENDING)}_{number:05}{_OF_SHARDS}" for number in range(len(shards))]
    places: dict[str, list[str]] = {}
    for name, shard in zip(files, shards):
        for group in shard:
            places.setdefault(f"/{group}", []).append(name)
    config = {
        "metadata": {"total_size": sum(array.nbytes for arrays in groups.values() for array in arrays.values())},
        "weight_map": {group: found[0] if len(found) == 1 else found for group, found in places.items()},
    }
    with contextlib.ExitStack() as stack:  # which is left in the reverse order
        text = stack.enter_context(atomic_write(target))
        text.write(json.dumps(config, indent=4).encode())
        for name, shard in zip(files, shards):
            file = stack.enter_context(atomic_write(target.with_name(name)))
            write_hdf5(file, shard, names)
            file.flush()
            os.fsync(file.fileno())
        target.unlink(missing_ok=True)


def _divided(groups: _Groups, most: float) -> list[dict[str, dict[str, np.ndarray]]]:
    """The arrays in their order, a new file begun where the next does not fit."""
    shards: list[dict[str, dict[str, np.ndarray]]] = [{}]
    left = most
    for group, arrays in groups.items():
        for key, array in arrays.items():
            if array.nbytes > most:
                raise ValueError(
                    f"{group}/{key} has {array.nbytes} bytes, and max_shard_size allows {most:.0f}: it must be at "
                    f"least {array.nbytes / 2**30:.3g} (in units of 2**30 bytes)."
                )
            if array.nbytes > left:
                shards.append({})
                left = most
            left -= array.nbytes
            shards[-1].setdefault(group, {})[key] = array
    return shards


class ShardReader:
    """The arrays of all the files that a text names; as `H5Reader`.

    Raises:
        LoadError: damage, a name that leads out of the folder, or arrays that the text does not have in their files.
        OSError: a file cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.arrays: dict[str, Declared] = {}
        self.names: dict[str, str] = {}
        self._readers: dict[str, H5Reader] = {}
        places = _places(path)
        for name in sorted({name for found in places.values() for name in found}):
            with opened(pathlib.Path(path).with_name(name)) as file:
                reader = H5Reader(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            self.names |= reader.names
            for array, declared in reader.arrays.items():
                group = f"/{array.rpartition('/')[0]}"
                if name not in places.get(group, ()) or array in self.arrays:
                    raise LoadError(f"{array} is in {name}, where it should not be")
                self.arrays[array] = declared
                self._readers[array] = reader

    def read(self, path: str) -> np.ndarray:
        """The array at a path."""
        return self._readers[path].read(path)


def _places(path: str | os.PathLike[str]) -> dict[str, list[str]]:
    """The files of each group."""
    with opened(path) as file:
        config: Any = parse(file.read(MOST_TEXT + 1))
    if not isinstance(config, dict) or not isinstance(config.get("weight_map"), dict):
        raise LoadError("it has no 'weight_map', which says what is in which file")
    places = {group: [found] if isinstance(found, str) else found for group, found in config["weight_map"].items()}
    for name in _all_names(places):
        if not isinstance(name, str) or not name.endswith(_OF_SHARDS) or {"/", "\\", ":", "\0"} & set(name):
            raise LoadError(f"{name!r} is no name of a file beside it that ends in {_OF_SHARDS}")
    return places


def _all_names(places: Mapping[str, Any]) -> Iterator[Any]:
    for found in places.values():
        if not isinstance(found, list):
            raise LoadError(f"the files of an array are a list of names, not {found!r}")
        yield from found
