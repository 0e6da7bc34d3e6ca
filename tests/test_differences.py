"""Differences from Keras that no other test shows; docs/differences.md has all of them."""

import warnings

import jax
import numpy as np
import pytest

import minidl as keras
from minidl import layers, ops


def test_a_layer_called_twice_adds_its_losses_twice():
    """The penalty of a call is the sum of its outputs' absolute values, 1, divided by the batch, 1."""
    shared = layers.Dense(1, use_bias=False, kernel_initializer="ones", activity_regularizer=keras.regularizers.L1(1.0))
    one, other = keras.Input((1,)), keras.Input((1,))
    model = keras.Model([one, other], shared(one) + shared(other))
    model.compile("sgd", "mse")
    x, y = np.ones((1, 1), "float32"), np.full((1, 1), 2, "float32")
    assert model.evaluate([x, x], y, verbose=0) == pytest.approx(2.0)  # the outputs are right, so it is the penalty
    assert model.train_on_batch([x, x], y) == pytest.approx(2.0)


def test_random_crop_outside_of_training_takes_the_centre():
    """Of 4 x 8 pixels the largest window of the crop's form is the middle 4 x 4, which is resized to 2 x 2."""
    columns = np.tile(np.arange(8.0), (4, 1))[None, :, :, None]
    cropped = np.asarray(layers.RandomCrop(2, 2)(columns, training=False))
    assert cropped.shape == (1, 2, 2, 1)
    assert cropped[0, :, :, 0].tolist() == [[2.5, 4.5], [2.5, 4.5]]


def test_a_query_mask_given_as_an_argument_counts():
    """A masked query has equal scores for all keys, as a query of zeros has (the biases are 0)."""
    layer = layers.MultiHeadAttention(1, 2)
    query, mask = np.random.default_rng(0).normal(size=(1, 3, 4)).astype("float32"), np.array([[True, True, False]])
    without, given = layer(query, query), layer(query, query, query_mask=mask)
    np.testing.assert_allclose(given[0, :2], without[0, :2], rtol=1e-6)
    np.testing.assert_allclose(given[0, 2], layer(np.zeros_like(query), query)[0, 2], rtol=1e-5)
    assert not np.allclose(given[0, 2], without[0, 2], rtol=1e-3)


def test_adam_in_bfloat16_changes_the_weights():
    """1 - 0.999^1 is 0 where 0.999 is rounded to bfloat16; the first step of Adam is the learning rate."""
    weight = keras.Variable(np.ones(2), dtype="bfloat16")
    keras.optimizers.Adam(0.125).apply([np.full(2, 0.5, "float32")], [weight])
    assert np.asarray(weight.value, "float32").tolist() == [0.875, 0.875]


def test_the_dtype_of_a_weight_is_that_of_its_array():
    layer = layers.Dense(1, dtype="float64")
    layer.build((None, 2))
    assert layer.kernel.dtype == str(layer.kernel.value.dtype) == "float32"
    assert layer(keras.Input((2,))).dtype == "float32"
    text, hashing = keras.Input((4,), dtype="string"), layers.Hashing(3, dtype="int64")
    assert hashing(text).dtype == str(hashing([["a", "b", "c", "d"]]).dtype) == "int32"


def test_input_shape_gives_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert keras.Sequential([layers.Dense(2, input_shape=(3,))]).built


def test_arguments_that_are_no_tensors_by_position():
    class Times(layers.Layer):
        def call(self, inputs, factor):
            return inputs * factor

    assert np.asarray(Times()(np.ones((1, 2), "float32"), 3)).tolist() == [[3.0, 3.0]]


def test_a_missing_file_is_both_errors(tmp_path):
    with pytest.raises(FileNotFoundError) as raised:
        keras.models.load_model(tmp_path / "none.keras")
    assert isinstance(raised.value, ValueError)


