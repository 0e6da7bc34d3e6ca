"""Weights in several files of a limited size, as Keras writes them.

`name.weights.json`, the index, says what is in which file next to it:
{"metadata": {"total_size": bytes}, "weight_map": {"/layers/dense/vars": file, or list of files}}.

Each save writes files of new names, `name_<token>_00000.weights.h5`, ..., then replaces the index, then removes the
files that no index names any more. So at every moment the index names one whole set. Keras opens
`name_00000.weights.h5` before it looks into the index, so there is an empty file of that name.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from minidl.saving.archive import MOST_TEXT, opened, parse
from minidl.saving.checksum import append_checksum, checked_contents
from minidl.saving.errors import LoadError, MissingFileError
from minidl.saving.files import atomic_write, created, remove_unlocked, status, sync, take_rights
from minidl.saving.hdf5 import Declared, H5Reader, write_hdf5

ENDING = ".weights.json"
_OF_SHARDS = ".weights.h5"
_MOST_TRIES = 100  # to read a set that is replaced again and again

_Groups = Mapping[str, Mapping[str, np.ndarray]]


def write_shards(path: str | os.PathLike[str], groups: _Groups, names: Mapping[str, str], most: float) -> None:
    """Write arrays into as many files as it takes; the set that was there stands until the new one is complete.

    Args:
        path: of the index.
        groups: see `write_hdf5`.
        names: see `write_hdf5`.
        most: bytes of arrays in a file.

    Raises:
        ValueError: an array that has more.
    """
    target = pathlib.Path(os.path.realpath(path))
    shards = _divided(groups, most)
    base, token = target.name.removesuffix(ENDING), uuid.uuid4().hex
    files = [target.with_name(f"{base}_{token}_{number:05}{_OF_SHARDS}") for number in range(len(shards))]
    first = target.with_name(f"{base}_00000{_OF_SHARDS}")
    places: dict[str, list[str]] = {}
    for file, shard in zip(files, shards):
        for group in shard:
            places.setdefault(f"/{group}", []).append(file.name)
    config = {
        "metadata": {"total_size": sum(array.nbytes for arrays in groups.values() for array in arrays.values())},
        "weight_map": {group: found[0] if len(found) == 1 else found for group, found in places.items()},
    }
    replaced, before = _named(target), status(target)
    with contextlib.ExitStack() as stack:  # the files stay open, and so locked, until the index names them
        try:
            for file, shard in zip(files, shards):
                stream = stack.enter_context(created(file, private=before is not None))
                if before is not None:
                    take_rights(file, before)
                write_hdf5(stream, shard, names)
                append_checksum(stream)
                stream.flush()
                os.fsync(stream.fileno())
            sync(target.parent)
            if not first.exists():
                _write_empty(first)
            with atomic_write(target) as text:
                text.write(json.dumps(config, indent=4).encode())
        except BaseException:
            if not _named(target) & {file.name for file in files}:  # else the index was replaced before it failed
                for file in files:
                    file.unlink(missing_ok=True)
            raise
    if first.name in replaced:
        _write_empty(first)
    _remove_unnamed(target, base, replaced - {first.name})


def _write_empty(path: pathlib.Path) -> None:
    with atomic_write(path) as file:
        write_hdf5(file, {})


def _named(path: pathlib.Path) -> set[str]:
    """The files that an index names; none if it is missing or damaged."""
    try:
        return {name for found in _places(path).values() for name in found}
    except LoadError:
        return set()


def _remove_unnamed(target: pathlib.Path, base: str, replaced: set[str]) -> None:
    """Remove the files of earlier saves, and of those that were killed; no others, and none of a save at work."""
    own = re.compile(re.escape(base) + r"_(?P<token>[0-9a-f]{32}_)?\d{5}" + re.escape(_OF_SHARDS))
    for item in target.parent.iterdir():
        found = own.fullmatch(item.name)
        if found and (found["token"] or item.name in replaced):
            remove_unlocked(item, lambda name=item.name: name in _named(target))  # type: ignore[misc]


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
        for _ in range(_MOST_TRIES):
            places = _places(path)
            try:
                self._open(path, places)
                return
            except MissingFileError:
                if _places(path) == places:
                    raise
        raise LoadError(f"it was replaced {_MOST_TRIES} times while it was read")

    def _open(self, path: str | os.PathLike[str], places: Mapping[str, list[str]]) -> None:
        self.arrays: dict[str, Declared] = {}
        self.names: dict[str, str] = {}
        self._readers: dict[str, H5Reader] = {}
        for name in sorted({name for found in places.values() for name in found}):
            with opened(pathlib.Path(os.path.realpath(path)).with_name(name)) as file:
                reader = H5Reader(checked_contents(file))
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
