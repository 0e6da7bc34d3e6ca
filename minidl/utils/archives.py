"""Archives, extracted whole or not at all, and never outside of their folder.

An archive is extracted into a new folder, which is renamed to its target at the end: an interruption never leaves a
part of the files there. What an archive may do to the disk is checked before the first byte is written.
"""

from __future__ import annotations

import gzip
import lzma
import os
import pathlib
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Sequence

FORMATS = ("tar", "zip")
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError)


def extract(path: str, folder: str, formats: Sequence[str] = FORMATS) -> None:
    """Extract an archive as a new folder, in the place of any older one.

    Args:
        path: the archive: tar (plain, gzip, bzip2 or xz) or zip.
        folder: where its files go.
        formats: which kinds of archive to try.

    Raises:
        ValueError: another kind of file; a damaged archive; a member that would be written outside of the folder, a
            link that points there, or a device; more bytes than the disk has room for.
    """
    parent = os.path.dirname(folder)
    temporary = tempfile.mkdtemp(prefix=os.path.basename(folder) + ".", dir=parent)
    try:
        _extract(path, temporary, formats)
        os.chmod(temporary, stat.S_IMODE(os.stat(parent).st_mode))
        if os.path.isdir(folder) and not os.path.islink(folder):
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    except _DAMAGED as error:
        raise ValueError(f"{path} cannot be extracted: {error}. Remove it, so that it is downloaded again.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # gone already where all went well


def _extract(path: str, folder: str, formats: Sequence[str]) -> None:
    if "tar" in formats and tarfile.is_tarfile(path):
        with tarfile.open(path) as tar:
            _check_room(path, folder, (member.size for member in tar))
            links: set[str] = set()
            for member in tar:
                _check_name(path, member.name, links)
                if member.issym() or member.islnk():
                    links.add(os.path.normpath(member.name))
            tar.extractall(folder, filter="data")  # PEP 706: it checks where links point, and refuses devices
            while tar.fileobj is not None and tar.fileobj.read(2**20):
                pass  # up to the checksum at the end of a compressed stream
    elif "zip" in formats and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            _check_room(path, folder, (info.file_size for info in infos))
            for info in infos:
                _check_name(path, info.filename, set())
                if stat.S_ISLNK(info.external_attr >> 16):
                    raise ValueError(f"{path}: the zip member {info.filename!r} is a link. Nothing was extracted.")
            archive.extractall(folder)
    else:
        raise ValueError(
            f"{path} is not an archive of a known format ({', '.join(formats) or 'none was allowed'}). Pass "
            "extract=False for a plain file, or check archive_format."
        )


def _check_name(path: str, name: str, links: set[str]) -> None:
    """Refuse a member outside of the folder, or below a link of the same archive, which may lead there."""
    parts = pathlib.PurePosixPath(name.replace("\\", "/"))
    drive = pathlib.PureWindowsPath(name).drive
    below = {os.path.normpath(str(parent)) for parent in parts.parents}
    if parts.is_absolute() or drive or ".." in parts.parts or below & links:
        raise ValueError(
            f"{path}: the member {name!r} would be written outside of the archive's folder. Nothing was extracted."
        )


def _check_room(path: str, folder: str, sizes: Iterable[int]) -> None:
    needed, free = sum(sizes), shutil.disk_usage(folder).free
    if needed > free:
        raise ValueError(f"{path} holds {needed:,} bytes of files, but the disk of {folder} has room for {free:,}.")
