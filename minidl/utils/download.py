"""Downloads that end in the whole file or in none, and go on after a broken connection.

The client is Python's, as in Keras: it takes proxies from the environment (`https_proxy`) and certificates from the
system.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, BinaryIO

from minidl.core import messages
from minidl.utils.progbar import Progbar

TIMEOUT = 30.0  # seconds without a byte
ATTEMPTS = 5  # connections in a row that gave nothing new
WAIT = 0.5  # seconds after the first of them, and as many more after each
_BLOCK = 2**17
_BROKEN = (ConnectionError, TimeoutError, http.client.HTTPException)
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)


class DownloadError(OSError):
    """The file could not be had: no network, an answer other than the file, or a connection that broke each time."""


@contextlib.contextmanager
def part_of(target: str, keep: bool) -> Iterator[BinaryIO]:
    """The file that a download is written to before it becomes the target.

    What an earlier, interrupted call has left is taken over, by one process alone; a later call finds what this one
    leaves.

    Args:
        target: where the file will be.
        keep: whether interrupted downloads may be continued: if the whole can be checked with a hash.
    """
    left = f"{target}.part"
    number, own = tempfile.mkstemp(prefix=os.path.basename(target) + ".", suffix=".part", dir=os.path.dirname(target))
    os.close(number)
    if keep:
        with contextlib.suppress(FileNotFoundError):
            os.replace(left, own)
    try:
        with open(own, "r+b") as file:
            file.seek(0, os.SEEK_END)
            yield file
    finally:
        if os.path.exists(own):  # it was not renamed to the target
            if keep and os.path.getsize(own):
                os.replace(own, left)
            else:
                os.remove(own)


def fetch(url: str, file: BinaryIO) -> None:
    """Write the contents of a URL to a file, after the bytes of them that it holds already.

    Args:
        url: http, https, ftp or file.
        file: open for reading and writing, at its end.

    Raises:
        DownloadError: as it says.
    """
    transfer = _Transfer(url, file)
    failures = 0
    while True:
        before = file.tell()
        try:
            transfer.run()
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and before:  # there is nothing after what we have: it is of another file
                transfer.restart()
            elif error.code not in _TRANSIENT:
                raise DownloadError(f"the server answered {error.code}: {_line(error.reason)}") from None
            failure: Exception = error
        except _BROKEN as error:
            failure = error
        except urllib.error.URLError as error:  # there was no connection
            if not transfer.answered:
                raise DownloadError(_line(error.reason)) from None
            failure = error
        failures = 0 if file.tell() > before else failures + 1
        if failures >= ATTEMPTS:
            raise DownloadError(f"{ATTEMPTS} connections in a row gave nothing ({_line(failure)})") from None
        time.sleep(WAIT * failures)


class _Transfer:
    """One file from one URL, over as many connections as it takes."""

    def __init__(self, url: str, file: BinaryIO):
        self.answered = False
        self._url = url
        self._file = file
        self._version: str | None = None  # of the file on the server, once it is known
        self._opener = urllib.request.build_opener(_Redirects())
        self._bar: Progbar | None = None

    def run(self) -> None:
        """Read until the end.

        Raises:
            ConnectionError: it came too early.
        """
        request = urllib.request.Request(self._url, headers={"User-Agent": "minidl"})
        if start := self._file.tell():
            request.add_header("Range", f"bytes={start}-")
            if self._version:
                request.add_header("If-Range", self._version)
        with self._opener.open(request, timeout=TIMEOUT) as answer:
            self.answered = True
            if start and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                self.restart()  # the server gives the file from its beginning
            self._version = _strong_version(answer.headers)
            length = answer.headers.get("Content-Length")
            total = None if length is None else self._file.tell() + int(length)
            while block := answer.read(_BLOCK):
                self._file.write(block)
                self._show(total)
            if total is not None and self._file.tell() < total:
                raise ConnectionError(f"the connection ended after {self._file.tell():,} of {total:,} bytes")
        self._file.flush()
        os.fsync(self._file.fileno())

    def restart(self) -> None:
        """Begin again with the first byte."""
        self._file.seek(0)
        self._file.truncate()

    def _show(self, total: int | None) -> None:
        if not messages.is_interactive_logging_enabled():
            return
        if self._bar is None:
            self._bar = Progbar(None if total is None else -(-total // 10**6), unit_name="MB")
        self._bar.update(-(-self._file.tell() // 10**6), finalize=self._file.tell() == total)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Python's, but that what began encrypted stays so."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if req.type == "https" and not newurl.lower().startswith("https:"):
            raise urllib.error.URLError(f"the server redirects from https to {newurl}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _strong_version(headers: Any) -> str | None:
    """What names the bytes on the server, to ask for more of the same; a weak ETag does not."""
    tag = headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _line(reason: Any) -> str:
    return " ".join(str(reason).split())
