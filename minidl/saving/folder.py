"""Models as folders (`zipped=False`): the members of a `.keras` file as separate files."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Callable
from typing import IO, Any

from minidl.saving.archive import CONFIG, MAX_CONFIG_SIZE, METADATA, WEIGHTS, Put, model_texts, opened, parse, reading
from minidl.saving.assets import FOLDER
from minidl.saving.checksum import append_checksum, checked_contents
from minidl.saving.errors import LoadError
from minidl.saving.files import atomic_folder, folder_at
from minidl.saving.hdf5 import H5Reader

_PARTS = (CONFIG, METADATA, WEIGHTS, FOLDER)
_SMALL = 2**20  # bytes of a file that a file system may store without blocks
_MAX_GROWTH = 20  # maximum size of a file as a multiple of its size on disk: file systems may compress
_MAX_TRIES = 100  # reads of a folder that is being replaced


def is_model_folder(path: str | os.PathLike[str]) -> bool:
    """Whether the path is a folder that contains a model's config."""
    return (folder_at(path) / CONFIG).is_file()


def write_folder(
    path: str | os.PathLike[str],
    config: dict[str, Any],
    write_weights: Callable[[IO[bytes]], None],
    write_assets: Callable[[Put], None],
) -> None:
    """Write a model into a folder atomically; an existing folder of a model is replaced. See `write_archive`.

    Raises:
        FileExistsError: the path is a file, or a folder that contains anything but a model.
    """
    texts = model_texts(config)
    with atomic_folder(path, _PARTS) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text)
        with open(folder / WEIGHTS, "x+b") as file:
            write_weights(file)
            append_checksum(file)

        def put(file: pathlib.Path, name: pathlib.PurePosixPath) -> None:
            (folder / name.parent).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / name)

        write_assets(put)


def folder_parts(path: str | os.PathLike[str]) -> tuple[Any, H5Reader, dict[str, bytes]]:
    """The config, the HDF5 file and the assets in a folder, as in `read_archive`; other files in it are ignored.

    All are of the same save: a folder that is replaced while it is read is read again.

    Raises:
        LoadError: a file is not what `write_folder` or Keras writes.
        OSError: a file cannot be opened.
    """
    for _ in range(_MAX_TRIES):
        folder = folder_at(path)
        before = _identity(folder)
        try:
            parts = _read(folder)
        except (LoadError, OSError):
            if _identity(folder_at(path)) == before:
                raise
        else:
            if _identity(folder_at(path)) == before:
                return parts
    raise LoadError(f"{os.fspath(path)!r} was replaced {_MAX_TRIES} times while it was read")


def _identity(folder: pathlib.Path) -> tuple[int, int, int] | None:
    """Numbers that identify the folder at a path, and change when it is replaced."""
    if not folder.is_dir():
        return None
    status = folder.stat()
    return status.st_dev, status.st_ino, status.st_mtime_ns


def folder_size(path: str | os.PathLike[str]) -> int:
    """The size of the config and the weights in a folder, in bytes."""
    return sum((folder_at(path) / name).stat().st_size for name in (CONFIG, WEIGHTS))


def _read(path: pathlib.Path) -> tuple[Any, H5Reader, dict[str, bytes]]:
    config, weights, assets = (path / name for name in (CONFIG, WEIGHTS, FOLDER))
    if not (config.is_file() and weights.is_file()):
        raise LoadError(f"{os.fspath(path)!r}: expected the files {CONFIG} and {WEIGHTS}, got {os.listdir(path)[:9]}")
    if linked := [os.fspath(item) for item in (config, weights, assets) if item.is_symlink()]:
        raise LoadError(f"{linked} are symbolic links, which may lead out of the folder")
    with opened(config) as file:
        text = file.read(MAX_CONFIG_SIZE + 1)
    with opened(weights) as file, reading(path):
        return parse(text), H5Reader(checked_contents(file)), _assets(assets)


def _assets(folder: pathlib.Path) -> dict[str, bytes]:
    """The asset files, by their paths in the folder.

    Raises:
        LoadError: a symbolic link, which may lead out of the folder, or a sparse file.
    """
    found = {}
    for item in sorted(folder.rglob("*")):
        if item.is_symlink() or not (item.is_dir() or item.is_file()):
            raise LoadError(f"{item} is a symbolic link, or not a regular file")
        if item.is_file():
            status = item.stat()
            if status.st_size > _MAX_GROWTH * 512 * status.st_blocks + _SMALL:
                raise LoadError(f"{item} of {status.st_size} bytes is a sparse file")
            found[item.relative_to(folder).as_posix()] = item.read_bytes()
    return found
