"""Files and folders that are written whole or not at all.

A program can be interrupted while it writes, a disk can be full, another program can write to the same path: whoever
reads must then find the old contents or the new ones, and whole. Each writer has a partial file of its own, locked as
long as the writer lives; what a writer that was killed has left is not locked, and is removed by the next one.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import glob
import os
import pathlib
import shutil
import stat
import uuid
from collections.abc import Callable, Collection, Iterator
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed: that is its lock
    fcntl = None  # type: ignore[assignment]

_PARTIAL, _OLD = ".partial", ".old"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of linux/fcntl.h, linux/fs.h
_NO_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` when the block ends without an error.

    It is written next to the target, fsynced, then renamed: whoever opens `path` finds the old contents or the new
    ones, never a part. After an error the old file is as it was and the partial one is gone. A file that is replaced
    keeps its mode, and its owner and group where the system allows that; a new one gets the mode that the umask gives.
    Symbolic links are followed. Other hard links to the old file keep the old contents.

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
    target = _target(path)
    if target.is_dir():
        raise IsADirectoryError(f"Cannot write {str(path)!r}: it is a folder. Give the path of a file.")
    remove_partial(target)
    before = status(target)
    partial = _beside(target, _PARTIAL)
    try:
        with created(partial, private=before is not None) as file:
            if before is not None:
                take_rights(partial, before)
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:
                os.replace(partial, target)  # still locked, so that nobody takes it for what a dead writer left
        if fcntl is None:
            os.replace(partial, target)
    except BaseException:  # an interrupt too
        partial.unlink(missing_ok=True)
        raise
    sync(target.parent)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str], replaceable: Collection[str]) -> Iterator[pathlib.Path]:
    """A new folder that takes the place of `path` when the block ends without an error.

    It is filled next to the target, fsynced, then exchanged with the folder that is there, in one step where the system
    has one (`renameat2` of Linux). Elsewhere that folder is renamed first, to a name that ends in ".old", and
    `folder_at` finds it there after a kill between the two steps. Modes are kept as by `atomic_write`.

    Args:
        path: where the folder should be in the end; the one that it is in must exist.
        replaceable: what a folder that is there may hold.

    Yields:
        The path of the partial folder, to write files into.

    Raises:
        FileNotFoundError: the folder around does not exist.
        FileExistsError: there is a file at `path`, or a folder that holds something else.
    """
    target = _target(path)
    before = status(target)
    if before is not None and not stat.S_ISDIR(before.st_mode):
        raise FileExistsError(f"Cannot write {str(path)!r} as a folder: there is a file.")
    if others := sorted(_names_in(target) - set(replaceable)):
        raise FileExistsError(
            f"Cannot write {str(path)!r}: the folder there holds {others[:9]}, which would be lost. Give another path, "
            "or remove them."
        )
    remove_partial(target)
    partial = _beside(target, _PARTIAL)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_created_folder(partial, private=before is not None))
            yield partial
            for item in [*partial.rglob("*"), partial]:
                sync(item)
                if (before := status(folder_at(target) / item.relative_to(partial))) is not None:
                    take_rights(item, before)
            _put_in_place(partial, target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    sync(target.parent)
    shutil.rmtree(partial, ignore_errors=True)  # what was exchanged
    remove_partial(target)


def folder_at(path: str | os.PathLike[str]) -> pathlib.Path:
    """Where the folder of a path is: there, or where a save that was killed while it replaced it has moved it to."""
    target = pathlib.Path(os.path.realpath(os.fsdecode(path)))
    if target.exists():
        return target
    moved = [(last.st_mtime_ns, found) for found in _left_of(target, _OLD) if (last := status(found)) is not None]
    return max(moved, default=(0, target))[1]


def remove_partial(path: str | os.PathLike[str]) -> None:
    """Remove the partial files and folders that writers of `path` have left when they were killed.

    Those of writers that live, in this process or another, stay.
    """
    target = pathlib.Path(os.path.realpath(os.fsdecode(path)))
    for partial in _left_of(target, _PARTIAL):
        remove_unlocked(partial)
    if target.exists():
        for old in _left_of(target, _OLD):
            shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def created(path: pathlib.Path, private: bool = False) -> Iterator[BinaryIO]:
    """A new file, open for writing and reading, that `remove_unlocked` leaves as long as it is open.

    Args:
        path: where there is no file yet.
        private: whether nobody else may read it, whatever the umask says.
    """
    while True:
        with open(path, "x+b", opener=lambda name, flags: os.open(name, flags, 0o600 if private else 0o666)) as file:
            _lock(file.fileno())
            if _is_at(path, file.fileno()):  # else it was taken for a dead writer's before it was locked
                yield file
                return


def remove_unlocked(path: pathlib.Path, is_needed: Callable[[], bool] = lambda: False) -> None:
    """Remove a file or folder, unless its writer is still at work.

    Args:
        path: what to remove.
        is_needed: asked once the lock is there; whether it should stay.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # gone, not ours to read, or a folder on Windows
        return
    try:
        if not _lock(handle, wait=False) or not _is_at(path, handle) or is_needed():
            return
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):  # what cannot be cleaned up is no reason not to save
                path.unlink()
    finally:
        os.close(handle)


