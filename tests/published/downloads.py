"""Network access is refused: `get_file`, urllib and the shell commands of notebooks get synthetic files."""

import email.message
import functools
import importlib
import io
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import urllib.response

from tests.published import weights
from tests.published.files import provide

BY_HAND = {  # in the code: the commands that its comments ask the reader for
    "fra-eng/fra.txt": "wget http://www.manythings.org/anki/fra-eng.zip; unzip fra-eng.zip -d fra-eng",
}


class Refused(OSError):
    """A program reached for the network, or for a file that has no synthetic form."""


def install(library, folder, cache):
    """Replace the ways to a file; `folder` keeps what they give, and `cache` what is made for several programs."""

    def fetch(url):
        try:
            return weights.provide(url, cache) if weights.ADDRESS.search(url) else provide(url, folder)
        except LookupError as error:
            raise Refused(str(error)) from None

    def get_file(
        fname=None,
        origin=None,
        untar=False,
        md5_hash=None,
        file_hash=None,
        cache_subdir="datasets",
        hash_algorithm="auto",
        extract=False,
        archive_format="auto",
        cache_dir=None,
        force_download=False,
    ):
        path, name = fetch(origin), os.fspath(fname or "") or os.path.basename(urllib.parse.urlsplit(origin).path)
        place = pathlib.Path(cache_dir or "~/.keras").expanduser() / cache_subdir
        target = place / name
        if not target.resolve().is_relative_to(os.path.realpath(tempfile.gettempdir())):
            raise Refused(f"published programs may not write to {target} here")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not (extract or untar):
            shutil.copyfile(path, target)
            return str(target)
        if fname and "." in target.name:
            target = target.with_name(target.name.split(".")[0] + "_extracted")
        for folder in (target, place):  # older versions of Keras extract it next to the archive
            shutil.unpack_archive(path, folder, **({"filter": "data"} if tar(path) else {}))
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

    replace(library, get_file)
    urllib.request.urlopen, urllib.request.urlretrieve = urlopen, urlretrieve
    socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
    subprocess.Popen.__init__ = refuse
    os.system = functools.partial(shell, fetch)
    subprocess.run = functools.partial(process, fetch)
    return os.system


def replace(library, get_file):
    """Set `get_file` in each module of a library that has it."""
    importlib.import_module(f"{library.__name__}.applications")
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == library.__name__ and "get_file" in vars(module):
            module.get_file = get_file


def by_hand(text, shell):
    """Do what the reader of a program is asked to do first."""
    for part, commands in BY_HAND.items():
        if part in text:
            shell(commands)


def refuse(*args, **kwargs):
    """Raise for any connection or process."""
    raise Refused("published programs may use neither the network nor other processes here")


def process(fetch, command, *args, **kwargs):
    """`subprocess.run` of the few commands of `shell`."""
    shell(fetch, command if isinstance(command, str) else shlex.join(map(os.fspath, command)))
    empty = "" if kwargs.get("text") or kwargs.get("encoding") else b""
    return subprocess.CompletedProcess(command, 0, empty, empty)


def tar(path):
    """Whether a file is named as a tar archive."""
    return str(path).endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2"))


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
