"""Atomic writes of files and folders.

A program can be interrupted while it writes, a disk can be full, another program can write to the same path: readers
must then find either the old or the new contents, and complete. Each writer has a temporary file of its own, locked
while the writer is alive; the file of a writer that was killed is not locked, and the next writer removes it.
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
import tempfile
import uuid
from collections.abc import Callable, Collection, Iterator
from typing import BinaryIO

from minidl.core import processes

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed, which serves as the lock
    fcntl = None  # type: ignore[assignment]

_PARTIAL, _OLD = ".partial", ".old"
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of linux/fcntl.h, linux/fs.h
_NO_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` when the block ends without an error.

    It is written in the same folder, fsynced, then renamed, so that readers of `path` find the old contents or the new
    ones, never a part. After an error, the old file is unchanged and the temporary one is removed. A replaced file
    keeps its mode, and its owner and group where the system permits; a new one gets the mode of the umask. Symbolic
    links are followed. Other hard links to the old file keep the old contents.

    Args:
        path: the path of the file; its folder must exist.

    Yields:
        A binary file, open for writing and reading. Its `name` is the path of the temporary file.

    Of several processes all have to come here: process 0 writes the file, and the others wait until it has.

    Raises:
        FileNotFoundError: the folder does not exist.
        IsADirectoryError: `path` is a folder.

    Example:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "numbers.txt")
    ...     with atomic_write(path) as file:
    ...         _ = file.write(b"1 2 3")
    ...     path.read_text()
    '1 2 3'
    """
    with processes.first_writes(path) as is_writer:
        with _replacing(path) if is_writer else tempfile.TemporaryFile() as file:
            yield file


@contextlib.contextmanager
def _replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    target = _target(path)
    if target.is_dir():
        raise IsADirectoryError(f"Cannot write {str(path)!r}: it is a folder, expected the path of a file.")
    remove_partial(target)
    before = status(target)
    partial = _temporary_path(target, _PARTIAL)
    try:
        with created(partial, private=before is not None) as file:
            if before is not None:
                copy_permissions(partial, before)
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:
                os.replace(partial, target)  # still locked, so that no other writer removes it
        if fcntl is None:
            os.replace(partial, target)
    except BaseException:  # also KeyboardInterrupt
        partial.unlink(missing_ok=True)
        raise
    sync(target.parent)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str], replaceable: Collection[str]) -> Iterator[pathlib.Path]:
    """A new folder that takes the place of `path` when the block ends without an error.

    It is written in the same parent folder, fsynced, then exchanged with the existing folder, atomically where the
    system can (`renameat2` of Linux). Elsewhere the existing folder is first renamed to a name that ends in ".old", and
    `folder_at` finds it there if the program is killed between the two steps. Modes are kept as by `atomic_write`.

    Args:
        path: the path of the folder; its parent must exist.
        replaceable: the names that an existing folder may contain.

    Yields:
        The path of the temporary folder, to write files into.

    Raises:
        FileNotFoundError: the parent folder does not exist.
        FileExistsError: `path` is a file, or a folder that contains anything else.
    """
    with processes.first_writes(path) as is_writer, tempfile.TemporaryDirectory() as unused:
        with _replacing_folder(path, replaceable) if is_writer else contextlib.nullcontext(unused) as folder:
            yield pathlib.Path(folder)


