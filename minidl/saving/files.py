"""Files and folders that are written whole or not at all.

A program can be interrupted while it writes, a disk can be full: the file that was there before must
then still be there, and whole.
"""

from __future__ import annotations

import contextlib
import glob
import os
import pathlib
import shutil
import uuid
from collections.abc import Collection, Iterator
from typing import BinaryIO


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` when the block ends without an error.

    It is written beside the target, brought to the disk, then renamed: whoever opens `path` finds the
    old contents or the new ones, never a part. After an error the old file is as it was and the
    partial one is gone.

    Args:
        path: where the file should be in the end; its folder must exist.

    Yields:
        A binary file, open for writing and reading. Its `name` is the path of the partial file.

    Raises:
        FileNotFoundError: the folder does not exist.
        IsADirectoryError: there is a folder at `path`.

    Example:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "numbers.txt")
    ...     with atomic_write(path) as file:
    ...         _ = file.write(b"1 2 3")
    ...     path.read_text()
    '1 2 3'
    """
    target = pathlib.Path(os.path.realpath(path))  # a link stays a link: what it points to is replaced
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"Cannot write {str(path)!r}: there is no folder {str(target.parent)!r}. Make it first."
        )
    if target.is_dir():
        raise IsADirectoryError(f"Cannot write {str(path)!r}: it is a folder. Give the path of a file.")
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
    try:
        with open(partial, "x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except BaseException:  # an interrupt too
        partial.unlink(missing_ok=True)
        raise
    _sync(target.parent)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str], replaceable: Collection[str]) -> Iterator[pathlib.Path]:
    """A new folder that takes the place of `path` when the block ends without an error.

    It is filled beside the target, brought to the disk, then renamed. No system has a way to rename over a folder that
    is there: that one is renamed first, to a name that ends in ".old", and removed last. A program that is killed in
    between leaves both.

    Args:
        path: where the folder should be in the end; the one that it is in must exist.
        replaceable: what a folder that is there may hold.

    Yields:
        The path of the partial folder, to write files into.

    Raises:
        FileNotFoundError: the folder around does not exist.
        FileExistsError: there is a file at `path`, or a folder that holds something else.
    """
    target = pathlib.Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"Cannot write {str(path)!r}: there is no folder {str(target.parent)!r}. Make it first."
        )
    if target.exists() and not target.is_dir():
        raise FileExistsError(f"Cannot write {str(path)!r} as a folder: there is a file.")
    if target.is_dir() and (others := sorted({item.name for item in target.iterdir()} - set(replaceable))):
        raise FileExistsError(
            f"Cannot write {str(path)!r}: the folder there holds {others[:9]}, which would be lost. Give another path, "
            "or remove them."
        )
    token = uuid.uuid4().hex
    partial, old = (target.with_name(f".{target.name}.{token}.{ending}") for ending in ("partial", "old"))
    try:
        partial.mkdir()
        yield partial
        for item in [*partial.rglob("*"), partial]:
            _sync(item)
        if target.is_dir():
            os.rename(target, old)
        os.rename(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        if old.is_dir():
            os.rename(old, target)
        raise
    if old.is_dir():
        shutil.rmtree(old)
    _sync(target.parent)


def remove_partial(path: str | os.PathLike[str]) -> None:
    """Remove the partial files that writers of `path` have left when they were killed.

    Only for paths that nobody else writes at this time.
    """
    target = pathlib.Path(os.path.realpath(path))
    for partial in target.parent.glob(f".{glob.escape(target.name)}.*.partial"):
        partial.unlink()


def _sync(path: pathlib.Path) -> None:
    """Bring a file, or the names in a folder, to the disk; folders where the system has a way to ask for it."""
    if path.is_dir() and os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
