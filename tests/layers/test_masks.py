"""Masks: made by a layer, carried by those that support them, filled into calls, read by losses and metrics."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minidl as keras
from minidl import layers
from minidl.layers import masks

X = np.array([[[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]]], "float32")
MASK = np.array([[True, False, True]])


class Marking(layers.Layer):
    """Steps of zeros do not count."""

    def call(self, x):
        return x

    def compute_mask(self, inputs, previous_mask):
        return jnp.any(inputs != 0, axis=-1)


class Taking(layers.Layer):
    def call(self, x, mask=None):
        self.seen = mask
        return x


def test_a_mask_is_made_carried_and_filled_in():
    taking = Taking()
    hidden = layers.Dense(3)(Marking()(jnp.array(X)))
    np.testing.assert_array_equal(masks.get(hidden), MASK)
    taking(hidden)
    np.testing.assert_array_equal(taking.seen, MASK)
    taking(hidden, mask=None)
    np.testing.assert_array_equal(taking.seen, MASK)
    taking(hidden, mask=jnp.array(~MASK))
    np.testing.assert_array_equal(taking.seen, ~MASK)
    taking(jnp.array(X))
    assert taking.seen is None


def test_masks_by_the_name_of_the_input():
    class Two(layers.Layer):
        def call(self, query, value, query_mask=None, value_mask=None):
            self.seen = query_mask, value_mask
            return query

    layer, marked = Two(), Marking()(jnp.array(X))
    layer(marked, jnp.array(X))
    np.testing.assert_array_equal(layer.seen[0], MASK)
    assert layer.seen[1] is None
    layer(jnp.array(X), value=marked)
    assert layer.seen[0] is None
    np.testing.assert_array_equal(layer.seen[1], MASK)


def test_a_list_of_inputs_has_a_list_of_masks():
    taking = Taking()
    taking([Marking()(jnp.array(X)), jnp.array(X)])
    np.testing.assert_array_equal(taking.seen[0], MASK)
    assert taking.seen[1] is None


def test_a_layer_that_does_not_support_masks_warns():
    class Plain(layers.Layer):
        def call(self, x):
            return x + 1

    marked = Marking()(jnp.array(X))
    with pytest.warns(UserWarning, match=r"Layer 'plain\w*' \(Plain\) does not support masking"):
        assert masks.get(Plain()(marked)) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Plain()(jnp.array(X))
        Taking()(marked)


def test_a_mask_survives_the_cast_to_the_compute_dtype():
    marked = Marking()(jnp.array(X))
    assert masks.get(layers.Dense(2, dtype="mixed_bfloat16")(marked)) is not None


def test_masks_of_symbolic_tensors():
    marked = Marking()(keras.Input((3, 2)))
    assert (marked._keras_mask.shape, marked._keras_mask.dtype) == ((None, 3), "bool")
    assert layers.Dense(2)(marked)._keras_mask.shape == (None, 3)
    assert keras.Input((3, 2))._keras_mask is None


def test_a_mask_reaches_the_loss_and_the_metrics():
    """Three steps, one of them masked: the mean of the squares of the other two."""
    model = keras.Sequential(
        [keras.Input((3, 2)), Marking(), layers.Dense(1, use_bias=False, kernel_initializer="ones")]
    )
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mse"])
    y = np.zeros((1, 3, 1), "float32")
    found = model.evaluate(X, y, verbose=0, return_dict=True)
    sums = np.array([3.0, 7.0])
    np.testing.assert_allclose(found["loss"], np.sum(sums**2) / 2, rtol=1e-6)
    np.testing.assert_allclose(found["mae"], np.mean(sums), rtol=1e-6)


def test_masks_in_compiled_code():
    dense = layers.Dense(2)
    marking = Marking()
    dense(jnp.array(X))
    found = jax.jit(lambda x: masks.get(dense(marking(x))))(X)
    np.testing.assert_array_equal(found, MASK)


def test_the_mask_of_an_array_is_an_attribute():
    """As in Keras, where a user's own loop reads `_keras_mask` and sets it."""
    hidden = layers.Embedding(5, 2, mask_zero=True)(np.array([[1, 0, 3]]))
    np.testing.assert_array_equal(hidden._keras_mask, MASK)
    given = jnp.array(X)
    given._keras_mask = ~MASK
    taking = Taking()
    taking(given)
    np.testing.assert_array_equal(taking.seen, ~MASK)
    given._keras_mask = None
    taking(given)
    assert taking.seen is None


