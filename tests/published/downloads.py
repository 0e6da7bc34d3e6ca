"""Network access is refused: `get_file`, urllib and the shell commands of notebooks get synthetic files."""

import email.message
import functools
import io
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import urllib.request
import urllib.response

from tests.published.files import provide


class Refused(OSError):
    """A program reached for the network, or for a file that has no synthetic form."""


def install(library, folder):
    """Replace the ways to a file; `folder` keeps what they give."""

    def fetch(url):
        try:
            return provide(url, folder)
        except LookupError as error:
            raise Refused(str(error)) from None

    def get_file(fname=None, origin=None, untar=False, *args, extract=False, cache_dir=None, **kwargs):
        path = fetch(origin)
        if fname and not (extract or untar):
            named = pathlib.Path(folder, "named", os.fspath(fname))
            named.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, named)
            path = str(named)
        if not (extract or untar):
            return path
        stem = os.path.basename(fname or path).split(".")[0]
        target = pathlib.Path(folder, f"{stem}_extracted" if "." in os.path.basename(fname or path) else stem)
        for place in (target, target.parent):  # older versions of Keras extract it next to the archive
            shutil.unpack_archive(path, place, **({"filter": "data"} if tar(path) else {}))
        return str(target)

    def urlopen(url, *args, **kwargs):
        url = getattr(url, "full_url", url)
        content = pathlib.Path(fetch(url)).read_bytes()
        headers = email.message.Message()
        headers["Content-Length"] = str(len(content))
        return urllib.response.addinfourl(io.BytesIO(content), headers, url, 200)

    def urlretrieve(url, filename=None, *args, **kwargs):
        path = fetch(url)
        return (shutil.copyfile(path, filename) if filename else path), None

    library.utils.get_file = get_file
    urllib.request.urlopen, urllib.request.urlretrieve = urlopen, urlretrieve
    socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
    subprocess.Popen.__init__ = refuse
    os.system = functools.partial(shell, fetch)
    return os.system


def refuse(*args, **kwargs):
    """Raise for any connection or process."""
    raise Refused("published programs may use neither the network nor other processes here")


def tar(path):
    """Whether a file is named as a tar archive."""
    return str(path).endswith((".tar", ".tar.gz", ".tgz"))


def shell(fetch, commands):
    """The few commands that fetch and unpack data: curl, wget, unzip, tar, rm, mkdir, mv; others do nothing."""
    for line in re.split(r"\n|&&|;", commands):
        words = shlex.split(line, comments=True)
        urls = [word for word in words if "://" in word]
        files = [word for word in words[1:] if not word.startswith("-")]
        if not words:
            continue
        if words[0] in ("curl", "wget") and urls:
            named = [words[i + 1] for i, word in enumerate(words[:-1]) if word in ("-o", "-O", "--output")]
            named = [word for word in named if "://" not in word]
            shutil.copyfile(fetch(urls[0]), named[0] if named else urls[0].split("?")[0].rsplit("/", 1)[-1])
        elif words[0] == "unzip":
            shutil.unpack_archive(files[0], words[words.index("-d") + 1] if "-d" in words else ".", "zip")
        elif words[0] == "tar":
            archive = next(word for word in files if "." in word)
            shutil.unpack_archive(archive, words[words.index("-C") + 1] if "-C" in words else ".", filter="data")
        elif words[0] == "rm":
            for file in files:
                shutil.rmtree(file, ignore_errors=True) if os.path.isdir(file) else pathlib.Path(file).unlink(True)
        elif words[0] == "mkdir":
            os.makedirs(files[0], exist_ok=True)
        elif words[0] == "mv":
            shutil.move(files[0], files[1])
