"""Saves that the system refuses, paths of all kinds, and two runs that write to one path."""

import concurrent.futures
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import minidl
from minidl import layers

KINDS = ["m.keras", "m.h5", "m.weights.h5", "m.weights.json", "m.safetensors", "folder"]

_FULL = """
import resource, signal, sys
import minidl
from minidl import layers

def save(model, path):
    if path.endswith(".weights.h5"):
        model.save_weights(path)
    elif path.endswith(".weights.json"):
        model.save_weights(path, max_shard_size=1e-4)
    else:
        model.save(path, zipped=False if path.endswith("folder") else None)

def ones():
    return minidl.Sequential([layers.Input((64,)), layers.Dense(64, kernel_initializer="ones")])

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
for path in sys.argv[1:]:
    model = ones()
    save(model, path)
    model.set_weights([2 * weight for weight in model.get_weights()])
    for size in (100, 9000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            save(model, path)
            print(path, size, "was saved")
        except OSError:
            pass
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
"""


def loaded(path):
    model = minidl.Sequential([layers.Input((64,)), layers.Dense(64)])
    model.load_weights(path)
    return model.get_weights()[0]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE is of POSIX")
def test_a_full_disk_is_an_error_and_leaves_the_old_file(tmp_path):
    """Writes beyond a size fail (EFBIG), as they do on a full disk (ENOSPC)."""
    paths = [tmp_path / kind / kind for kind in KINDS if kind != "m.safetensors"]
    for path in paths:
        path.parent.mkdir()
    run = subprocess.run([sys.executable, "-c", _FULL, *map(str, paths)], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, ""), run.stderr[-2000:]
    for path in paths:
        np.testing.assert_array_equal(loaded(path), 1.0)
        assert not [name for name in os.listdir(path.parent) if ".partial" in name]


def small():
    return minidl.Sequential([layers.Input((3,)), layers.Dense(2)])


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            small().save(tmp_path / "m.keras")
        assert os.listdir(tmp_path) == []
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [str, os.fsencode, pathlib.Path])
def test_names_of_other_languages_and_paths(tmp_path, kind, make):
    name = make(tmp_path / f"Größe 模型 [1] *{kind}")
    model = small()
    if kind == "m.safetensors":
        pytest.importorskip("safetensors")
        minidl.saving.save_safetensors(model, name)
        minidl.saving.load_safetensors(model, name)
        return
    if "weights" in kind:
        model.save_weights(name, max_shard_size=1 if kind.endswith("json") else None)
    else:
        model.save(name, zipped=False if kind == "folder" else None)
    other = small()
    other.load_weights(name)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def test_two_checkpoints_on_one_path(tmp_path):
    path = tmp_path / "best.keras"
    x = np.ones((16, 3), "float32")

    def run(_):
        model = small()
        model.compile("sgd", "mse")
        model.fit(x, x[:, :2], epochs=10, callbacks=[minidl.callbacks.ModelCheckpoint(path)], verbose=0)
        return model.get_weights()

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, range(2)))
    got = minidl.models.load_model(path).get_weights()
    assert any(all(map(np.array_equal, got, weights)) for weights in results)
    assert os.listdir(tmp_path) == ["best.keras"]
