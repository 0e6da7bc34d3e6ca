"""Layers inside of `tf.data.Dataset.map`: the values, shapes and dtypes that Keras's layers have there."""

import numpy as np
import pytest

import minidl as keras
from minidl import layers

tf = pytest.importorskip("tensorflow")
X = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype("uint8")


def mapped(function, data, batch_size=None):
    dataset = tf.data.Dataset.from_tensor_slices(data)
    dataset = dataset if batch_size is None else dataset.batch(batch_size)
    return dataset.map(function, num_parallel_calls=4).prefetch(2)


def normalization():
    layer = layers.Normalization()
    layer.adapt(X.astype("float32"))
    return layer


F = X.astype("float64")
# layer, what it gives for X; keras 3.15.1 casts integers to float32 there, and so does not round
OF_IMAGES = {
    "rescaling": (lambda: layers.Rescaling(1 / 255, offset=-1), F / 255 - 1),
    "resizing": (lambda: layers.Resizing(4, 4), F.reshape(4, 4, 2, 4, 2, 3).mean((2, 4))),
    "center_crop": (lambda: layers.CenterCrop(4, 6), F[:, 2:6, 1:7]),
    "normalization": (normalization, (F - F.mean((0, 1, 2))) / F.std((0, 1, 2))),
}


@pytest.mark.parametrize("name", OF_IMAGES)
@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_values_in_batches_of_a_size_that_is_not_known(name, dtype):
    make, want = OF_IMAGES[name]
    dataset = mapped(make(), X.astype(dtype), 2)
    assert dataset.element_spec == tf.TensorSpec((None, *want.shape[1:]), tf.float32)
    np.testing.assert_allclose(np.concatenate(list(dataset.as_numpy_iterator())), want, rtol=1e-5, atol=1e-4)


def test_elements_without_a_batch():
    make, want = OF_IMAGES["resizing"]
    dataset = mapped(lambda x: make()(x), X)
    assert dataset.element_spec == tf.TensorSpec((4, 4, 3), tf.float32)
    np.testing.assert_allclose(np.stack(list(dataset.as_numpy_iterator())), want, rtol=1e-5)


def test_classes_and_bins():
    encoding = mapped(layers.CategoryEncoding(4, output_mode="one_hot"), np.array([1, 2]), 2)
    np.testing.assert_array_equal(next(iter(encoding)), [[0, 1, 0, 0], [0, 0, 1, 0]])
    bins = mapped(layers.Discretization([1.0, 2.0]), np.array([0.5, 1.5, 2.5]), 3)
    assert bins.element_spec == tf.TensorSpec((None,), tf.int32)
    np.testing.assert_array_equal(next(iter(bins)), [0, 1, 2])


def test_random_layers_draw_for_each_element_in_all_threads():
    layer = layers.RandomBrightness((0.1, 0.9), value_range=(0, 1), seed=3)
    black = np.zeros((64, 2, 2, 3), "float32")
    drawn = [float(image[0, 0, 0]) for image in mapped(layer, black).as_numpy_iterator()]
    assert len(set(drawn)) == 64 and 0.1 <= min(drawn) < 0.3 and 0.7 < max(drawn) <= 0.9
    again = [float(image[0, 0, 0]) for image in mapped(layer, black).as_numpy_iterator()]
    assert not set(drawn) & set(again)
    still = mapped(lambda x: layer(x, training=False), black)
    assert all(not image.any() for image in still.as_numpy_iterator())


def test_dicts_keep_their_order_and_their_parts_together():
    flip = layers.RandomFlip("horizontal", seed=1)
    data = {"segmentation_masks": X[..., :1], "images": X, "labels": np.arange(4)}
    dataset = mapped(flip, data, 1)
    assert list(dataset.element_spec) == ["segmentation_masks", "images", "labels"]
    assert dataset.element_spec["labels"] == tf.TensorSpec((None,), tf.float32)  # as in Keras
    for i, element in enumerate(dataset.as_numpy_iterator()):
        flipped = not np.array_equal(element["images"][0], X[i])
        want = X[i, :, ::-1] if flipped else X[i]
        np.testing.assert_array_equal(element["images"][0], want)
        np.testing.assert_array_equal(element["segmentation_masks"][0], want[..., :1])
        np.testing.assert_array_equal(element["labels"], [i])


def test_models_in_a_map_have_the_weights_of_the_moment():
    model = keras.Sequential([layers.Rescaling(0.5), layers.Dense(1, kernel_initializer="ones")])
    dataset = mapped(lambda x, y: (model(x), y), (np.ones((2, 3), "float32"), np.arange(2)), 2)
    np.testing.assert_array_equal(next(iter(dataset))[0], [[1.5], [1.5]])
    model.set_weights([2 * weight for weight in model.get_weights()])
    np.testing.assert_array_equal(next(iter(dataset))[0], [[3.0], [3.0]])


def test_an_unknown_number_of_axes_is_refused():
    dataset = tf.data.Dataset.from_generator(lambda: iter(X), output_signature=tf.TensorSpec(None, tf.uint8))
    with pytest.raises(ValueError, match="unknown number of axes.*set_shape"):
        dataset.map(layers.Rescaling(1 / 255))


def test_training_on_a_pipeline():
    augment = keras.Sequential([layers.Rescaling(1 / 255), layers.RandomFlip(), layers.RandomRotation(0.1)])
    dataset = mapped(lambda x, y: (augment(x, training=True), y), (X, np.arange(4.0)), 2)
    model = keras.Sequential([layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(dataset, epochs=2, verbose=0).history["loss"]).all()
