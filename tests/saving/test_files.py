"""Files that are written whole or not at all."""

import concurrent.futures
import os
import stat
import sys

import pytest

from minidl.saving import files
from minidl.saving.files import atomic_folder, atomic_write, folder_at, remove_partial


def test_the_old_file_stays_until_the_block_ends(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with atomic_write(path) as file:
        file.write(b"new, and longer")
        file.flush()
        assert path.read_bytes() == b"old"
        assert os.path.dirname(file.name) == str(tmp_path)
    assert path.read_bytes() == b"new, and longer"
    assert os.listdir(tmp_path) == ["file.bin"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("before", [b"old", None])
def test_after_an_error_all_is_as_before(tmp_path, error, before):
    path = tmp_path / "file.bin"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(error), atomic_write(path) as file:
        file.write(b"half")
        raise error
    assert os.listdir(tmp_path) == ([] if before is None else ["file.bin"])
    assert before is None or path.read_bytes() == before


def test_it_is_on_the_disk_before_it_takes_the_name(tmp_path, monkeypatch):
    calls = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (calls.append("fsync"), sync(handle)))
    monkeypatch.setattr(os, "replace", lambda *paths: (calls.append("replace"), replace(*paths)))
    with atomic_write(tmp_path / "file.bin") as file:
        file.write(b"x")
    assert calls[:2] == ["fsync", "replace"]


def test_a_failed_renaming_leaves_no_partial_file(tmp_path, monkeypatch):
    def fail(*paths):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"), atomic_write(tmp_path / "file.bin") as file:
        file.write(b"x")
    assert os.listdir(tmp_path) == []


def test_the_file_has_the_rights_of_any_new_file(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    with atomic_write(tmp_path / "ours"):
        pass
    assert os.stat(tmp_path / "ours").st_mode == os.stat(tmp_path / "usual").st_mode


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"new"


def test_a_missing_folder_and_a_folder_in_the_way_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="the folder '.*missing' does not exist. Create it first"):
        with atomic_write(tmp_path / "missing" / "file.bin"):
            pass
    with pytest.raises(IsADirectoryError, match="it is a folder, expected the path of a file"), atomic_write(tmp_path):
        pass
    assert os.listdir(tmp_path) == []


def test_what_killed_writers_have_left_is_removed_and_nothing_else(tmp_path):
    killed, alive = atomic_write(tmp_path / "a[1].bin"), atomic_write(tmp_path / "a[1].bin")
    file = killed.__enter__()
    other = alive.__enter__()
    file.close()  # as the system closes the files of a process that is killed
    for name in ("a[1].bin", "a1.bin", ".a1.bin.0.partial"):
        (tmp_path / name).write_bytes(b"mine")
    assert len(os.listdir(tmp_path)) == 5
    remove_partial(tmp_path / "a[1].bin")
    left = sorted(os.listdir(tmp_path))
    assert left == sorted([".a1.bin.0.partial", "a1.bin", "a[1].bin", os.path.basename(other.name)])
    other.write(b"the other's")
    alive.__exit__(None, None, None)
    assert (tmp_path / "a[1].bin").read_bytes() == b"the other's"
    remove_partial(tmp_path / "missing" / "a.bin")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_that_is_replaced_keeps_its_mode_also_while_it_is_written(tmp_path, mode):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    path.chmod(mode)
    with atomic_write(path) as file:
        assert stat.S_IMODE(os.stat(file.name).st_mode) == mode
        file.write(b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode and path.read_bytes() == b"new"


def test_other_hard_links_keep_the_old_contents(tmp_path):
    (tmp_path / "one").write_bytes(b"old")
    os.link(tmp_path / "one", tmp_path / "other")
    with atomic_write(tmp_path / "one") as file:
        file.write(b"new")
    assert (tmp_path / "one").read_bytes() == b"new" and (tmp_path / "other").read_bytes() == b"old"


@pytest.fixture
def many_switches():
    """Threads take turns after every few bytecodes, so that they meet in the windows between two system calls."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def in_threads(write, count=16):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        list(pool.map(write, range(count)))


def test_threads_that_write_one_path(tmp_path, many_switches):
    """Each has a partial file of its own: the path always holds what one of them wrote, and nothing else is left."""
    path = tmp_path / "file.bin"
    contents = [bytes([number]) * 5_000 for number in range(16)]

    def write(number):
        for _ in range(20):
            with atomic_write(path) as file:
                file.write(contents[number])
            assert path.read_bytes() in contents

    in_threads(write)
    assert os.listdir(tmp_path) == ["file.bin"]


@pytest.mark.slow
@pytest.mark.parametrize("exchange", [True, False], ids=["in one step", "in two"])
def test_threads_that_write_one_folder(exchange, tmp_path, many_switches, monkeypatch):
    if not exchange:
        monkeypatch.setattr("minidl.saving.files._exchanged", lambda *folders: False)
    path = tmp_path / "folder"

    def write(number):
        for _ in range(10):
            with atomic_folder(path, ["number.txt"]) as folder:
                (folder / "number.txt").write_text(f"{number}")

    in_threads(write)
    assert int((folder_at(path) / "number.txt").read_text()) in range(16)
    assert os.listdir(tmp_path) == ["folder"]


def test_a_reused_name_is_not_removed(tmp_path):
    """Two processes clean up one file; the first removes it, its writer creates it again, and the second leaves it."""
    path = tmp_path / "file.partial"
    path.write_bytes(b"dead")

    def meanwhile():
        path.unlink()
        path.write_bytes(b"alive")

    lock = files._lock
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_lock", lambda *args, **kwargs: meanwhile() or lock(*args, **kwargs))
        files.remove_unlocked(path)
    assert path.read_bytes() == b"alive"
