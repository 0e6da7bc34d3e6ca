"""The methods that Keras documents as places to override are called, and no fused path goes around them.

The numbers are those of Keras 3.15.1 for the same programs, or follow from the override: it writes a constant.
"""

import numpy as np
import pytest

import minidl
from minidl import layers

X = np.random.RandomState(0).rand(2, 4, 3).astype("float32")


def ones_kernel(base):
    class OnesKernel(base):
        def convolution_op(self, inputs, kernel):
            return super().convolution_op(inputs, kernel * 0 + 1)

    return OnesKernel


@pytest.mark.slow
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_convolution_op_is_where_a_convolution_is_changed(rank, data_format):
    layer = ones_kernel(getattr(layers, f"Conv{rank}D"))(1, 2, data_format=data_format, bias_initializer="ones")
    x = np.ones((1, *(2,) * rank, 1) if data_format == "channels_last" else (1, 1, *(2,) * rank), "float32")
    assert np.asarray(layer(x)).ravel() == [2**rank + 1]  # the sum over the window, and the bias
    assert np.asarray(minidl.Sequential([layer])(x)).ravel() == [2**rank + 1]


def test_convolution_op_of_an_object_counts_as_well():
    layer = layers.Conv2D(1, 2)
    layer.convolution_op = lambda inputs, kernel: inputs[:, :1, :1] * 7
    assert np.asarray(layer(np.ones((1, 2, 2, 1), "float32"))).ravel() == [7]


def test_convolution_op_trains():
    """Keras: a kernel of ones in the program has a gradient of 0, so only the bias moves."""
    model = minidl.Sequential([minidl.Input((2, 2, 1)), ones_kernel(layers.Conv2D)(1, 2), layers.Flatten()])
    model.compile(minidl.optimizers.SGD(0.25), "mse")
    before = model.get_weights()[0]
    model.fit(np.ones((4, 2, 2, 1)), np.zeros((4, 1)), batch_size=4, verbose=0)
    kernel, bias = model.get_weights()
    np.testing.assert_array_equal(kernel, before)
    np.testing.assert_allclose(bias, -0.25 * 2 * 4)  # d mean((4 + b)^2) / db


@pytest.mark.slow
@pytest.mark.parametrize("length", [4, 256])
def test_attention_is_changed_in_compute_attention(length):
    class Zeros(layers.MultiHeadAttention):
        def _compute_attention(
            self, query, key, value, attention_mask=None, training=None, return_attention_scores=False
        ):
            output, weights = super()._compute_attention(
                query, key, value, attention_mask, training, return_attention_scores
            )
            assert query.shape == (2, length, 2, 3)  # the whole batch
            return output * 0, weights

    x = np.ones((2, length, 3), "float32")
    output, weights = Zeros(2, 3, bias_initializer="ones")(x, x, return_attention_scores=True)
    np.testing.assert_array_equal(output, 1)  # the bias of the output projection
    np.testing.assert_allclose(weights, 1 / length, rtol=1e-5)
    np.testing.assert_array_equal(Zeros(2, 3, bias_initializer="ones")(x, x), 1)


def test_grouped_attention_is_changed_in_compute_attention():
    class Zeros(layers.GroupQueryAttention):
        def _compute_attention(
            self, query, key, value, attention_mask=None, training=None, return_attention_scores=False
        ):
            return query * 0, None

    np.testing.assert_array_equal(Zeros(4, 2, 2, bias_initializer="ones")(X, X), 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "LSTM"])
def test_the_loop_over_steps_is_changed_in_inner_loop(name):
    class Threes(getattr(layers, name)):
        def inner_loop(self, sequences, initial_state, mask, training=False):
            last, outputs, states = super().inner_loop(sequences, initial_state, mask, training)
            assert outputs.shape == (2, 4, 2)
            return last * 0 + 3, outputs * 0 + 4, states

    np.testing.assert_array_equal(Threes(2, return_sequences=True)(X), 4)

    class Last(getattr(layers, name)):
        def inner_loop(self, sequences, initial_state, mask, training=False):
            return sequences[:, 0] * 0 + 3, None, initial_state

    np.testing.assert_array_equal(Last(2)(X), 3)


def test_recurrent_layers_have_the_arguments_of_their_cell():
    layer = layers.GRU(3, activation="relu", dropout=0.25, reset_after=False, kernel_regularizer="l2")
    assert (layer.units, layer.dropout, layer.recurrent_dropout, layer.reset_after) == (3, 0.25, 0.0, False)
    assert layer.activation is layer.cell.activation
    assert layer.kernel_regularizer is layer.cell.kernel_regularizer
    with pytest.raises(AttributeError):
        layer.units = 4  # as in Keras: the cell would not learn of it


def test_image_layers_are_changed_in_their_transform_methods():
    class Ones(layers.RandomFlip):
        def get_random_transformation(self, data, training=True, seed=None):
            return "flip" if training else None

        def transform_images(self, images, transformation, training=True):
            assert transformation == ("flip" if training else None)
            return images * 0 + 1

        def transform_labels(self, labels, transformation, training=True):
            return labels + 1

    images = np.zeros((1, 2, 2, 3), "float32")
    np.testing.assert_array_equal(Ones()(images, training=True), 1)
    np.testing.assert_array_equal(Ones()(images, training=False), 1)
    made = Ones()({"images": images, "labels": np.zeros(1)}, training=True)
    np.testing.assert_array_equal(made["labels"], 1)


def test_arguments_of_losses_are_attributes_that_count():
    loss = minidl.losses.Huber(delta=2.0)
    assert loss.delta == 2.0
    loss.delta = 1.0
    np.testing.assert_allclose(loss([[0.0]], [[3.0]]), 1.0 * 3 - 0.5)  # delta |e| - delta^2 / 2
    assert loss.get_config()["delta"] == 1.0
