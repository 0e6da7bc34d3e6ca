"""Symbolic calls that are alike are traced once, and no others are taken for alike."""

import contextlib

import jax
import numpy as np
import pytest

import minidl as keras
from minidl import layers, ops
from minidl.core import inference, naming


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch):
    monkeypatch.setattr(inference, "_known", {})


@contextlib.contextmanager
def traces():
    """The operations that are traced inside the block."""
    found, specs = [], inference.specs
    inference.specs = lambda call, *args: found.append(call) or specs(call, *args)
    try:
        yield found
    finally:
        inference.specs = specs


def residual(width=8, **options):
    x = inputs = keras.Input((8,))
    for _ in range(5):
        x = x + layers.Dense(width, **options)(x)
    return keras.Model(inputs, ops.relu(x))


def test_layers_of_a_model_that_are_alike_are_traced_once():
    with traces() as traced:
        first = residual()
    assert len(traced) == 3  # a dense layer, an addition, relu
    with traces() as traced:
        second = residual()
    assert not traced
    assert first.output_shape == second.output_shape == (None, 8)


@pytest.mark.parametrize(
    "one, other",
    [
        (lambda x: layers.Dense(3)(x), lambda x: layers.Dense(4)(x)),
        (lambda x: layers.Flatten()(x), lambda x: layers.Flatten()(x[:, :4])),
        (lambda x: layers.Reshape((4, 2))(x), lambda x: layers.Reshape((2, 4))(x)),
        (lambda x: layers.Dense(3, dtype="float16")(x), lambda x: layers.Dense(3)(x)),
        (lambda x: layers.Rescaling(2)(ops.cast(x, "int32")), lambda x: layers.Rescaling(2)(x)),
        (lambda x: ops.sum(x, axis=1), lambda x: ops.sum(x, axis=0)),
        (lambda x: ops.sum(x, axis=1), lambda x: ops.sum(x, axis=1, keepdims=True)),
        (lambda x: x > 1, lambda x: x + 1),
        (lambda x: x[:, :2], lambda x: x[:, :3]),
        (lambda x: ops.tile(x, (1, 2)), lambda x: ops.tile(x, (1, 3))),
        (lambda x: layers.Lambda(lambda x: x[:, :2])(x), lambda x: layers.Lambda(lambda x: x[:, :3])(x)),
        (lambda x: layers.Concatenate()([x, x]), lambda x: layers.Concatenate()([x, x, x])),
        (lambda x: layers.Concatenate()([x, x]), lambda x: layers.Concatenate(axis=0)([x, x])),
        (lambda x: ops.matmul(x, np.ones((8, 2))), lambda x: ops.matmul(x, np.ones((8, 3)))),
    ],
)
def test_other_calls_are_not_taken_for_alike(one, other):
    x = keras.Input((8,))
    want = [(y.shape, y.dtype) for y in (one(x), other(x))]
    inference._known.clear()
    got = [(y.shape, y.dtype) for y in (one(x), other(x), one(x))]
    assert got == [*want, want[0]]
    inference._known.clear()
    assert [(y.shape, y.dtype) for y in (other(x), one(x))] == want[::-1]


def of_two(first, second):
    inputs = [keras.Input((3,), name=first), keras.Input((5,), name=second)]
    return keras.Model(inputs, layers.Concatenate()([layers.Dense(2)(inputs[0]), inputs[1]]))


def test_names_of_inputs_are_part_of_what_is_alike():
    given = {"a": keras.Input((3,)), "b": keras.Input((5,))}
    assert of_two("a", "b")(given).shape == (None, 7)
    with pytest.raises(ValueError, match="5"):
        of_two("b", "a")(given)
    with pytest.raises(ValueError, match="5"):
        layers.TimeDistributed(of_two("b", "a"))({"a": keras.Input((4, 3)), "b": keras.Input((4, 5))})


class Narrow(layers.Layer):
    """Of which the width is not seen from outside."""

    width = 2

    def call(self, x):
        return x[:, : Narrow.width]


def test_layers_of_a_user_are_traced_each_time(monkeypatch):
    x = keras.Input((8,))
    assert Narrow()(x).shape == (None, 2)
    monkeypatch.setattr(Narrow, "width", 3)
    assert Narrow()(x).shape == (None, 3)
    assert layers.TimeDistributed(Narrow())(keras.Input((4, 8))).shape == (None, 4, 3)