def test_normalizations_of_integers_are_floats():
    """The mean of 1, 2, 3 is 2, the variance 2/3."""
    x = np.array([[1, 2, 3]])
    expected = [[-1.2247, 0.0, 1.2247]]
    np.testing.assert_allclose(ops.layer_normalization(x), expected, atol=1e-2)
    np.testing.assert_allclose(ops.rms_normalization(x), x / np.sqrt(14 / 3), atol=1e-2)


def test_an_epoch_of_some_steps_has_as_many():
    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse", steps_per_execution=4)
    batches = ((np.ones((2, 3), "float32"), np.ones((2, 1), "float32")) for _ in range(100))
    model.fit(batches, steps_per_epoch=6, epochs=2, verbose=0)
    assert int(model.optimizer.iterations) == 12


def test_a_constant_that_does_not_broadcast_is_refused():
    with pytest.raises(ValueError, match="shape"):
        keras.initializers.Constant([1.0, 2.0])((3,))


def test_two_losses_for_one_output_are_refused():
    model = keras.Sequential([layers.Dense(1)])
    with pytest.raises(ValueError):
        model.compile("sgd", ["mse", "mae"])
        model.fit(np.ones((2, 3), "float32"), np.ones((2, 1), "float32"), verbose=0)


def test_a_minus_one_label_is_refused():
    model = keras.Sequential([layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="labels"):
        model.fit(np.ones((2, 3), "float32"), np.array([0, -1]), verbose=0)


def test_classes_of_integer_labels_may_be_on_any_axis():
    """The mean of -log of the probabilities of the labels: 1/2, 1/4, 1/8 and 1/4 of 1 example with 2 x 2 positions."""
    first = np.float32([[[[0.5, 0.75], [0.875, 0.75]], [[0.5, 0.25], [0.125, 0.25]]]])
    loss = keras.losses.SparseCategoricalCrossentropy(axis=1)
    assert float(loss(np.ones((1, 2, 2), int), first)) == pytest.approx((1 + 2 + 3 + 2) / 4 * np.log(2))


def test_whole_numbers_are_settings_of_an_f_score():
    """Of three predictions, two of which are right, and no misses: precision 2/3, recall 1, F2 = 10/11."""
    score = keras.metrics.FBetaScore("micro", beta=2, threshold=1)
    with pytest.raises(ValueError, match="beta"):
        keras.metrics.FBetaScore(beta=0)
    score.update_state([[1, 1, 0, 0]], [[2.0, 2.0, 2.0, 0.0]])
    assert float(score.result()) == pytest.approx(10 / 11, rel=1e-5)


def test_normalizations_of_float64_compute_in_it():
    """(x - mean) / sqrt(variance + epsilon), by NumPy."""
    x = np.random.default_rng(0).normal(size=(16, 3))
    with jax.enable_x64(True):
        batch = layers.BatchNormalization(dtype="float64")
        found = [batch(x, training=True), layers.LayerNormalization(dtype="float64")(x)]
        variance = np.asarray(batch.moving_variance)
    for result, axis in zip(found, (0, 1)):
        expected = (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + 1e-3)
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(variance, 0.99 + 0.01 * x.var(0), rtol=1e-14)


def test_a_lambda_callback_knows_its_hooks():
    with pytest.raises(
        ValueError, match="Unknown LambdaCallback argument 'on_epoch_ende'. Did you mean 'on_epoch_end'"
    ):
        keras.callbacks.LambdaCallback(on_epoch_ende=print)


def test_metrics_of_a_model():
    """As in Keras the loss and the compiled metrics come first, then those of the model and of its layers."""

    class Counting(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)
            self.own = keras.metrics.Mean(name="own")

        def call(self, x):
            return self.dense(x)

    model = Counting()
    model.compile("sgd", "mse", metrics=["mae", "mape"])
    model.evaluate(np.ones((2, 2)), np.ones((2, 1)), verbose=0)
    assert [metric.name for metric in model.metrics] == ["loss", "mae", "mape", "own"]
