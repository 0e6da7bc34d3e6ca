"""Checks of what the compiled steps send between 8 devices; test_many_devices.py runs them."""

import jax
import numpy as np
import pytest

import minidl as keras
from minidl import distribution, layers
from minidl.distribution import DataParallel, DeviceMesh, LayoutMap, ModelParallel
from tests.counting import compilations
from tests.distribution.collectives import collectives, program, sizes, within_loops

RNG = np.random.default_rng(0)
IMAGE, SEQUENCE = (12, 12, 8), (12, 8)


@pytest.fixture(autouse=True)
def clean():
    yield
    distribution.set_distribution(None)


class Recurrent(keras.layers.Layer):
    """A cell whose `call` is not minidl's."""

    state_size = 8

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(self.state_size, self.state_size))

    def call(self, inputs, states):
        state = keras.ops.tanh(inputs + states[0] @ self.kernel)
        return state, [state]


LAYERS = {  # name -> the shape of an example, and the layers before the last Dense
    "Dense": ((20,), lambda: [layers.Dense(64, activation="relu")]),
    "Dropout": ((20,), lambda: [layers.Dense(64), layers.Dropout(0.3)]),
    "LayerNormalization": ((20,), lambda: [layers.Dense(64), layers.LayerNormalization()]),
    "Conv2D": (IMAGE, lambda: [layers.Conv2D(16, 3), layers.MaxPooling2D(), layers.Flatten()]),
    "Conv2D, strides": (IMAGE, lambda: [layers.Conv2D(16, 3, 2, padding="same"), layers.Flatten()]),
    "Conv2D, groups": (IMAGE, lambda: [layers.Conv2D(16, 3, groups=4), layers.Flatten()]),
    "Conv2DTranspose": (IMAGE, lambda: [layers.Conv2DTranspose(16, 3, strides=2), layers.GlobalAveragePooling2D()]),
    "Conv1D, groups": (SEQUENCE, lambda: [layers.Conv1D(16, 3, groups=4), layers.Flatten()]),
    "Conv3D, groups": ((5, 5, 5, 4), lambda: [layers.Conv3D(8, 3, groups=2), layers.Flatten()]),
    "DepthwiseConv1D": (SEQUENCE, lambda: [layers.DepthwiseConv1D(3), layers.Flatten()]),
    "DepthwiseConv2D": (IMAGE, lambda: [layers.DepthwiseConv2D(3, depth_multiplier=2), layers.Flatten()]),
    "DepthwiseConv2D, strides": (
        (8, 12, 12),
        lambda: [layers.DepthwiseConv2D(3, 2, data_format="channels_first"), layers.Flatten()],
    ),
    "SeparableConv2D": (IMAGE, lambda: [layers.SeparableConv2D(16, 3), layers.AveragePooling2D(), layers.Flatten()]),
    "Conv1D, causal": (SEQUENCE, lambda: [layers.Conv1D(16, 3, padding="causal"), layers.GlobalMaxPooling1D()]),
    "LSTM": (SEQUENCE, lambda: [layers.LSTM(16)]),
    "LSTM, sequences": (SEQUENCE, lambda: [layers.LSTM(16, return_sequences=True), layers.LSTM(8)]),
    "GRU": (SEQUENCE, lambda: [layers.GRU(16)]),
    "GRU, reset before": (SEQUENCE, lambda: [layers.GRU(16, reset_after=False)]),
    "SimpleRNN": (SEQUENCE, lambda: [layers.SimpleRNN(16, activation="relu")]),
    "SimpleRNN, recurrent dropout": (SEQUENCE, lambda: [layers.SimpleRNN(16, recurrent_dropout=0.2)]),
    "LSTM, recurrent dropout": (SEQUENCE, lambda: [layers.LSTM(16, recurrent_dropout=0.2)]),
    "GRU, recurrent dropout": (SEQUENCE, lambda: [layers.GRU(16, recurrent_dropout=0.2, reset_after=False)]),
    "ConvLSTM1D": ((4, 8, 3), lambda: [layers.ConvLSTM1D(4, 3), layers.Flatten()]),
    "ConvLSTM2D": ((4, 8, 8, 3), lambda: [layers.ConvLSTM2D(4, 3), layers.Flatten()]),
    "ConvLSTM2D, dropout": (
        (4, 3, 8, 8),
        lambda: [layers.ConvLSTM2D(4, 3, recurrent_dropout=0.2, data_format="channels_first"), layers.Flatten()],
    ),
    "ConvLSTM3D": ((4, 5, 5, 5, 3), lambda: [layers.ConvLSTM3D(4, 3), layers.Flatten()]),
    "stacked cells": (SEQUENCE, lambda: [layers.RNN([layers.LSTMCell(16), layers.GRUCell(8)])]),
    "Bidirectional": (SEQUENCE, lambda: [layers.Bidirectional(layers.LSTM(16))]),
    "TimeDistributed": (SEQUENCE, lambda: [layers.TimeDistributed(layers.Dense(16)), layers.Flatten()]),
    "Embedding": ((12,), lambda: [layers.Embedding(50, 16), layers.Flatten()]),
    "EinsumDense": (SEQUENCE, lambda: [layers.EinsumDense("abc,cd->abd", (None, 16)), layers.Flatten()]),
}
WITHIN_LOOPS = {  # the gradients of the steps are summed at each time, as docs/many_devices.md lists
    "a user's cell": (SEQUENCE, lambda: [layers.RNN(Recurrent())]),
}


