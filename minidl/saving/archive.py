""".keras files: a zip archive of the model's config as JSON and its weights as HDF5.

Three members have fixed names; the others, under "assets/", are the assets of layers (assets.py). The size of each
member is bounded before it is read, and no path in the archive can lead out of its folder.
"""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import mmap
import os
import pathlib
import posixpath
import stat
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any, BinaryIO

from minidl._version import __version__
from minidl.saving.assets import FOLDER
from minidl.saving.checksum import Contents, in_memory
from minidl.saving.errors import LoadError, LoadTypeError, MissingFileError
from minidl.saving.files import atomic_write
from minidl.saving.hdf5 import H5Reader

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
Put = Callable[[pathlib.Path, pathlib.PurePosixPath], None]  # (a file, its path in the archive or folder of the model)
FORMAT = "3.15.1"  # the version of Keras whose format this is
MAX_CONFIG_SIZE = 64 * 2**20  # bytes of a config
_NAME_SIZE_OFFSET = 26  # offset in a member's local header of the sizes of its name and its extra field
_MAX_CONFIG_GROWTH = 100  # maximum size of a config as a multiple of its compressed size, plus 1 MiB
_MAX_VALUES = 200_000  # maximum number of values in a config, plus one for each compressed byte
_MAX_MESSAGE_LENGTH = 10_000  # characters of an error message, which may quote the file
_MAX_GROWTH = 20  # maximum size of weights or assets as a multiple of the archive: other programs may compress them


def write_archive(
    path: str | os.PathLike[str],
    config: dict[str, Any],
    write_weights: Callable[[IO[bytes]], None],
    write_assets: Callable[[Put], None],
) -> None:
    """Write a `.keras` file atomically.

    The weights are written to a temporary file first, so that they are in memory only once.

    Args:
        path: the path of the file.
        config: the model's config as plain data.
        write_weights: called with a binary file, into which it writes HDF5.
        write_assets: called with a function, which it calls with each asset file and its path.
    """
    texts = model_texts(config)  # fails before a file is created
    with atomic_write(path) as file:
        with tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(path))) as weights:
            write_weights(weights)
            weights.flush()
            with mmap.mmap(weights.fileno(), 0, access=mmap.ACCESS_READ) as data:
                _pack(file, texts, data, write_assets)


def archive_bytes(config: dict[str, Any], weights: memoryview, write_assets: Callable[[Put], None]) -> bytes:
    """The bytes of a `.keras` file; see `write_archive`."""
    file = io.BytesIO()
    _pack(file, model_texts(config), weights, write_assets)
    return file.getvalue()