@contextlib.contextmanager
def _replacing_folder(path: str | os.PathLike[str], replaceable: Collection[str]) -> Iterator[pathlib.Path]:
    target = _target(path)
    before = status(target)
    if before is not None and not stat.S_ISDIR(before.st_mode):
        raise FileExistsError(f"Cannot write the folder {str(path)!r}: it is a file.")
    if others := sorted(_names_in(target) - set(replaceable)):
        raise FileExistsError(
            f"Cannot write {str(path)!r}: the existing folder contains {others[:9]}, which would be lost. Give another "
            "path, or remove them."
        )
    remove_partial(target)
    partial = _temporary_path(target, _PARTIAL)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_created_folder(partial, private=before is not None))
            yield partial
            for item in [*partial.rglob("*"), partial]:
                sync(item)
                if (before := status(folder_at(target) / item.relative_to(partial))) is not None:
                    copy_permissions(item, before)
            _replace_folder(partial, target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    sync(target.parent)
    shutil.rmtree(partial, ignore_errors=True)  # the old folder, after the exchange
    remove_partial(target)


def folder_at(path: str | os.PathLike[str]) -> pathlib.Path:
    """The folder at a path, or its renamed copy if a writer was killed while it replaced the folder."""
    target = pathlib.Path(os.path.realpath(os.fsdecode(path)))
    if target.exists():
        return target
    moved = [
        (last.st_mtime_ns, found) for found in _temporaries_of(target, _OLD) if (last := status(found)) is not None
    ]
    return max(moved, default=(0, target))[1]


def remove_partial(path: str | os.PathLike[str]) -> None:
    """Remove the temporary files and folders of writers of `path` that were killed.

    Those of running writers, in this process or another, are kept.
    """
    target = pathlib.Path(os.path.realpath(os.fsdecode(path)))
    for partial in _temporaries_of(target, _PARTIAL):
        remove_unlocked(partial)
    if target.exists():
        for old in _temporaries_of(target, _OLD):
            shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def created(path: pathlib.Path, private: bool = False) -> Iterator[BinaryIO]:
    """A new file, open for writing and reading, that `remove_unlocked` does not remove while it is open.

    Args:
        path: the path, where no file exists.
        private: whether only the owner may read it, whatever the umask is.
    """
    while True:
        with open(path, "x+b", opener=lambda name, flags: os.open(name, flags, 0o600 if private else 0o666)) as file:
            _lock(file.fileno())
            if _is_at(path, file.fileno()):  # else another writer removed it before it was locked
                yield file
                return


def remove_unlocked(path: pathlib.Path, is_needed: Callable[[], bool] = lambda: False) -> None:
    """Remove a file or folder, unless its writer is still running.

    Args:
        path: the file or folder.
        is_needed: called once it is locked; whether to keep it.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # removed, not readable, or a folder on Windows
        return
    try:
        if not _lock(handle, wait=False) or not _is_at(path, handle) or is_needed():
            return
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):  # a failed cleanup must not prevent saving
                path.unlink()
    finally:
        os.close(handle)


def sync(path: pathlib.Path) -> None:
    """Fsync a file, or a folder where the system supports it."""
    if path.is_dir() and os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _target(path: str | os.PathLike[str]) -> pathlib.Path:
    """The path to write: that of the target of a symbolic link."""
    target = pathlib.Path(os.path.realpath(os.fsdecode(path)))
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"Cannot write {str(path)!r}: the folder {str(target.parent)!r} does not exist. Create it first."
        )
    return target


def _temporary_path(target: pathlib.Path, ending: str) -> pathlib.Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex}{ending}")


def _temporaries_of(target: pathlib.Path, ending: str) -> Iterator[pathlib.Path]:
    return target.parent.glob(f".{glob.escape(target.name)}.{'[0-9a-f]' * 32}{ending}")


def _names_in(folder: pathlib.Path) -> set[str]:
    try:
        return set(os.listdir(folder))
    except FileNotFoundError:
        return set()


def status(path: pathlib.Path) -> os.stat_result | None:
    """Owner, group and mode of a file, for `copy_permissions`; None if it does not exist."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def copy_permissions(path: pathlib.Path, before: os.stat_result) -> None:
    """Give a new file the owner, group and mode of another; the group permissions only if the group is the same."""
    mode = before.st_mode & 0o777
    if os.name == "posix":
        for owner in ((before.st_uid, -1), (-1, before.st_gid)):
            with contextlib.suppress(PermissionError):  # only root may change the owner
                os.chown(path, *owner)
        if os.stat(path).st_gid != before.st_gid:
            mode &= ~0o070 | (mode & 0o007) << 3
    os.chmod(path, mode)


def _lock(handle: int, wait: bool = True) -> bool:
    """Lock an open file or folder; False if another writer holds the lock, or the file system has no locks."""
    if fcntl is None:
        return not wait
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _created_folder(path: pathlib.Path, private: bool) -> Iterator[None]:
    """A new folder that `remove_unlocked` does not remove until the block ends; see `created`."""
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
    """Whether an open file or folder is still the one at the path, neither removed nor replaced."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _replace_folder(partial: pathlib.Path, target: pathlib.Path) -> None:
    """Move a folder to the path of another one, which is at `partial` or removed afterwards."""
    while not _exchanged(partial, target):
        old = _temporary_path(target, _OLD)
        with contextlib.suppress(FileNotFoundError):  # there is no folder to replace
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
    """Exchange two folders atomically; False if the system cannot, or the second one does not exist."""
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
