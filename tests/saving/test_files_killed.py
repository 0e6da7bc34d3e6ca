"""A save that is killed before any of its calls of the file system leaves what loads as the old or the new model."""

import os
import subprocess
import sys

import numpy as np
import pytest

import minidl
from minidl import layers

PROGRAM = """
import os, sys
from tests.saving import test_files_killed as t
kind, folder = sys.argv[1:]
if kind == "folder without exchange":
    import minidl.saving.files as files
    files._exchanged = lambda *folders: False
new, at = t.model(2.0), 0
for at in range(1, 200):
    path = os.path.join(folder, str(at))
    os.mkdir(path)
    t.save(kind, t.model(1.0), path)
    if child := os.fork():
        if os.waitpid(child, 0)[1] == 0:
            break
        continue
    left = [at]
    def killing(call):
        def run(*args, **kwargs):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), 9)
            return call(*args, **kwargs)
        return run
    for name in ("open", "fsync", "replace", "rename", "unlink", "rmdir", "mkdir", "chmod"):
        setattr(os, name, killing(getattr(os, name)))
    t.save(kind, new, path)
    os._exit(0)
print(at)
"""


def model(value):
    made = minidl.Sequential([layers.Input((4,)), layers.Dense(3), layers.Dense(1)])
    made.set_weights([np.full(weight.shape, value, "float32") for weight in made.weights])
    return made


def save(kind, saved, folder):
    if kind == "shards":
        saved.save_weights(os.path.join(folder, "m.weights.json"), max_shard_size=50 / 2**30)
    elif kind == "file":
        saved.save_weights(os.path.join(folder, "m.weights.h5"))
    else:
        saved.save(os.path.join(folder, "m"), zipped=False)


ENDINGS = {"shards": ".weights.json", "file": ".weights.h5"}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
@pytest.mark.parametrize("kind", ["shards", "file", "folder", "folder without exchange"])
def test_killed_before_each_call(kind, tmp_path):
    done = subprocess.run([sys.executable, "-c", PROGRAM, kind, tmp_path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    count = int(done.stdout)
    assert count > 3
    for at in range(1, count + 1):
        reader = model(-1.0)
        reader.load_weights(tmp_path / str(at) / f"m{ENDINGS.get(kind, '')}")
        found = {float(value) for weight in reader.get_weights() for value in np.unique(weight)}
        assert found in ({1.0}, {2.0}), at
        save(kind, model(3.0), tmp_path / str(at))
        assert not [name for name in os.listdir(tmp_path / str(at)) if name.startswith(".")], at


@pytest.mark.parametrize("kind", ["shards", "file", "folder"])
def test_a_flipped_bit_and_a_truncated_file_are_refused(kind, tmp_path):
    save(kind, model(1.0), tmp_path)
    path = max(tmp_path.rglob("*.h5"), key=lambda file: file.stat().st_size)
    good = path.read_bytes()
    reader = model(-1.0)
    start = good.index(np.ones(3, "float32").tobytes())
    for bad in (good[: start + 3] + bytes([good[start + 3] ^ 0x40]) + good[start + 4 :], good[: len(good) // 2]):
        path.write_bytes(bad)
        with pytest.raises(minidl.saving.LoadError, match="damaged|truncated"):
            reader.load_weights(tmp_path / f"m{ENDINGS.get(kind, '')}")
        assert all(np.all(weight == -1.0) for weight in reader.get_weights())


def test_a_checksum_does_not_stand_in_the_way_of_other_programs(tmp_path):
    """h5py reads the file; after it has changed a weight, there is no checksum any more, and the file loads."""
    h5py = pytest.importorskip("h5py")
    save("file", model(1.0), tmp_path)
    with h5py.File(tmp_path / "m.weights.h5", "r+") as file:
        file["layers/dense/vars/1"][...] = 5.0
    reader = model(-1.0)
    reader.load_weights(tmp_path / "m.weights.h5")
    assert set(reader.layers[0].bias.numpy()) == {5.0}


def test_a_flipped_bit_in_safetensors_is_refused(tmp_path):
    pytest.importorskip("safetensors")
    path = tmp_path / "m.safetensors"
    minidl.saving.save_safetensors(model(1.0), path, {"by": "me"})
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(minidl.saving.LoadError, match="damaged"):
        minidl.saving.load_safetensors(model(-1.0), path)