def _pack(file: IO[bytes], texts: dict[str, str], weights: Any, write_assets: Callable[[Put], None]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
        archive.writestr(WEIGHTS, weights)
        write_assets(archive.write)


def model_texts(config: dict[str, Any]) -> dict[str, str]:
    """The JSON members of a model's file, by name."""
    date = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = {"keras_version": FORMAT, "minidl_version": __version__, "date_saved": date}
    return {METADATA: json.dumps(metadata), CONFIG: json.dumps(config)}


def read_archive(path: str | os.PathLike[str], with_config: bool = True) -> tuple[Any, H5Reader, dict[str, bytes]]:
    """The config, the HDF5 file and the assets (by their paths in "assets/") in a `.keras` file.

    Args:
        path: the path of the file.
        with_config: whether to read the config and the assets; if not, they are None and empty.

    Raises:
        LoadError: the file does not exist, or is not what `write_archive` or Keras writes.
        OSError: the file cannot be opened.
    """
    with opened(path) as file, reading(path):
        return unpacked(file, with_config)


def unpacked(file: IO[bytes], with_config: bool = True) -> tuple[Any, H5Reader, dict[str, bytes]]:
    """See `read_archive`."""
    size = file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        fixed = [name for name in names if not name.startswith(f"{FOLDER}/")]
        if sorted(fixed) != sorted({CONFIG, METADATA, WEIGHTS}) or len(set(names)) != len(names):
            raise LoadError(f"expected the members {METADATA}, {CONFIG} and {WEIGHTS} once each, got {names[:9]}")
        if any(stat.S_ISLNK(member.external_attr >> 16) or member.flag_bits & 1 for member in members):
            raise LoadError("one of its members is a link, or encrypted")
        config = _config(archive) if with_config else None
        assets = _assets(archive, size * _MAX_GROWTH) if with_config else {}
        return config, H5Reader(_weights(file, archive, size * _MAX_GROWTH)), assets


def _config(archive: zipfile.ZipFile) -> Any:
    """The config of an archive, limited in proportion to its compressed size."""
    stored = archive.getinfo(CONFIG).compress_size
    text = _member(archive, CONFIG, min(MAX_CONFIG_SIZE, 2**20 + _MAX_CONFIG_GROWTH * stored))
    if sum(map(text.count, (b",", b"[", b"{"))) > _MAX_VALUES + stored:
        raise LoadError(f"{CONFIG} has too many values for its {stored} compressed bytes")
    return parse(text)


def parse(text: str | bytes) -> Any:
    """The data of a JSON string.

    Raises:
        LoadError: it is invalid, too long, or nested too deeply.
    """
    if len(text) > MAX_CONFIG_SIZE:
        raise LoadError(f"a config of {len(text)} bytes is too long, more than {MAX_CONFIG_SIZE}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LoadError(f"the config is invalid JSON, or nested too deeply: {error}") from error


@contextlib.contextmanager
def reading(source: Any) -> Iterator[None]:
    """Convert any exception of the block, which loads a file or config, to a `LoadError`.

    Args:
        source: the file or config, for the message.
    """
    try:
        yield
    except LoadError as error:
        raise type(error)(f"{source}: {_cut(error)}") from error
    except TypeError as error:
        raise LoadTypeError(
            f"{source} could not be loaded: {type(error).__name__}: {_cut(error)}\nIn custom classes, "
            "from_config() must deserialize the objects that get_config() returned."
        ) from error
    except (Exception, RecursionError) as error:
        raise LoadError(f"{source} could not be loaded: {type(error).__name__}: {_cut(error)}") from error


def _cut(error: BaseException) -> str:
    """The message of an error; the middle of a long one is omitted."""
    text = str(error)
    if len(text) <= _MAX_MESSAGE_LENGTH:
        return text
    half = _MAX_MESSAGE_LENGTH // 2
    return f"{text[:half]} [... {len(text) - 2 * half} characters ...] {text[-half:]}"


def opened(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading.

    Raises:
        MissingFileError: the file does not exist.
        OSError: the file cannot be opened.
    """
    try:
        return open(path, "rb")
    except FileNotFoundError as error:
        raise MissingFileError(
            f"There is no file {os.fspath(path)!r}. The current folder is {os.getcwd()!r}."
        ) from error


def _assets(archive: zipfile.ZipFile, limit: int) -> dict[str, bytes]:
    """The files in the folder of assets, by their paths in it.

    Raises:
        LoadError: they are too large, or a path leads out of the folder.
    """
    members = [member for member in archive.infolist() if member.filename.startswith(f"{FOLDER}/")]
    if (size := sum(member.file_size for member in members)) > limit:
        raise LoadError(f"{FOLDER} has {size} bytes, more than the limit of {limit}")
    assets = {}
    for name in (member.filename for member in members if not member.is_dir()):
        if posixpath.normpath(name) != name or ".." in name.split("/") or "\\" in name or ":" in name:
            raise LoadError(f"{name!r} is not a valid path of a file in {FOLDER}")
        assets[name.removeprefix(f"{FOLDER}/")] = _contents(archive, name)
    return assets


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """A member of the archive, verified by its checksum.

    Raises:
        LoadError: its size is larger than the limit.
    """
    if archive.getinfo(name).file_size > limit:
        raise LoadError(f"{name} has {archive.getinfo(name).file_size} bytes, more than the limit of {limit}")
    return _contents(archive, name)


def _weights(file: IO[bytes], archive: zipfile.ZipFile, limit: int) -> Contents:
    """The HDF5 file, at its place in the archive, so that arrays are read directly; decompressed if necessary."""
    info = archive.getinfo(WEIGHTS)
    if info.compress_type != zipfile.ZIP_STORED:
        return in_memory(_member(archive, WEIGHTS, limit))
    archive.open(WEIGHTS).close()  # checks that its two headers agree
    file.seek(info.header_offset + _NAME_SIZE_OFFSET)
    start = info.header_offset + _NAME_SIZE_OFFSET + 4 + sum(struct.unpack("<HH", file.read(4)))
    if info.file_size != info.compress_size or start + info.file_size > file.seek(0, io.SEEK_END):
        raise LoadError(f"it is truncated: {WEIGHTS} should have {info.file_size} bytes")
    return Contents(file, start, info.file_size, info.CRC)


def _contents(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member of the archive; unlike `archive.read`, it never decompresses more than the declared size."""
    with archive.open(name) as part:
        return part.read(archive.getinfo(name).file_size + 1)
