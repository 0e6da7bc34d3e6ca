"""One batch at a time: a `predict` like one before checks nothing, and sees all that has changed since."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minidl as keras
from minidl import layers
from minidl.training.targets import checks

X = np.random.default_rng(0).random((8, 3), dtype=np.float32)


def linear(units=2):
    """A model of one layer that has predicted a row."""
    model = keras.Sequential([keras.Input((3,)), layers.Dense(units)])
    model.predict(X[:1], verbose=0)
    return model


def expected(layer, x):
    kernel, bias = map(np.asarray, layer.get_weights())
    return x @ kernel + bias


@pytest.fixture
def checked(monkeypatch):
    """The calls whose inputs are checked."""
    calls = []
    monkeypatch.setattr(checks, "arrays", lambda call, *arrays: calls.append(call))
    return calls


def test_what_has_been_checked_is_not_checked_again(checked):
    model = linear()
    assert checked == ["predict"]
    for row in range(8):
        model.predict(X[row : row + 1], verbose=0)
        model.predict_on_batch(X[row : row + 1])
    assert checked == ["predict"]
    model.predict(X[:2], verbose=0)
    model.predict(X[:1].astype("float64"), verbose=0)
    assert checked == ["predict"] * 3


def two_inputs():
    one, other = keras.Input((3,), name="one"), keras.Input((2,), name="other")
    return keras.Model([one, other], layers.Subtract()([layers.Dense(1)(one), layers.Dense(1)(other)]))


@pytest.mark.parametrize(
    "inputs",
    [lambda x: [x, x[:, :2]], lambda x: {"one": x, "other": x[:, :2]}, lambda x: {"other": x[:, :2], "one": x}],
)
def test_structures_of_arrays_are_not_checked_again_either(checked, inputs):
    model = two_inputs()
    one, other = (layer for layer in model.layers if layer.weights)
    for row in range(4):
        x = X[row : row + 1]
        want = expected(one, x) - expected(other, x[:, :2])
        np.testing.assert_allclose(model.predict(inputs(x), verbose=0), want, rtol=1e-5)
    assert checked == ["predict"]


def test_nor_are_arrays_of_jax(checked):
    model = linear()
    for row in range(4):
        x = X[row : row + 1]
        np.testing.assert_allclose(model.predict(jnp.asarray(x), verbose=0), expected(model.layers[0], x), rtol=1e-6)
    assert checked == ["predict"]


def test_values_that_can_be_wrong_are_checked_each_time():
    model = keras.Sequential([keras.Input((2,), dtype="int32"), layers.Embedding(3, 4)])
    for dtype in ("int32", "int64"):
        for _ in range(2):
            model.predict(np.array([[0, 2]], dtype), verbose=0)
        with pytest.raises(ValueError, match="values from 0 to 3"):
            model.predict(np.array([[0, 3]], dtype), verbose=0)


@pytest.mark.parametrize("how", ["predict", "predict_on_batch"])
def test_values_that_the_device_cannot_hold(how):
    model = linear()
    predict = getattr(model, how)
    for value in (1, 2, 2**40, 3):  # 2 ** 40 is a float on the device, as when it comes first
        x = np.full((1, 3), value, "int64")
        np.testing.assert_allclose(predict(x), expected(model.layers[0], x.astype("float32")), rtol=1e-6)
    predict(np.ones((1, 3)))
    predict(np.ones((1, 3)))
    with pytest.raises(ValueError, match="1e.300"):
        predict(np.full((1, 3), 1e300))


def assigned(model):
    model.layers[0].kernel.assign([[1.0, 2.0]] * 3)


def loaded(model):
    model.set_weights([np.ones((3, 2)), np.zeros(2)])


def fitted(model):
    model.compile("sgd", "mse")
    model.fit(X, np.ones((8, 2)), verbose=0)


@pytest.mark.parametrize("change", [assigned, loaded, fitted])
def test_new_weights_count(change):
    model = linear()
    before = model.predict(X[:1], verbose=0)
    change(model)
    after = model.predict(X[:1], verbose=0)
    np.testing.assert_allclose(after, expected(model.layers[0], X[:1]), rtol=1e-6)
    assert not np.allclose(before, after)


def test_another_structure_counts():
    model = linear()
    model.add(layers.Rescaling(2.0))
    np.testing.assert_allclose(model.predict(X[:1], verbose=0), 2 * expected(model.layers[0], X[:1]), rtol=1e-6)
    model.layers[0].activation = keras.activations.relu
    found = model.predict(X[:1], verbose=0)
    np.testing.assert_allclose(found, 2 * np.maximum(expected(model.layers[0], X[:1]), 0), rtol=1e-6)


def test_a_state_that_changes_is_kept():
    class Counter(layers.Layer):
        def build(self, input_shape):
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x):
            self.count.assign_add(1.0)
            return x * self.count

    model = keras.Sequential([keras.Input((3,)), Counter()])
    found = [model.predict(X[:1], verbose=0) for _ in range(4)]
    np.testing.assert_allclose(found, [X[:1] * (i + 1) for i in range(4)], rtol=1e-6)


def test_an_eager_model_stays_eager():
    calls = []

    class Counted(layers.Layer):
        def call(self, x):
            calls.append(not isinstance(x, jax.core.Tracer))
            return x

    model = keras.Sequential([keras.Input((3,)), layers.Rescaling(2.0)])
    model.predict(X[:1], verbose=0)
    model.add(Counted())
    model.compile(run_eagerly=True)
    for count in range(1, 4):
        np.testing.assert_allclose(model.predict(X[:1], verbose=0), 2 * X[:1])
        assert sum(calls) == count


def test_a_distribution_places_each_batch():
    from minidl import distribution

    model = linear()
    distribution.set_distribution(distribution.DataParallel())
    try:
        for row in range(3):
            found = model.predict(X[row : row + 1], verbose=0)
            np.testing.assert_allclose(found, expected(model.layers[0], X[row : row + 1]), rtol=1e-6)
        assert not model._steps.served
    finally:
        distribution.set_distribution(None)
    np.testing.assert_allclose(model.predict(X[:1], verbose=0), expected(model.layers[0], X[:1]), rtol=1e-6)


def test_another_floatx_counts():
    model = linear()
    keras.config.set_floatx("float16")
    try:
        found = model.predict(X[:1], verbose=0)
    finally:
        keras.config.set_floatx("float32")
    rounded = X[:1].astype("float16").astype("float32")
    np.testing.assert_allclose(found, expected(model.layers[0], rounded), rtol=1e-6)
    np.testing.assert_allclose(model.predict(X[:1], verbose=0), expected(model.layers[0], X[:1]), rtol=1e-6)


def test_one_batch_shows_a_line_where_it_compiles_or_is_asked_to(capsys):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])

    def line(**options):
        model.predict(X[:1], **options)
        return capsys.readouterr().out

    assert re.fullmatch(r"1/1 - .*compiled in .*\n", line())
    assert line() == line(verbose=0) == ""
    assert re.fullmatch(r"1/1 - \S+ - \S+/step\n", line(verbose=1)) and line(verbose=2).startswith("1/1 - ")
    with pytest.raises(ValueError, match="verbose must be"):
        line(verbose="loud")
    model.predict(X, batch_size=4)
    assert capsys.readouterr().out.startswith("2/2 - ")
