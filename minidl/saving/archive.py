""".keras files: a zip archive of the model's config as JSON and its weights as HDF5.

Three members have known names; the others, under "assets/", are the files of layers (assets.py). Each is read into
memory only up to a bound, and nothing is written anywhere by a path that could lead out of a folder.
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
Put = Callable[[pathlib.Path, pathlib.PurePosixPath], None]  # a file, and its path in the file of the model
FORMAT = "3.15.1"  # the version of Keras whose files these are
MOST_TEXT = 64 * 2**20  # bytes of a config
_NAME_SIZES = (
    26  # bytes from the start of a part's header to the sizes of its name and of its extra field, which follow
)
_MOST_TEXT_GROWTH = 100  # times its compressed size that a config may have, and 1 MiB more
_MOST_VALUES = 200_000  # values of a config that is compressed, and one more for each byte that it takes
_LONGEST_MESSAGE = 10_000  # characters of an error: what a file holds may stand in it
_MOST_GROWTH = 20  # times the size of the archive that its weights, or its assets, may have: for those packed anew


def write_archive(
    path: str | os.PathLike[str],
    config: dict[str, Any],
    write_weights: Callable[[IO[bytes]], None],
    write_assets: Callable[[Put], None],
) -> None:
    """Write a `.keras` file, whole or not at all.

    The weights go through a file without a name beside the target, so that they never fill the memory twice.

    Args:
        path: where to.
        config: of the model, as plain data.
        write_weights: writes an HDF5 file into a file that it is given.
        write_assets: gives the files of layers, with their paths, to the function that it is given.
    """
    texts = model_texts(config)  # before there is a file
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
    """The parts of a model's file that are texts: name -> JSON."""
    date = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = {"keras_version": FORMAT, "minidl_version": __version__, "date_saved": date}
    return {METADATA: json.dumps(metadata), CONFIG: json.dumps(config)}


def read_archive(path: str | os.PathLike[str], with_config: bool = True) -> tuple[Any, H5Reader, dict[str, bytes]]:
    """The config, the HDF5 file and the assets (by their paths in "assets/") in a `.keras` file.

    Args:
        path: the file.
        with_config: whether to read the config and the assets, or give None and nothing for them.

    Raises:
        LoadError: anything else than what `write_archive`, or Keras, writes; or there is no file.
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
            raise LoadError(f"it should hold {METADATA}, {CONFIG} and {WEIGHTS} once each, and holds {names[:9]}")
        if any(stat.S_ISLNK(member.external_attr >> 16) or member.flag_bits & 1 for member in members):
            raise LoadError("a part of it is a link, or encrypted")
        config = _config(archive) if with_config else None
        assets = _assets(archive, size * _MOST_GROWTH) if with_config else {}
        return config, H5Reader(_weights(file, archive, size * _MOST_GROWTH)), assets


def _config(archive: zipfile.ZipFile) -> Any:
    """The data in the config of an archive, bounded in proportion to the bytes that it takes there."""
    stored = archive.getinfo(CONFIG).compress_size
    text = _member(archive, CONFIG, min(MOST_TEXT, 2**20 + _MOST_TEXT_GROWTH * stored))
    if sum(map(text.count, (b",", b"[", b"{"))) > _MOST_VALUES + stored:
        raise LoadError(f"{CONFIG} holds far more values than its {stored} bytes are for")
    return parse(text)


def parse(text: str | bytes) -> Any:
    """The data in a JSON text.

    Raises:
        LoadError: it is none, too long, or nested too deep.
    """
    if len(text) > MOST_TEXT:
        raise LoadError(f"a config of {len(text)} bytes is too long")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LoadError(f"the config is no JSON, or nested too deep: {error}") from error


@contextlib.contextmanager
def reading(source: Any) -> Iterator[None]:
    """The one gate of loading: whatever goes wrong inside, because of what a file or config holds, is a `LoadError`.

    Args:
        source: what is read, for the message.
    """
    try:
        yield
    except LoadError as error:
        raise type(error)(f"{source}: {_cut(error)}") from error
    except TypeError as error:
        raise LoadTypeError(
            f"{source} could not be loaded: {type(error).__name__}: {_cut(error)}\nIn classes of yours, see that "
            "objects which get_config() returns are explicitly deserialized in from_config()."
        ) from error
    except (Exception, RecursionError) as error:
        raise LoadError(f"{source} could not be loaded: {type(error).__name__}: {_cut(error)}") from error


def _cut(error: BaseException) -> str:
    """The message of an error without its middle, where it is long."""
    text = str(error)
    if len(text) <= _LONGEST_MESSAGE:
        return text
    half = _LONGEST_MESSAGE // 2
    return f"{text[:half]} [... {len(text) - 2 * half} characters ...] {text[-half:]}"


def opened(path: str | os.PathLike[str]) -> BinaryIO:
    """A file, open for reading.

    Raises:
        MissingFileError: there is none.
        OSError: it cannot be opened.
    """
    try:
        return open(path, "rb")
    except FileNotFoundError as error:
        raise MissingFileError(f"File not found: {os.fspath(path)!r}. The folder is {os.getcwd()!r}.") from error


def _assets(archive: zipfile.ZipFile, limit: int) -> dict[str, bytes]:
    """The files in the folder of assets, by their paths in it; refused if a path leads out of it."""
    members = [member for member in archive.infolist() if member.filename.startswith(f"{FOLDER}/")]
    if (size := sum(member.file_size for member in members)) > limit:
        raise LoadError(f"{FOLDER} would take {size} bytes, more than the {limit} it may")
    assets = {}
    for name in (member.filename for member in members if not member.is_dir()):
        if posixpath.normpath(name) != name or ".." in name.split("/") or "\\" in name or ":" in name:
            raise LoadError(f"{name!r} is no path of a file in {FOLDER}")
        assets[name.removeprefix(f"{FOLDER}/")] = _contents(archive, name)
    return assets


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """A part of the archive, compared with its checksum; refused if it says that it is larger than the limit."""
    if archive.getinfo(name).file_size > limit:
        raise LoadError(f"{name} would take {archive.getinfo(name).file_size} bytes, more than the {limit} it may")
    return _contents(archive, name)


def _weights(file: IO[bytes], archive: zipfile.ZipFile, limit: int) -> Contents:
    """The HDF5 file: where it lies in the archive, which is read directly into arrays, unless it is compressed."""
    info = archive.getinfo(WEIGHTS)
    if info.compress_type != zipfile.ZIP_STORED:
        return in_memory(_member(archive, WEIGHTS, limit))
    archive.open(WEIGHTS).close()  # compares its two headers
    file.seek(info.header_offset + _NAME_SIZES)
    start = info.header_offset + _NAME_SIZES + 4 + sum(struct.unpack("<HH", file.read(4)))
    if info.file_size != info.compress_size or start + info.file_size > file.seek(0, io.SEEK_END):
        raise LoadError(f"it is truncated: {WEIGHTS} should have {info.file_size} bytes")
    return Contents(file, start, info.file_size, info.CRC)


def _contents(archive: zipfile.ZipFile, name: str) -> bytes:
    """A part of the archive; never more is decompressed than its size says, which `archive.read` does."""
    with archive.open(name) as part:
        return part.read(archive.getinfo(name).file_size + 1)