def compiled(shape, made):
    x = RNG.normal(size=(32, *shape)).astype("float32")
    if shape == (12,):
        x = RNG.integers(0, 50, (32, 12))
    model = keras.Sequential([*made, layers.Dense(3)])
    model.compile("adam", "mse", metrics=["mae"])
    return [program(model, x, RNG.normal(size=(32, 3)), mode) for mode in ("train", "test", "predict")]


@pytest.mark.parametrize("name", LAYERS)
def test_one_all_reduce_for_each_step(name):
    with DataParallel().scope():
        train, test, predict = compiled(LAYERS[name][0], LAYERS[name][1]())
    assert collectives(train) == collectives(test) == {"all-reduce": 1} and collectives(predict) == {}
    assert within_loops(train) == {}


@pytest.mark.parametrize("name", WITHIN_LOOPS)
def test_nothing_is_gathered(name):
    with DataParallel().scope():
        train, test, predict = compiled(WITHIN_LOOPS[name][0], WITHIN_LOOPS[name][1]())
    assert set(collectives(train)) == {"all-reduce"} and within_loops(train) == {"all-reduce": 1}
    assert collectives(test) == {"all-reduce": 1} and collectives(predict) == {}


def test_attention():
    x = layers.Input(SEQUENCE)
    y = layers.Dense(3)(layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 8)(x, x)))
    with DataParallel().scope():
        model = keras.Model(x, y)
        model.compile("adam", "mse")
        assert collectives(program(model, np.ones((32, *SEQUENCE), "float32"), np.ones((32, 3)))) == {"all-reduce": 1}


def test_batch_normalization_has_global_statistics():
    with DataParallel().scope():
        train, test, predict = map(collectives, compiled((20,), [layers.Dense(64), layers.BatchNormalization()]))
    assert set(train) == {"all-reduce"} and train["all-reduce"] <= 7 and test == {"all-reduce": 1} and predict == {}


def test_a_split_weight_is_gathered_once():
    made = [
        layers.Dense(256, activation="relu"),
        layers.Dense(128, activation="relu"),
    ]  # 20 x 256 and 256 x 128 numbers
    with DataParallel(shard_weights=True).scope():
        train, test, predict = compiled((20,), made)
    assert collectives(train)["all-gather"] <= 2 and set(collectives(train)) <= {"all-gather", "all-reduce"}
    gathered = sum(size for kind, size in sizes(train) if kind == "all-gather")
    assert gathered == 4 * (20 * 256 + 256 * 128)
    assert "all-to-all" not in collectives(test) and "all-to-all" not in collectives(predict)


def test_bytes_of_data_parallel_are_those_of_the_parameters():
    """The formula of docs/growth.md: 4 bytes for each parameter, and a few for the loss and the metrics."""
    with DataParallel().scope():
        train, test, _ = compiled((20,), [layers.Dense(256)])
    parameters = 20 * 256 + 256 + 256 * 3 + 3
    (reduced,) = [size for kind, size in sizes(train)]
    assert 0 <= reduced - 4 * parameters <= 32
    assert sum(size for _, size in sizes(test)) <= 32