def sync(path: pathlib.Path) -> None:
    """Fsync a file, or the names in a folder; folders where the system has a way to ask for it."""
    if path.is_dir() and os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _target(path: str | os.PathLike[str]) -> pathlib.Path:
    """What is written in the end: a link stays a link, and what it points to is replaced."""
    target = pathlib.Path(os.path.realpath(os.fsdecode(path)))
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"Cannot write {str(path)!r}: there is no folder {str(target.parent)!r}. Make it first."
        )
    return target


def _beside(target: pathlib.Path, ending: str) -> pathlib.Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex}{ending}")


def _left_of(target: pathlib.Path, ending: str) -> Iterator[pathlib.Path]:
    return target.parent.glob(f".{glob.escape(target.name)}.{'[0-9a-f]' * 32}{ending}")


def _names_in(folder: pathlib.Path) -> set[str]:
    try:
        return set(os.listdir(folder))
    except FileNotFoundError:
        return set()


def status(path: pathlib.Path) -> os.stat_result | None:
    """Owner, group and mode of a file, for `take_rights`; None if there is none."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def take_rights(path: pathlib.Path, before: os.stat_result) -> None:
    """Give a new file the owner, group and mode of another; the group's rights only where it is the same group."""
    mode = before.st_mode & 0o777
    if os.name == "posix":
        for owner in ((before.st_uid, -1), (-1, before.st_gid)):
            with contextlib.suppress(PermissionError):  # only root gives files away
                os.chown(path, *owner)
        if os.stat(path).st_gid != before.st_gid:
            mode &= ~0o070 | (mode & 0o007) << 3
    os.chmod(path, mode)


def _lock(handle: int, wait: bool = True) -> bool:
    """Lock an open file or folder; False if another has it, or if the file system has no locks."""
    if fcntl is None:
        return not wait
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _created_folder(path: pathlib.Path, private: bool) -> Iterator[None]:
    """A new folder that `remove_unlocked` leaves until the block ends; see `created`."""
    while True:
        path.mkdir(mode=0o700 if private else 0o777)
        if fcntl is None:
            yield
            return
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            _lock(handle)
            if _is_at(path, handle):
                yield
                return
        finally:
            os.close(handle)


def _is_at(path: pathlib.Path, handle: int) -> bool:
    """Whether an open file or folder still has its name: it was not removed, and nothing else made there since."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _put_in_place(partial: pathlib.Path, target: pathlib.Path) -> None:
    """Give a folder the name of another, which is at `partial` afterwards, or removed."""
    while not _exchanged(partial, target):
        old = _beside(target, _OLD)
        with contextlib.suppress(FileNotFoundError):  # the first one
            os.rename(target, old)
        try:
            os.rename(partial, target)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # another writer was faster: replace its folder
                continue
            if old.is_dir():
                os.rename(old, target)
            raise
        return


def _exchanged(one: pathlib.Path, other: pathlib.Path) -> bool:
    """Exchange two folders in one step; False where there is no such step, or no other folder."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # not Linux
        return False
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE):
        code = ctypes.get_errno()
        if code in _NO_EXCHANGE or code == errno.ENOENT:
            return False
        raise OSError(code, os.strerror(code), os.fspath(one), None, os.fspath(other))
    return True
