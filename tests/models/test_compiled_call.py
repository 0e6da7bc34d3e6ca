"""`model(x)` as one compiled program gives what it gives operation by operation, and only where it may."""

import jax
import numpy as np
import pytest

import minidl
from minidl import layers
from tests.counting import compilations

X = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


def model(*more):
    return minidl.Sequential([layers.Input((4,)), layers.Dense(3, "relu"), *more, layers.Dense(2)])


def one_by_one(model, x):
    for layer in model.layers:
        x = layer(x)
    return x


def is_compiled(model):
    model(X)
    made = model._compiled_call._made
    return made._is_one_program and made._shared.is_one_program


def test_equals_the_layers_one_by_one():
    for made in (model(), model(layers.BatchNormalization(), layers.Dropout(0.5))):
        assert is_compiled(made)
        np.testing.assert_allclose(made(X), one_by_one(made, X), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(made(X, training=False), one_by_one(made, X), rtol=1e-5, atol=1e-6)


def test_it_compiles_once_for_a_shape():
    made = model()
    made(X)
    with compilations() as compiled:
        for _ in range(10):
            made(X)
    assert not compiled


def test_new_weights_and_new_settings_count():
    made = model()
    before = made(X)
    made.layers[0].kernel.assign(2 * made.layers[0].kernel.value)
    assert not np.allclose(made(X), before)
    made.layers[1].activation = jax.numpy.abs
    assert np.asarray(made(X)).min() >= 0
    made.pop()
    assert made(X).shape == (5, 3)


@pytest.mark.slow
def test_training_calls_change_state_as_ever():
    made = model(layers.BatchNormalization(), layers.Dropout(0.5))
    mean = made.layers[1].moving_mean.numpy()
    assert not np.array_equal(made(X, training=True), made(X, training=True))
    assert not np.array_equal(made.layers[1].moving_mean, mean)


def test_what_must_run_operation_by_operation_does():
    class Own(layers.Layer):
        def call(self, x):
            calls.append(x)
            return x

    calls = []
    made = model(Own())
    del calls[:]
    made(X)
    made(X)
    assert len(calls) == 2 and isinstance(calls[1], jax.Array) and not isinstance(calls[1], jax.core.Tracer)
    for layer in (layers.Lambda(lambda x: x), layers.ActivityRegularization(l2=0.1), layers.GaussianNoise(1.0)):
        assert is_compiled(model(layer)) == isinstance(layer, layers.GaussianNoise)
    images = minidl.Sequential([layers.Input((4, 4, 1)), layers.RandomFlip(seed=1)])
    batch = np.arange(32.0, dtype="float32").reshape(2, 4, 4, 1)
    assert len({np.asarray(images(batch)).tobytes() for _ in range(20)}) > 1, "each call draws anew"


@pytest.mark.slow
def test_penalties_and_masks_are_there():
    made = model(layers.Dense(3, activity_regularizer="l2"))
    made(X)
    assert float(made.losses[0]) > 0
    tokens = np.array([[1, 2, 0], [1, 0, 0]])
    steps = minidl.Sequential([layers.Input((3,)), layers.Embedding(4, 2, mask_zero=True), layers.LSTM(2)])
    np.testing.assert_allclose(steps(tokens), steps.predict(tokens, verbose=0), rtol=1e-5)


@pytest.mark.slow
def test_gradients_flow():
    made = model()
    gradient = jax.grad(lambda x: made(x).sum())(X)
    weights = [w.value for w in made.trainable_variables]
    gradients = jax.grad(lambda values: made.stateless_call(values, [], X)[0].sum())(weights)
    assert np.abs(gradient).sum() > 0 and all(np.abs(g).sum() > 0 for g in gradients)


def test_wrong_inputs_are_refused_in_the_same_words():
    made = model()
    made(X)
    with pytest.raises(ValueError, match=r"takes inputs of shape \(examples, 4\), but got \(examples, 7\)"):
        made(np.ones((2, 7), "float32"))


def test_run_eagerly():
    made = model()
    made.compile("sgd", "mse", run_eagerly=True)
    made(X)
    assert made._compiled_call._made is None


def test_functions_set_on_an_object_are_read_at_each_call():
    """A method of a layer, a cell or the model, an activation: what they read may change between two calls."""
    scale = 1.0

    def method(part, name):
        old = getattr(part, name)
        setattr(part, name, lambda *args, **kwargs: scale * old(*args, **kwargs))

    def own_class(layer):
        kind = type(layer)
        layer.__class__ = type("Own", (kind,), {"call": lambda self, x: scale * kind.call(self, x)})

    changes = (
        lambda made: method(made, "call"),
        lambda made: method(made.layers[1], "call"),
        lambda made: setattr(made.layers[1], "activation", lambda x: scale * x),
        lambda made: setattr(made.layers[1], "activation", jax.tree_util.Partial(lambda x: scale * x)),
        lambda made: own_class(made.layers[1]),
    )
    for change in changes:
        made = model()
        scale, before = 1.0, np.asarray(made(X))
        change(made)
        for scale in (1.0, 2.0, 3.0):
            np.testing.assert_allclose(made(X), scale * before, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", [layers.Dense(2), layers.Conv1D(2, 3)], ids=lambda layer: layer.name)
def test_a_call_on_constants_inside_of_a_function_that_jax_compiles(layer):
    """Its program would be a part of that one, which cannot have compiler options of its own."""
    model = minidl.Sequential([layers.Input((4, 2)), layer])
    x = np.ones((3, 4, 2), "float32")
    want = np.asarray(model(x))
    np.testing.assert_allclose(jax.jit(lambda y: y + model(x))(1.0), want + 1, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda y: (y * model(x)).sum())(1.0), want.sum(), rtol=1e-5)
