"""`get_file` against a server on this machine: Keras's names and folders; files that are broken, wrong or hostile."""

import hashlib
import io
import os
import random
import socket
import tarfile
import zipfile
from concurrent import futures

import pytest

import minidl as keras
from minidl.utils import download
from tests.serving import serving

TEXT = bytes(range(256)) * 4000


@pytest.fixture
def served(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(download, "WAIT", 0.0)
    with serving() as one:
        yield one


def tar(members, mode="w:gz"):
    """An archive of {name: bytes, or a TarInfo without contents}."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = content if isinstance(content, bytes) else b""
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def read(path):
    with open(path, "rb") as file:
        return file.read()


def tree(folder):
    """Every file below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_a_file_is_downloaded_once_to_the_folder_of_keras(served, tmp_path):
    url, digits = served.add("a/text.txt", TEXT)
    paths = {keras.utils.get_file(origin=url + "?x=1", file_hash=digits) for _ in range(2)}
    assert paths == {str(tmp_path / "home" / "datasets" / "text.txt")}
    assert read(paths.pop()) == TEXT and len(served.asked) == 1
    assert tree(tmp_path) == ["home/datasets/text.txt"]


def test_names_and_folders(served, tmp_path):
    url, _ = served.add("text.txt", TEXT)
    own = tmp_path / "own"
    assert keras.utils.get_file("b.txt", url, cache_dir=own, cache_subdir="x/y") == str(own / "x/y/b.txt")
    assert keras.utils.get_file("b.txt", url, cache_subdir=str(tmp_path / "abs")) == str(tmp_path / "abs/b.txt")
    assert len(served.asked) == 2
    keras.utils.get_file("b.txt", url, cache_dir=own, cache_subdir="x/y", force_download=True)
    assert len(served.asked) == 3


@pytest.mark.parametrize("name", ["../b.txt", "a/b.txt", "..", "/etc/b.txt"])
def test_a_name_cannot_be_a_path(served, name):
    with pytest.raises(ValueError, match="without folders"):
        keras.utils.get_file(name, served.url + "/text.txt")


def test_what_is_missing_is_said(served):
    with pytest.raises(ValueError, match="origin"):
        keras.utils.get_file("a.txt")
    with pytest.raises(ValueError, match="fname"):
        keras.utils.get_file(origin="https://example.org/")
    with pytest.raises(ValueError, match="hash_algorithm"):
        keras.utils.get_file("a.txt", served.url + "/a.txt", file_hash="00", hash_algorithm="sha1")


@pytest.mark.parametrize("kind", ["sha256", "md5", "md5_hash", "sha256-upper"])
def test_hashes(served, kind):
    url, sha256 = served.add("text.txt", TEXT)
    md5 = hashlib.md5(TEXT).hexdigest()
    given = {
        "sha256": {"file_hash": sha256},
        "sha256-upper": {"file_hash": sha256.upper()},
        "md5": {"file_hash": md5},
        "md5_hash": {"md5_hash": md5},
    }[kind]
    assert read(keras.utils.get_file(origin=url, **given)) == TEXT


def test_another_file_is_refused_and_not_kept(served, tmp_path):
    url, digits = served.add("text.txt", TEXT)
    served.add("text.txt", TEXT[:-1] + b"x")
    with pytest.raises(ValueError, match=f"expected {digits}"):
        keras.utils.get_file(origin=url, file_hash=digits)
    assert tree(tmp_path) == []


def test_a_local_file_with_another_hash_is_downloaded_again(served, tmp_path, capsys):
    url, digits = served.add("text.txt", TEXT)
    local = tmp_path / "home/datasets/text.txt"
    local.parent.mkdir(parents=True)
    local.write_bytes(b"old")
    assert read(keras.utils.get_file(origin=url, file_hash=digits)) == TEXT
    assert "downloaded again" in capsys.readouterr().out


def test_a_local_file_stays_where_there_is_no_better_one(served, tmp_path):
    local = tmp_path / "home/datasets/text.txt"
    local.parent.mkdir(parents=True)
    local.write_bytes(b"old")
    with pytest.raises(OSError, match="404"):
        keras.utils.get_file(origin=served.url + "/text.txt", file_hash="0" * 64)
    assert local.read_bytes() == b"old" and tree(tmp_path) == ["home/datasets/text.txt"]


def test_a_broken_connection_is_continued(served):
    url, digits = served.add("text.txt", TEXT)
    served.broken_after["text.txt"] = [300_000, 0, 400_000]
    assert read(keras.utils.get_file(origin=url)) == TEXT
    assert [asked[1] for asked in served.asked] == [None, "bytes=300000-", "bytes=300000-", "bytes=700000-"]


def test_a_server_that_cannot_continue_gives_the_file_again(served):
    url, _ = served.add("text.txt", TEXT)
    served.ranges = False
    served.broken_after["text.txt"] = [300_000]
    assert read(keras.utils.get_file(origin=url)) == TEXT


def test_a_file_that_changed_meanwhile_is_not_mixed(served):
    url, _ = served.add("text.txt", TEXT)
    served.broken_after["text.txt"] = [300_000]
    give = served.files
    newer = TEXT[::-1]

    class Changing(dict):
        def __getitem__(self, path):
            content = give[path]
            give[path] = newer
            return content

    served.files = Changing(give)
    assert read(keras.utils.get_file(origin=url)) == newer


def test_truncated_each_time_is_an_error_that_a_later_call_continues(served, tmp_path):
    url, digits = served.add("text.txt", TEXT)
    served.broken_after["text.txt"] = [300_000] + [0] * 20
    with pytest.raises(OSError, match=r"gave nothing \(the connection ended after 300,000 of 1,024,000 bytes\)"):
        keras.utils.get_file(origin=url, file_hash=digits)
    assert tree(tmp_path) == ["home/datasets/text.txt.part"]
    served.broken_after.clear()
    assert read(keras.utils.get_file(origin=url, file_hash=digits)) == TEXT
    assert served.asked[-1][1] == "bytes=300000-" and tree(tmp_path) == ["home/datasets/text.txt"]


def test_without_a_hash_nothing_is_continued_later(served, tmp_path):
    url, _ = served.add("text.txt", TEXT)
    served.broken_after["text.txt"] = [300_000] + [0] * 20
    with pytest.raises(OSError, match="gave nothing"):
        keras.utils.get_file(origin=url)
    assert tree(tmp_path) == []


@pytest.mark.parametrize("left", [b"x" * 1000, b"x" * (len(TEXT) + 1)])
def test_what_another_file_has_left_is_not_used(served, tmp_path, left):
    url, digits = served.add("text.txt", TEXT)
    part = tmp_path / "home/datasets/text.txt.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(left)
    assert read(keras.utils.get_file(origin=url, file_hash=digits)) == TEXT


def test_a_busy_server_is_asked_again(served):
    url, _ = served.add("text.txt", TEXT)
    served.codes["text.txt"] = [503, 429]
    assert read(keras.utils.get_file(origin=url)) == TEXT


def test_redirects(served):
    url, _ = served.add("text.txt", TEXT)
    served.redirects |= {"there": url, "round": f"{served.url}/round", "file": "file:///etc/passwd"}
    assert read(keras.utils.get_file("a.txt", f"{served.url}/there")) == TEXT
    for name in ("round", "file"):
        with pytest.raises(OSError, match="302"):
            keras.utils.get_file("b.txt", f"{served.url}/{name}")


def test_without_a_network_one_line_says_where_to_put_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/text.txt"
    with pytest.raises(OSError) as caught:
        keras.utils.get_file(origin=url, file_hash="ab" * 32)
    message = str(caught.value)
    assert str(tmp_path / "datasets" / "text.txt") in message and "ab" * 32 in message and "\n" not in message
    assert tree(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_replaced_as_in_keras(served, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("minidl.utils.files._temporary", lambda: str(tmp_path / "elsewhere"))
    url, _ = served.add("text.txt", TEXT)
    path = keras.utils.get_file(origin=url, cache_dir=tmp_path / "file")
    assert path == str(tmp_path / "elsewhere/datasets/text.txt") and "cannot be written" in capsys.readouterr().out


MEMBERS = {"top/a.txt": b"a", "top/sub/b.txt": b"bb"}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_archives(served, mode):
    url, _ = served.add("files.tgz", zipped(MEMBERS) if mode == "zip" else tar(MEMBERS, mode))
    for _ in range(2):
        folder = keras.utils.get_file("files.tgz", url, extract=True)
        assert os.path.basename(folder) == "files_extracted"
        assert read(os.path.join(folder, "top/sub/b.txt")) == b"bb"
    assert len(served.asked) == 1


@pytest.mark.parametrize("name, folder, kept", [(None, "f.v1.tgz", "f.v1.tgz_archive"), ("own", "own", "own_archive")])
def test_folders_of_archives_are_those_of_keras(served, tmp_path, name, folder, kept):
    url, _ = served.add("f.v1.tgz", tar(MEMBERS))
    assert keras.utils.get_file(name, url, untar=True) == str(tmp_path / "home/datasets" / folder)
    assert (tmp_path / "home/datasets" / kept).exists()


def test_keras_finds_what_minidl_fetched_and_minidl_what_keras_fetched(served, monkeypatch):
    theirs = pytest.importorskip("keras").utils.get_file
    archive, digits = served.add("f.v1.tgz", tar(MEMBERS))
    text, _ = served.add("text.txt", TEXT)
    home = os.environ["KERAS_HOME"]
    os.makedirs(home, exist_ok=True)
    calls = [
        lambda get: get(origin=text, cache_dir=home),
        lambda get: get("a.txt", text, cache_subdir="sub", cache_dir=home),
        lambda get: get(origin=archive, extract=True, file_hash=digits, cache_dir=home),
        lambda get: get("g.tgz", archive, extract=True, cache_dir=home),
        lambda get: get("h", archive, untar=True, cache_dir=home),
    ]
    for i, call in enumerate(calls):
        first, second = (theirs, keras.utils.get_file) if i % 2 else (keras.utils.get_file, theirs)
        path, count = call(first), len(served.asked)
        assert call(second) == path and len(served.asked) == count


def test_an_archive_that_is_downloaded_again_replaces_the_folder(served):
    url, _ = served.add("files.tgz", tar(MEMBERS))
    folder = keras.utils.get_file("files.tgz", url, extract=True)
    served.add("files.tgz", tar({"new.txt": b"n"}))
    assert os.listdir(keras.utils.get_file("files.tgz", url, extract=True, force_download=True)) == ["new.txt"]
    assert os.listdir(folder) == ["new.txt"]


HOSTILE = {
    "parent": {"../out.txt": b"x"},
    "inner parent": {"a/../../out.txt": b"x"},
    "absolute": {"/tmp/minidl-out.txt": b"x"},
    "link out": {"l": link("l", "../..")},
    "absolute link": {"l": link("l", "/etc")},
    "hard link": {"l": link("l", "../../out.txt", tarfile.LNKTYPE)},
    "through a link": {"l": link("l", "."), "l/out.txt": b"x"},
    "device": {"d": link("d", "", tarfile.CHRTYPE)},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_archives_stay_in_their_folder(served, tmp_path, name):
    url, _ = served.add("files.tgz", tar({"first.txt": b"1", **HOSTILE[name]}))
    with pytest.raises(ValueError, match="files.tgz"):
        keras.utils.get_file("files.tgz", url, extract=True)
    assert tree(tmp_path) == ["home/datasets/files.tgz"] and not os.path.exists("/tmp/minidl-out.txt")


@pytest.mark.parametrize("name", ["../out.txt", "/tmp/minidl-out.txt", "a/../../out.txt", "..\\out.txt", "C:/out.txt"])
def test_zip_archives_stay_in_their_folder(served, tmp_path, name):
    url, _ = served.add("files.zip", zipped({"first.txt": b"1", name: b"x"}))
    with pytest.raises(ValueError, match="outside"):
        keras.utils.get_file("files.zip", url, extract=True)
    assert tree(tmp_path) == ["home/datasets/files.zip"]


NOISE = random.Random(0).randbytes(100_000)
DAMAGED = {
    "gzip": tar({"a": NOISE})[:50_000],
    "xz": tar({"a": NOISE}, "w:xz")[:50_000],
    "tar": tar({"a": NOISE}, "w")[:600],
    "zip": zipped(MEMBERS)[:-30],
    "changed": tar({"a": NOISE})[:50_000] + bytes(100) + tar({"a": NOISE})[50_100:],
    "other": TEXT,
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_archives(served, tmp_path, content):
    url, _ = served.add("files.tgz", content)
    with pytest.raises(ValueError, match="files.tgz"):
        keras.utils.get_file("files.tgz", url, extract=True)
    assert tree(tmp_path) == ["home/datasets/files.tgz"]


def test_an_archive_larger_than_the_disk_is_refused(served, monkeypatch):
    url, _ = served.add("files.zip", zipped({"a": TEXT}))
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    with pytest.raises(ValueError, match="room"):
        keras.utils.get_file("files.zip", url, extract=True)


def test_processes_that_download_the_same_file_at_once_do_not_disturb_each_other(served, tmp_path):
    url, digits = served.add("files.tgz", tar({"a": NOISE}))
    with futures.ThreadPoolExecutor(8) as pool:
        calls = [
            pool.submit(keras.utils.get_file, "files.tgz", url, file_hash=digits, force_download=True)
            for _ in range(16)
        ]
        assert {read(call.result()) for call in calls} == {served.files["files.tgz"]}
    assert tree(tmp_path) == ["home/datasets/files.tgz"]


def test_an_interrupted_download_goes_on(served, tmp_path, monkeypatch):
    url, digits = served.add("text.txt", TEXT)
    with monkeypatch.context() as patch:

        def interrupt(transfer, total):
            if transfer._file.tell() > 500_000:
                raise KeyboardInterrupt

        patch.setattr(download._Transfer, "_show", interrupt)
        with pytest.raises(KeyboardInterrupt):
            keras.utils.get_file(origin=url, file_hash=digits)
    assert tree(tmp_path) == ["home/datasets/text.txt.part"]
    assert read(keras.utils.get_file(origin=url, file_hash=digits)) == TEXT
    assert int(served.asked[-1][1][6:-1]) > 500_000