def test_bytes_of_model_parallel_are_those_of_activations():
    """A column-split layer and a row-split one, as Megatron has them: one sum of activations forward."""
    layouts = LayoutMap(DeviceMesh((1, 8), ["batch", "model"]))
    layouts[".*dense/kernel"], layouts[".*dense/bias"] = (None, "model"), ("model",)
    layouts[".*dense_1/kernel"] = ("model", None)
    keras.utils.clear_session()
    with ModelParallel(layout_map=layouts).scope():
        _, _, predict = compiled((20,), [layers.Dense(64, activation="relu"), layers.Dense(32)])
    assert sizes(predict) == [("all-reduce", 4 * 16 * 32)]


def test_a_second_fit_compiles_nothing():
    x, y = RNG.normal(size=(75, 20)).astype("float32"), RNG.normal(size=(75, 3))
    for shard_weights in (False, True):
        with DataParallel(shard_weights=shard_weights).scope():
            model = keras.Sequential([layers.Dense(256), layers.Dropout(0.1), layers.Dense(3)])
            model.compile("adam", "mse", metrics=["mae"])
            model.fit(x, y, epochs=2, verbose=0, validation_split=0.2)
            with compilations() as count:
                model.fit(x, y, epochs=2, verbose=0, validation_split=0.2)
            assert not count, count


def per_device(variables):
    """Device -> bytes that it holds."""
    found = dict.fromkeys(jax.devices(), 0)
    for variable in variables:
        for shard in variable.value.addressable_shards:
            found[shard.device] += shard.data.nbytes
    return found


def test_each_device_holds_its_share_of_the_state():
    with DataParallel(shard_weights=True).scope():
        model = keras.Sequential([layers.Input((64,)), layers.Dense(512), layers.Dense(256), layers.Dense(3)])
        model.compile("adam", "mse")
        split = 4 * (64 * 512 + 512 * 256)
        whole = sum(4 * variable.size for variable in model.weights) - split
        assert set(per_device(model.weights).values()) == {split // 8 + whole}, "when it is made"
        model.fit(np.ones((16, 64)), np.ones((16, 3)), verbose=0)
        assert set(per_device(model.weights).values()) == {split // 8 + whole}
        slots = model.optimizer.variables[2:]
        assert set(per_device(slots).values()) == {2 * (split // 8 + whole)}


def test_no_device_holds_a_whole_split_weight(tmp_path, monkeypatch):
    """When a model is made and loaded; what JAX is asked to put on devices is looked at."""
    from minidl.core import placement

    put = []
    real = jax.device_put
    monkeypatch.setattr(placement.jax, "device_put", lambda value, *a, **k: put.append(real(value, *a, **k)) or put[-1])
    with DataParallel(shard_weights=True).scope():
        model = keras.Sequential([layers.Input((64,)), layers.Dense(512)])
        model.compile("adam", "mse")
        model.fit(np.ones((16, 64)), np.ones((16, 512)), verbose=0)
        model.save(tmp_path / "model.keras")
        put.clear()
        loaded = keras.models.load_model(tmp_path / "model.keras")
        large = [array for array in jax.tree.leaves(put) if array.shape == (64, 512)]
        assert large and all(array.sharding.shard_shape(array.shape) == (64, 64) for array in large)
        assert set(per_device(loaded.optimizer.variables).values()) == set(
            per_device(model.optimizer.variables).values()
        )


@pytest.mark.parametrize("ending", ["model.keras", "model.weights.h5"])
def test_files_are_those_of_one_device(ending, tmp_path):
    """Saved on 8 devices, loaded on 4 and on 1: the same state, bit for bit."""

    def made():
        model = keras.Sequential([layers.Input((64,)), layers.Dense(512), layers.BatchNormalization(), layers.Dense(4)])
        model.compile("adam", "mse")
        return model

    def state(model):
        return [*model.get_weights(), *(variable.numpy() for variable in model.optimizer.variables)]

    with DataParallel(shard_weights=True).scope():
        model = made()
        model.fit(RNG.normal(size=(16, 64)), RNG.normal(size=(16, 4)), verbose=0)
        model.save(tmp_path / ending) if ending.endswith(".keras") else model.save_weights(tmp_path / ending)
        wanted = state(model)
    for devices in (4, 1):
        with DataParallel(devices=[f"cpu:{i}" for i in range(devices)], shard_weights=True).scope():
            if ending.endswith(".keras"):
                found = state(keras.models.load_model(tmp_path / ending))
            else:
                other = made()
                other.load_weights(tmp_path / ending)
                found, wanted = other.get_weights(), wanted[: len(other.weights)]
            assert all((one == two).all() for one, two in zip(found, wanted, strict=True))
