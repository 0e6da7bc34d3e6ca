"""Weights in several files."""

import itertools
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


def shards(folder):
    """The names of the files with weights."""
    return sorted(path.name for path in folder.glob("model_*_0000?.weights.h5"))


def test_files_and_what_names_them(tmp_path):
    """48 bytes fill the first file of 50; the others fit into a second together."""
    model, path = small(), tmp_path / "model.weights.json"
    model.save_weights(path, max_shard_size=50 / GB)
    config = json.loads(path.read_text())
    first, second = shards(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(["model.weights.json", "model_00000.weights.h5", first, second])
    assert config["metadata"] == {"total_size": 76}
    assert config["weight_map"] == {
        "/layers/dense/vars": [first, second],
        "/layers/dense_1/vars": second,
    }
    other = small(7.0)
    other.load_weights(path)
    for got, want in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)


def test_refused_before_anything_is_written(tmp_path):
    model, path = small(), tmp_path / "model.weights.json"
    with pytest.raises(ValueError, match=r"layers/dense/vars/0 has 48 bytes, more than the 40 of max_shard_size"):
        model.save_weights(path, max_shard_size=40 / GB)
    with pytest.raises(ValueError, match=r"that ends in \.weights\.json"):
        model.save_weights(tmp_path / "model.h5", max_shard_size=1)
    with pytest.raises(ValueError, match=r"that ends in \.weights\.h5"):
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


def test_a_reader_during_a_save_gets_one_whole_set(tmp_path, monkeypatch):
    """Another process saves after the reader has opened the index and the first file."""
    path = tmp_path / "model.weights.json"
    small(1.0).save_weights(path, max_shard_size=50 / GB)
    reader, opened, count = small(-1.0), minidl.saving.shards.opened, itertools.count(1)

    def opened_later(name):
        if next(count) == 3:
            small(2.0).save_weights(path, max_shard_size=50 / GB)
        return opened(name)

    monkeypatch.setattr(minidl.saving.shards, "opened", opened_later)
    reader.load_weights(path)
    assert {float(value) for weight in reader.get_weights() for value in np.unique(weight)} == {2.0}


def test_the_files_of_keras_are_replaced_too(tmp_path):
    """name_00000.weights.h5 stays, since Keras opens it first, but without the old weights; so do other files."""
    path = tmp_path / "model.weights.json"
    for name in ("model_00000.weights.h5", "model_00001.weights.h5", "models_00001.weights.h5"):
        (tmp_path / name).write_bytes(bytes(5000))
    names = ["model_00000.weights.h5", "model_00001.weights.h5", "models_00001.weights.h5"]
    path.write_text(json.dumps({"weight_map": {"/layers/dense/vars": names}}))
    small().save_weights(path, max_shard_size=50 / GB)
    expected = ["model.weights.json", "model_00000.weights.h5", "models_00001.weights.h5", *shards(tmp_path)]
    assert sorted(os.listdir(tmp_path)) == sorted(expected)
    assert (tmp_path / "model_00000.weights.h5").stat().st_size < 5000


def test_damage_is_refused_and_changes_nothing(tmp_path):
    path = tmp_path / "model.weights.json"
    small().save_weights(path, max_shard_size=50 / GB)
    good = json.loads(path.read_text())
    model = small(7.0)
    _, second = shards(tmp_path)

    def refused(match, error=LoadError, **weight_map):
        path.write_text(json.dumps({**good, "weight_map": {**good["weight_map"], **weight_map}}))
        with pytest.raises(error, match=match):
            model.load_weights(path)
        assert all(np.all(weight == 7) for weight in model.get_weights())

    for name in ("../model_00000.weights.h5", "/etc/passwd", "C:\\x.weights.h5", "x.txt", 3):
        refused("is not a file name that ends in", **{"/vars": [name]})
    refused("a list of file names for a group, got 3", **{"/vars": 3})
    refused("There is no file", FileNotFoundError, **{"/vars": "model_00007.weights.h5"})
    refused(f"layers/dense_1/vars/0 is in {second}, but the index", **{"/layers/dense_1/vars": []})
    (tmp_path / "models.weights.h5").write_bytes((tmp_path / second).read_bytes())
    refused("is in models.weights.h5, but the index", **{"/layers/dense_1/vars": [second, "models.weights.h5"]})
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