def test_a_loss_reads_the_mask_that_a_user_set():
    """Errors of 0.9, (0.2), 0.7 and 0.4, of which the second does not count: the mean square is 1.46 / 3."""
    y_pred = jnp.array([[0.1], [0.2], [0.3], [0.4]])
    y_pred._keras_mask = np.array([True, False, True, True])
    y_true = np.array([[1.0], [0.0], [1.0], [0.0]])
    np.testing.assert_allclose(keras.losses.MeanSquaredError()(y_true, y_pred), 1.46 / 3, rtol=1e-6)
    metric = keras.metrics.MeanSquaredError()
    metric.update_state(y_true, y_pred)
    np.testing.assert_allclose(metric.result(), 1.46 / 3, rtol=1e-6)


def test_a_traced_mask_does_not_stay_on_an_array_of_values():
    x = jnp.array(X)
    jax.jit(lambda mask: masks.put(x, mask).sum())(MASK)
    assert masks.get(x) is None


def sequences():
    """A masked model, its data, and the squared error of each step that counts, as (24, 9) arrays."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(24, 9, 4)).astype("float32"), random.normal(size=(24, 9, 3)).astype("float32")
    x[:8, 4:] = 0
    model = keras.Sequential([layers.Input((9, 4)), layers.Masking(), layers.SimpleRNN(3, return_sequences=True)])
    model.compile("sgd", "mse", metrics=["mse"], weighted_metrics=["mae"])
    outputs, mask = model.predict(x, verbose=0), np.any(x != 0, axis=-1)
    return model, x, y, outputs, mask


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(24,), (24, 1), (24, 9)])
def test_weights_of_examples_are_for_each_of_their_steps(shape):
    """sum(w e) over the steps that count, over their number: Keras's loss of (n, t) weights, for all three forms.

    Keras 3.15.1 on JAX has no broadcast for (n,) weights; its Keras 2 spread them along time.
    """
    model, x, y, outputs, mask = sequences()
    weights = np.random.default_rng(1).uniform(0.5, 2, size=24)
    given = np.broadcast_to(weights.reshape(24, *(1 for _ in shape[1:])), shape)
    square, error = np.mean((outputs - y) ** 2, -1), np.mean(np.abs(outputs - y), -1)
    full = weights[:, None] * mask
    logs = model.evaluate(x, y, sample_weight=given, batch_size=24, verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["loss"], np.sum(full * square) / mask.sum(), rtol=1e-5)
    np.testing.assert_allclose(logs["mae"], np.sum(full * error) / full.sum(), rtol=1e-5)
    np.testing.assert_allclose(logs["mse"], np.sum(mask * square) / mask.sum(), rtol=1e-5)
    history = model.fit(x, y, sample_weight=given, batch_size=24, verbose=0).history
    np.testing.assert_allclose(history["loss"], [np.sum(full * square) / mask.sum()], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("stream", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("masked", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_weights_of_classes_are_those_of_each_step(masked, stream):
    random = np.random.default_rng(0)
    x, y = random.integers(1, 20, (24, 9)), random.integers(0, 4, (24, 9))
    x[:8, 4:] = 0
    weights = {0: 1.0, 1: 2.0, 2: 3.0, 3: 0.5}
    model = keras.Sequential(
        [layers.Embedding(20, 6, mask_zero=masked), layers.GRU(5, return_sequences=True), layers.Dense(4, "softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    outputs, mask = model.predict(x, verbose=0), (x != 0) | (not masked)
    values = -np.log(np.take_along_axis(outputs, y[..., None], -1)[..., 0])
    right = np.sum(values * np.vectorize(weights.get)(y) * mask) / mask.sum()
    data = (iter([(x, y)]),) if stream else (x, y)
    history = model.fit(*data, class_weight=weights, verbose=0, **({} if stream else {"batch_size": 24})).history
    np.testing.assert_allclose(history["loss"], [right], rtol=1e-5)


@pytest.mark.parametrize("returns_sequences", [False, True])
@pytest.mark.parametrize("merge_mode", ["concat", None])
def test_mask_of_a_bidirectional_layer_is_one_for_one_output(merge_mode, returns_sequences):
    layer = layers.Bidirectional(layers.GRU(2, return_sequences=returns_sequences), merge_mode=merge_mode)
    mask = np.ones((2, 3), bool)
    own = mask if returns_sequences else None
    computed = layer.compute_mask(np.ones((2, 3, 4), "float32"), mask)
    assert computed is own if merge_mode else list(computed) == [own, own]