def test_settings_are_part_of_what_is_alike():
    x = keras.Input((8,))
    assert (x * ops.sum(np.ones(8))).dtype == "float32"
    assert ops.argmax(x, axis=-1).dtype == "int32"
    with jax.enable_x64(True):
        assert (ops.cast(x, "float64") * 2).dtype == "float64"
    assert (ops.cast(x, "float64") * 2).dtype == "float32"


def test_a_layer_that_was_changed_is_another_one():
    layer = layers.RepeatVector(3)
    assert layer(keras.Input((8,))).shape == (None, 3, 8)
    layer.n = 4
    assert layer(keras.Input((8,))).shape == (None, 4, 8)


def test_masks_are_part_of_what_is_alike():
    embedded = layers.Embedding(5, 2, mask_zero=True)(keras.Input((4,)))
    plain = keras.Input((4, 2))
    for first, second in ((embedded, plain), (plain, embedded)):
        inference._known.clear()
        outputs = {id(x): layers.Dropout(0.1)(x)._keras_mask for x in (first, second, first)}
        assert outputs[id(embedded)].shape == (None, 4) and outputs[id(embedded)].dtype == "bool"
        assert outputs[id(plain)] is None


def test_outputs_are_tensors_of_their_own():
    x = keras.Input((8,))
    first, second = layers.ReLU()(x), layers.ReLU()(x)
    assert first is not second and first.name != second.name
    assert first.producer.operation is not second.producer.operation


def test_automatic_names_count_the_same_tensors():
    counts = []
    for _ in range(2):
        naming.reset_names()
        residual()
        counts.append(keras.Input((2,)).name)
        layers.LSTM(2)(layers.Masking()(keras.Input((3, 2))))
        counts.append(ops.relu(keras.Input((2,))).name)
    assert counts[:2] == counts[2:]


def test_errors_are_not_kept():
    layer = layers.Reshape((3, 3))
    for _ in range(2):
        with pytest.raises(ValueError, match="Reshape"):
            layer(keras.Input((8,)))


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(inference, "_LIMIT", 3)
    for units in range(1, 10):
        ops.relu(keras.Input((units,)))
    assert len(inference._known) <= 3


class Block(layers.Layer):
    """Layers that are built by the first trace of `call`."""

    def __init__(self):
        super().__init__()
        self.stack = keras.Sequential([layers.Dense(4), layers.Dense(2)])
        self.both = layers.Bidirectional(layers.LSTM(3, return_sequences=True))
        self.attention = layers.MultiHeadAttention(2, 4)

    def call(self, x):
        x = self.both(self.stack(x))
        return self.attention(x, x)


@pytest.mark.parametrize("length", [None, 7, 480])
def test_sizes_that_stand_in_for_unknown_ones_are_not_left_in_layers(length):
    block = Block()
    keras.Model(x := keras.Input((length, 5)), block(x))
    assert block.get_build_config() == {"input_shape": (None, length, 5)}
    assert block.stack.input_shape == (None, length, 5)
    assert block.stack.output_shape == (None, length, 2)
    assert block.stack.layers[1].get_build_config() == {"input_shape": (None, length, 4)}
    assert block.both.forward_layer.get_build_config() == {"input_shape": (None, length, 2)}
    assert set(block.attention.get_build_config()["shapes_dict"].values()) == {(None, length, 6)}
    assert len(block.stack.layers[0]._nodes) == 1


def test_a_model_that_was_built_before_keeps_its_shapes():
    block = Block()
    block.stack.build((3, 7, 5))
    keras.Model(x := keras.Input((7, 5), batch_size=3), block(x))
    assert block.stack.input_shape == (3, 7, 5)
    assert block.both.get_build_config() == {"input_shape": (3, 7, 2)}


def test_a_layer_that_is_called_otherwise_in_the_second_trace():
    class Once(layers.Layer):
        def __init__(self):
            super().__init__()
            self.attention, self.calls = layers.MultiHeadAttention(1, 2), 0

        def call(self, x):
            self.calls += 1
            return self.attention(x, x, key=x) if self.calls == 1 else self.attention(x, x)

    layer = Once()
    assert layer(keras.Input((None, 3))).shape == (None, None, 3)
    assert layer.attention.get_build_config()["shapes_dict"]["query_shape"] == (None, None, 3)
