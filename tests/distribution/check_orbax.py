"""Checks of sharded checkpoints, on 8 devices; test_many_devices.py runs them."""

import numpy as np
import pytest

import minidl as keras
from minidl import callbacks, layers
from minidl.distribution import DataParallel

pytest.importorskip("orbax.checkpoint")


def made(units=512):
    model = keras.Sequential([layers.Input((64,)), layers.Dense(units), layers.BatchNormalization(), layers.Dense(4)])
    model.compile("adam", "mse")
    return model


def fit(model, *more, epochs=3):
    x, y = np.ones((16, 64), "float32"), np.arange(64.0).reshape(16, 4)
    return model.fit(x, y, batch_size=8, epochs=epochs, verbose=0, callbacks=list(more))


def state(model):
    return [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]


def test_saved_on_8_devices_restored_on_4_and_1(tmp_path):
    with DataParallel(shard_weights=True).scope():
        model = made()
        fit(model, callbacks.OrbaxCheckpoint(tmp_path, max_to_keep=2))
        wanted = state(model)
    for devices in (4, 1):
        with DataParallel(devices=[f"cpu:{i}" for i in range(devices)], shard_weights=True).scope():
            other = made()
            assert keras.saving.load_orbax_checkpoint(other, tmp_path) == 6
            assert all((one == two).all() for one, two in zip(state(other), wanted, strict=True))
            kernel = other.layers[0].kernel.value
            assert kernel.sharding.shard_shape(kernel.shape) == (64, 512 // devices)
            fit(other)  # goes on
    assert sorted(int(path.name) for path in tmp_path.iterdir() if path.name.isdigit()) == [4, 6]


def test_what_is_saved(tmp_path):
    fit(made(8), callbacks.OrbaxCheckpoint(tmp_path, "loss", save_best_only=True, initial_value_threshold=0.0))
    assert not [path for path in tmp_path.iterdir() if path.name.isdigit()]
    fit(model := made(8), callbacks.OrbaxCheckpoint(tmp_path, save_freq=3, save_weights_only=True, max_to_keep=None))
    assert sorted(int(path.name) for path in tmp_path.iterdir() if path.name.isdigit()) == [3, 6]
    other = made(8)
    keras.saving.load_orbax_checkpoint(other, tmp_path, 6)
    assert all((a == b).all() for a, b in zip(other.get_weights(), model.get_weights(), strict=True))
    assert int(other.optimizer.iterations) == 0


def test_what_cannot_be_loaded(tmp_path):
    with pytest.raises(keras.saving.LoadError, match="There is no folder"):
        keras.saving.load_orbax_checkpoint(made(8), tmp_path / "none")
    fit(made(8), callbacks.OrbaxCheckpoint(tmp_path))
    with pytest.raises(keras.saving.LoadError, match=r"has no checkpoint of step 5. It has \[6\]"):
        keras.saving.load_orbax_checkpoint(made(8), tmp_path, 5)
    other = made(16)
    with pytest.raises(keras.saving.LoadError, match=r"'.*dense.*/kernel' is float32\[64, 16\], in the checkpoint"):
        keras.saving.load_orbax_checkpoint(other, tmp_path)
