"""Weights in several files."""

import json
import os

import numpy as np
import pytest

import minidl
from minidl import layers
from minidl.saving import LoadError

KERNEL, BIAS = np.arange(12.0, dtype="float32").reshape(4, 3), np.ones(3, "float32")
GB = 2**30


def small(value=None):
    """Weights of 48, 12, 12 and 4 bytes."""
    model = minidl.Sequential([layers.Input((4,)), layers.Dense(3, name="one"), layers.Dense(1, name="two")])
    weights = [KERNEL, BIAS, KERNEL[:3, :1], BIAS[:1]]
    model.set_weights(weights if value is None else [np.full_like(weight, value) for weight in weights])
    return model


def test_files_and_what_names_them(tmp_path):
    """48 bytes fill the first file of 50; the others fit into a second together."""
    model, path = small(), tmp_path / "model.weights.json"
    model.save_weights(path, max_shard_size=50 / GB)
    assert sorted(os.listdir(tmp_path)) == ["model.weights.json", "model_00000.weights.h5", "model_00001.weights.h5"]
    config = json.loads(path.read_text())
    assert config["metadata"] == {"total_size": 76}
    assert config["weight_map"] == {
        "/layers/dense/vars": ["model_00000.weights.h5", "model_00001.weights.h5"],
        "/layers/dense_1/vars": "model_00001.weights.h5",
    }
    other = small(7.0)
    other.load_weights(path)
    for got, want in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)


def test_refused_before_anything_is_written(tmp_path):
    model, path = small(), tmp_path / "model.weights.json"
    with pytest.raises(ValueError, match=r"layers/dense/vars/0 has 48 bytes, and max_shard_size allows 40"):
        model.save_weights(path, max_shard_size=40 / GB)
    with pytest.raises(ValueError, match=r"must end in \.weights\.json"):
        model.save_weights(tmp_path / "model.h5", max_shard_size=1)
    with pytest.raises(ValueError, match=r"must end in \.weights\.h5"):
        model.save_weights(path)
    assert not os.listdir(tmp_path)


def test_after_an_error_the_old_ones_stand(tmp_path, monkeypatch):
    path = tmp_path / "model.weights.json"
    small().save_weights(path, max_shard_size=50 / GB)
    before = sorted(os.listdir(tmp_path))

    def full(handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            small(7.0).save_weights(path, max_shard_size=50 / GB)
    assert sorted(os.listdir(tmp_path)) == before
    other = small(7.0)
    other.load_weights(path)
    np.testing.assert_array_equal(other.get_weights()[0], KERNEL)


def test_old_and_new_files_are_never_named_together(tmp_path, monkeypatch):
    """Stopped while the files take their places: there is no text that names some of both."""
    path = tmp_path / "model.weights.json"
    small().save_weights(path, max_shard_size=50 / GB)
    replace = os.replace

    def stopped(source, target):
        if str(target).endswith("_00000.weights.h5"):
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stopped)
        with pytest.raises(KeyboardInterrupt):
            small(7.0).save_weights(path, max_shard_size=50 / GB)
    with pytest.raises(FileNotFoundError):
        small().load_weights(path)


def test_damage_is_refused_and_changes_nothing(tmp_path):
    path = tmp_path / "model.weights.json"
    small().save_weights(path, max_shard_size=50 / GB)
    good = json.loads(path.read_text())
    model = small(7.0)

    def refused(match, error=LoadError, **weight_map):
        path.write_text(json.dumps({**good, "weight_map": {**good["weight_map"], **weight_map}}))
        with pytest.raises(error, match=match):
            model.load_weights(path)
        assert all(np.all(weight == 7) for weight in model.get_weights())

    for name in ("../model_00000.weights.h5", "/etc/passwd", "C:\\x.weights.h5", "x.txt", 3):
        refused("is no name of a file beside it", **{"/vars": [name]})
    refused("a list of names, not 3", **{"/vars": 3})
    refused("File not found", FileNotFoundError, **{"/vars": "model_00007.weights.h5"})
    refused("layers/dense_1/vars/0 is in model_00001.weights.h5, where", **{"/layers/dense_1/vars": []})
    (tmp_path / "model_00002.weights.h5").write_bytes((tmp_path / "model_00001.weights.h5").read_bytes())
    names = ["model_00001.weights.h5", "model_00002.weights.h5"]
    refused("is in model_00002.weights.h5, where", **{"/layers/dense_1/vars": names})
    path.write_text("[]")
    with pytest.raises(LoadError, match="has no 'weight_map'"):
        model.load_weights(path)
    one = small()
    one.pop()
    one.save_weights(path, max_shard_size=1)
    with pytest.raises(LoadError, match="two/kernel.*is not in the file"):
        model.load_weights(path)


@pytest.mark.parametrize("writer", ["keras", "minidl"])
def test_live_round_trip_through_keras(writer, tmp_path):
    keras = pytest.importorskip("keras")
    one, other = (keras, minidl) if writer == "keras" else (minidl, keras)
    models = [k.Sequential([k.layers.Input((4,)), k.layers.Dense(3), k.layers.Dense(1)]) for k in (one, other)]
    models[0].compile("adam", "mse")
    models[0].optimizer.build(models[0].trainable_variables)
    models[0].save_weights(tmp_path / "model.weights.json", max_shard_size=60 / GB)
    models[1].load_weights(tmp_path / "model.weights.json")
    for got, want in zip(models[1].get_weights(), models[0].get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)
