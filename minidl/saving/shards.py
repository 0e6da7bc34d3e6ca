"""Sharded weights: several files of a limited size, in Keras's format.

`name.weights.json`, the index, lists the files (shards) of each group in the same folder:
{"metadata": {"total_size": bytes}, "weight_map": {"/layers/dense/vars": file, or list of files}}.

Each save writes shards with new names, `name_<token>_00000.weights.h5`, ..., then replaces the index, then removes the
files that the index no longer names. So the index names a complete set at all times. Keras opens
`name_00000.weights.h5` before it reads the index, so an empty file of that name is written.
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

from minidl.saving.archive import MAX_CONFIG_SIZE, opened, parse
from minidl.saving.checksum import append_checksum, checked_contents
from minidl.saving.errors import LoadError, MissingFileError
from minidl.saving.files import atomic_write, copy_permissions, created, remove_unlocked, status, sync
from minidl.saving.hdf5 import Declared, H5Reader, write_hdf5

ENDING = ".weights.json"
_SHARD_ENDING = ".weights.h5"
_MAX_TRIES = 100  # reads of a set that is being replaced

_Groups = Mapping[str, Mapping[str, np.ndarray]]


def write_shards(path: str | os.PathLike[str], groups: _Groups, names: Mapping[str, str], most: float) -> None:
    """Write arrays into as many files as necessary; an existing set is replaced once the new one is complete.

    Args:
        path: the path of the index.
        groups: see `write_hdf5`.
        names: see `write_hdf5`.
        most: the maximum number of bytes of arrays in a file.

    Raises:
        ValueError: an array is larger.
    """
    target = pathlib.Path(os.path.realpath(path))
    shards = _divided(groups, most)
    base, token = target.name.removesuffix(ENDING), uuid.uuid4().hex
    files = [target.with_name(f"{base}_{token}_{number:05}{_SHARD_ENDING}") for number in range(len(shards))]
    first = target.with_name(f"{base}_00000{_SHARD_ENDING}")
    places: dict[str, list[str]] = {}
    for file, shard in zip(files, shards):
        for group in shard:
            places.setdefault(f"/{group}", []).append(file.name)
    config = {
        "metadata": {"total_size": sum(array.nbytes for arrays in groups.values() for array in arrays.values())},
        "weight_map": {group: found[0] if len(found) == 1 else found for group, found in places.items()},
    }
    replaced, before = _named(target), status(target)
    with contextlib.ExitStack() as stack:  # the files stay open, and thus locked, until the index names them
        try:
            for file, shard in zip(files, shards):
                stream = stack.enter_context(created(file, private=before is not None))
                if before is not None:
                    copy_permissions(file, before)
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
            if not _named(target) & {file.name for file in files}:  # else the index was replaced before the failure
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
    """The files that an index names; empty if it is missing or damaged."""
    try:
        return {name for found in _places(path).values() for name in found}
    except LoadError:
        return set()


def _remove_unnamed(target: pathlib.Path, base: str, replaced: set[str]) -> None:
    """Remove the shards of earlier saves and of saves that were killed, but not those of running saves."""
    own = re.compile(re.escape(base) + r"_(?P<token>[0-9a-f]{32}_)?\d{5}" + re.escape(_SHARD_ENDING))
    for item in target.parent.iterdir():
        found = own.fullmatch(item.name)
        if found and (found["token"] or item.name in replaced):
            remove_unlocked(item, lambda name=item.name: name in _named(target))  # type: ignore[misc]


def _divided(groups: _Groups, most: float) -> list[dict[str, dict[str, np.ndarray]]]:
    """The arrays in order, divided into shards of at most `most` bytes."""
    shards: list[dict[str, dict[str, np.ndarray]]] = [{}]
    left = most
    for group, arrays in groups.items():
        for key, array in arrays.items():
            if array.nbytes > most:
                raise ValueError(
                    f"{group}/{key} has {array.nbytes} bytes, more than the {most:.0f} of max_shard_size. It must be "
                    f"at least {array.nbytes / 2**30:.3g} (in units of 2**30 bytes)."
                )
            if array.nbytes > left:
                shards.append({})
                left = most
            left -= array.nbytes
            shards[-1].setdefault(group, {})[key] = array
    return shards


class ShardReader:
    """The arrays of all the files that an index names, with the interface of `H5Reader`.

    Raises:
        LoadError: damage, a name that leads out of the folder, or arrays in other files than the index says.
        OSError: a file cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]):
        for _ in range(_MAX_TRIES):
            places = _places(path)
            try:
                self._open(path, places)
                return
            except MissingFileError:
                if _places(path) == places:
                    raise
        raise LoadError(f"it was replaced {_MAX_TRIES} times while it was read")

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
                    raise LoadError(f"{array} is in {name}, but the index does not list it there")
                self.arrays[array] = declared
                self._readers[array] = reader

    def read(self, path: str) -> np.ndarray:
        """The array at a path."""
        return self._readers[path].read(path)


def _places(path: str | os.PathLike[str]) -> dict[str, list[str]]:
    """The files of each group."""
    with opened(path) as file:
        config: Any = parse(file.read(MAX_CONFIG_SIZE + 1))
    if not isinstance(config, dict) or not isinstance(config.get("weight_map"), dict):
        raise LoadError("it has no 'weight_map', which lists the files of each group")
    places = {group: [found] if isinstance(found, str) else found for group, found in config["weight_map"].items()}
    for name in _all_names(places):
        if not isinstance(name, str) or not name.endswith(_SHARD_ENDING) or {"/", "\\", ":", "\0"} & set(name):
            raise LoadError(f"{name!r} is not a file name that ends in {_SHARD_ENDING}")
    return places


def _all_names(places: Mapping[str, Any]) -> Iterator[Any]:
    for found in places.values():
        if not isinstance(found, list):
            raise LoadError(f"expected a list of file names for a group, got {found!r}")
        yield from found
