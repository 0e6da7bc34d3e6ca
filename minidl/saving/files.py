"""Files that are written whole or not at all.

A program can be interrupted while it writes, a disk can be full: the file that was there before must
then still be there, and whole.
"""

from __future__ import annotations

import contextlib
import glob
import os
import pathlib
import uuid
from collections.abc import Iterator
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
    _sync_folder(target.parent)


def remove_partial(path: str | os.PathLike[str]) -> None:
    """Remove the partial files that writers of `path` have left when they were killed.

    Only for paths that nobody else writes at this time.
    """
    target = pathlib.Path(os.path.realpath(path))
    for partial in target.parent.glob(f".{glob.escape(target.name)}.*.partial"):
        partial.unlink()


def _sync_folder(folder: pathlib.Path) -> None:
    """Bring the renaming to the disk, where the system has a way to ask for it."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
