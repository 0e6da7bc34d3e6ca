"""Models as folders: written whole or not at all, and read like `.keras` files."""

import json
import os
import pathlib

import numpy as np
import pytest

import minidl
from minidl import layers
from minidl.saving import LoadError

X = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


class Words(layers.Layer):
    """A layer with a file of its own."""

    words = ()

    def call(self, x):
        return x

    def save_assets(self, folder):
        pathlib.Path(folder, "words.txt").write_text("\n".join(self.words))

    def load_assets(self, folder):
        self.words = tuple(pathlib.Path(folder, "words.txt").read_text().split("\n"))


def small(words=("one", "two")):
    model = minidl.Sequential([layers.Input((4,)), Words(name="words"), layers.Dense(3, name="last")])
    model.layers[0].words = words
    model.layers[1].set_weights([np.arange(12.0).reshape(4, 3), np.ones(3)])
    return model


def test_content_and_round_trip(tmp_path):
    model, path = small(), tmp_path / "model"
    model.save(path, zipped=False)
    files = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    assert files == ["assets/layers/words/words.txt", "config.json", "metadata.json", "model.weights.h5"]
    again = minidl.models.load_model(path, custom_objects={"Words": Words})
    np.testing.assert_array_equal(again.layers[1].kernel, np.arange(12.0).reshape(4, 3))
    assert again.layers[0].words == ("one", "two")
    other = small()
    other.layers[1].kernel.assign(np.zeros((4, 3)))
    other.load_weights(path)
    np.testing.assert_array_equal(other.layers[1].kernel, np.arange(12.0).reshape(4, 3))


def test_a_model_is_replaced_and_nothing_else(tmp_path):
    path = tmp_path / "model"
    small().save(path, zipped=False)
    small(("three",)).save(path, zipped=False)
    assert minidl.models.load_model(path, custom_objects={"Words": Words}).layers[0].words == ("three",)
    with pytest.raises(FileExistsError, match="overwrite=False"):
        small().save(path, overwrite=False, zipped=False)
    (path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"contains \['thesis.txt'\], which would be lost"):
        small().save(path, zipped=False)
    assert os.listdir(tmp_path) == ["model"] and (path / "thesis.txt").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match="it is a file"):
        small().save(tmp_path / "file", zipped=False)
    with pytest.raises(FileNotFoundError, match="does not exist. Create it first"):
        small().save(tmp_path / "missing" / "model", zipped=False)
    with pytest.raises(ValueError, match=r"without .keras at its end"):
        small().save(tmp_path / "model.keras", zipped=False)


@pytest.mark.parametrize("at", ["fsync", "rename"])
def test_after_an_error_the_old_one_stands(at, tmp_path, monkeypatch):
    path = tmp_path / "model"
    small().save(path, zipped=False)
    rename = os.rename

    def failing(*args):
        if at == "fsync" or str(args[0]).endswith(".partial"):
            raise OSError(28, "No space left on device")
        rename(*args)

    with monkeypatch.context() as patch:
        patch.setattr(os, at, failing)
        patch.setattr("minidl.saving.files._exchanged", lambda *folders: False)
        with pytest.raises(OSError, match="No space left"):
            small(("three",)).save(path, zipped=False)
    assert os.listdir(tmp_path) == ["model"]
    assert minidl.models.load_model(path, custom_objects={"Words": Words}).layers[0].words == ("one", "two")


def test_damage_is_refused(tmp_path):
    path = tmp_path / "model"
    small().save(path, zipped=False)
    config = json.loads((path / "config.json").read_text())

    def refused(match):
        with pytest.raises(LoadError, match=match):
            minidl.models.load_model(path, custom_objects={"Words": Words})

    (path / "assets" / "layers" / "words" / "more.txt").symlink_to("/etc/hostname")
    refused("is a symbolic link")
    (path / "assets" / "layers" / "words" / "more.txt").unlink()
    weights, elsewhere = path / "model.weights.h5", tmp_path / "elsewhere"
    weights.rename(elsewhere)
    weights.symlink_to(elsewhere)
    refused("are symbolic links, which may lead out of the folder")
    weights.unlink()
    elsewhere.rename(weights)
    (path / "config.json").write_text("{")
    refused("invalid JSON")
    (path / "config.json").write_text(json.dumps({**config, "module": "os", "class_name": "system"}))
    refused("which is not part of minidl")
    (path / "config.json").write_text(json.dumps(config))
    (path / "model.weights.h5").write_bytes(b"")
    refused("it is damaged")
    (path / "model.weights.h5").unlink()
    refused("expected the files config.json and model.weights.h5")
    (path / "config.json").unlink()
    with pytest.raises(ValueError, match="Give a path that ends in"):
        minidl.models.load_model(path)


@pytest.mark.parametrize("writer", ["keras", "minidl"])
def test_live_round_trip_through_keras(writer, tmp_path):
    keras = pytest.importorskip("keras")
    one, other = (keras, minidl) if writer == "keras" else (minidl, keras)
    model = one.Sequential([one.layers.Input((4,)), one.layers.Dense(3)])
    model.save(tmp_path / "model", zipped=False)
    again = other.models.load_model(tmp_path / "model")
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
