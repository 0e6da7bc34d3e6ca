"""`get_file`: a file of the net in the cache folder that Keras uses, downloaded where it is not there yet."""

from __future__ import annotations

import hashlib
import os
import pathlib
import tempfile
import urllib.parse
from collections.abc import Sequence

from minidl.core import messages

Path = str | os.PathLike[str]


def get_file(
    fname: Path | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: Path = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | Sequence[str] | None = "auto",
    cache_dir: Path | None = None,
    force_download: bool = False,
) -> str:
    """The path of a file, which is downloaded if the cache folder does not hold it.

    A download is atomic: the file appears under its name when it is complete and its hash is right. A broken
    connection is continued, and with a hash so is the download of an interrupted program. Archives are extracted once,
    and never outside of their folder.

    Args:
        fname: the name of the file in the cache; by default the last part of `origin`. With `extract`, a name without a
            dot names the folder of the archive's files.
        origin: the URL: https, http, ftp or file.
        untar: `extract` for tar alone (the older argument).
        md5_hash: `file_hash` with MD5 (the older argument).
        file_hash: the expected hash in hexadecimal digits; a file with another one is downloaded again, or refused.
        cache_subdir: folder within the cache, or an absolute path.
        hash_algorithm: "sha256", "md5", or "auto" by the length of the hash.
        extract: whether to extract a tar or zip archive, and return the folder of its files.
        archive_format: "tar", "zip", a list of them, or "auto" for both.
        cache_dir: the cache folder; by default `KERAS_HOME` of the environment or `~/.keras`.
        force_download: whether to download it in any case.

    Returns:
        The path of the file, or of the folder of an archive's files: as Keras has it, `fname` up to its dot and
        "_extracted", `fname` if it has no dot, or without `fname` the name in `origin`.

    Raises:
        ValueError: no origin, a name with a folder in it, the wrong hash, or an invalid archive.
        OSError: the file cannot be downloaded; the message says where to put it.

    Example:
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "origin.txt").write_text("hello")
    >>> path = get_file("copy.txt", (folder / "origin.txt").as_uri(), cache_dir=folder)  # doctest: +ELLIPSIS
    Downloading ...
    >>> pathlib.Path(path).read_text()
    'hello'
    """
    if origin is None:
        raise ValueError("get_file: origin, the URL of the file, is missing.")
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    name = os.fspath(fname) if fname else ""
    folder = _writable_folder(cache_dir, cache_subdir)
    target, extracted = _places(folder, _checked_name(name or _name_in(origin)), bool(name), extract or untar)
    downloaded = _provide(target, origin, _Hash.of(file_hash, hash_algorithm), force_download)
    if extracted is None:
        return target
    if downloaded or not os.path.isdir(extracted):
        from minidl.utils import archives  # tarfile and zipfile are imported where there is an archive

        wanted = "tar" if untar else archive_format
        formats = (
            archives.FORMATS if wanted == "auto" else (wanted,) if isinstance(wanted, str) else tuple(wanted or ())
        )
        archives.extract(target, extracted, formats)
    return extracted


def keras_home() -> str:
    """The cache folder: `KERAS_HOME` of the environment, or `~/.keras`."""
    return os.path.expanduser(os.environ.get("KERAS_HOME") or os.path.join("~", ".keras"))


class _Hash:
    """The expected hash of a file.

    Args:
        algorithm: of hashlib.
        digits: hexadecimal.
    """

    def __init__(self, algorithm: str, digits: str):
        self.algorithm = algorithm
        self.digits = digits.lower()

    @classmethod
    def of(cls, digits: str | None, algorithm: str) -> _Hash | None:
        """From the arguments of `get_file`."""
        if algorithm not in ("auto", "sha256", "md5"):
            raise ValueError(f"get_file: hash_algorithm must be 'auto', 'sha256' or 'md5', got {algorithm!r}.")
        if digits is None:
            return None
        return cls(algorithm if algorithm != "auto" else "sha256" if len(digits) == 64 else "md5", digits)

    def found_in(self, path: str) -> str:
        """The digits of a file."""
        with open(path, "rb") as file:
            return hashlib.file_digest(file, self.algorithm).hexdigest()


def _writable_folder(cache_dir: Path | None, cache_subdir: Path) -> str:
    """The folder of the file; as with Keras one below the temporary files, where the cache folder cannot be written."""
    base = os.path.expanduser(os.fspath(cache_dir)) if cache_dir is not None else keras_home()
    for root in (base, _temporary()):
        folder = os.path.join(root, os.fspath(cache_subdir))
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            if root != base:
                messages.say(f"{base} cannot be written: files are kept in {root}.")
            return folder
    raise PermissionError(
        f"get_file: no file can be written to {folder}. Set KERAS_HOME or cache_dir to another folder."
    )


def _temporary() -> str:
    return os.path.join("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir(), ".keras")


def _name_in(origin: str) -> str:
    name = os.path.basename(urllib.parse.urlsplit(origin).path)
    if not name:
        raise ValueError(f"get_file: {origin} ends without the name of a file. Pass fname.")
    return name


def _checked_name(name: str) -> str:
    if name in (".", "..") or pathlib.PurePath(name).name != name or "\0" in name:
        raise ValueError(f"get_file: fname must be a name without folders, got {name!r}. Folders go to cache_dir.")
    return name


def _places(folder: str, name: str, is_given: bool, extract: bool) -> tuple[str, str | None]:
    """Where Keras has the downloaded file, and the folder of an archive's files."""
    path = os.path.join(folder, name)
    if not extract:
        return path, None
    if is_given and "." in name:
        return path, os.path.join(folder, f"{name.partition('.')[0]}_extracted")
    return f"{path}_archive", path


def _provide(target: str, origin: str, wanted: _Hash | None, force: bool) -> bool:
    """Download the file, if it is not there as wanted; whether that was done."""
    if os.path.exists(target) and not force:
        found = wanted and wanted.found_in(target)
        if wanted is None or found == wanted.digits:
            return False
        messages.say(f"{target} has the {wanted.algorithm} {found}, expected {wanted.digits}: it is downloaded again.")
    from minidl.utils import download  # urllib is imported where there is something to download

    messages.say(f"Downloading {origin}")
    try:
        with download.part_of(target, keep=wanted is not None) as part:
            continued = part.tell() > 0
            download.fetch(origin, part)
            found = wanted and wanted.found_in(part.name)
            if wanted is not None and found != wanted.digits and continued:  # what was left was of another file
                part.truncate(0)
                part.seek(0)
                download.fetch(origin, part)
                found = wanted.found_in(part.name)
            if wanted is not None and found != wanted.digits:
                part.truncate(0)
                raise ValueError(
                    f"get_file: {origin} has the {wanted.algorithm} {found}, expected {wanted.digits}: it is another "
                    "file or a damaged one, and is not kept. Check the URL and the hash."
                )
            part.close()
            os.chmod(part.name, 0o666 & os.stat(os.path.dirname(target)).st_mode)
            os.replace(part.name, target)
    except download.DownloadError as error:
        check = f" ({wanted.algorithm} {wanted.digits})" if wanted else ""
        raise download.DownloadError(
            f"get_file: {origin} cannot be downloaded: {error}. Without a network, put that file{check} at {target}"
        ) from None
    return True
