"""LoRA: a frozen weight, plus a trained product of two small ones."""

import numpy as np
import pytest

import minidl
from minidl import layers, utils

X = np.random.default_rng(0).normal(size=(4, 6, 5)).astype("float32")
TOKENS = np.array([[1, 2, 0], [3, 0, 0]], "int32")

CASES = {
    "Dense": (lambda keras, **lora: keras.layers.Dense(3, kernel_regularizer="l2", **lora), X),
    "EinsumDense": (lambda keras, **lora: keras.layers.EinsumDense("abc,cde->abde", (None, 2, 3), **lora), X),
    "Embedding": (lambda keras, **lora: keras.layers.Embedding(4, 6, **lora), TOKENS),
    "Conv1D": (lambda keras, **lora: keras.layers.Conv1D(4, 3, **lora), X),
}


def adapted(keras, name, **arguments):
    keras.utils.set_random_seed(0)
    keras.utils.clear_session()
    make, inputs = CASES[name]
    layer = make(keras)
    layer(inputs)
    layer.enable_lora(2, **arguments)
    return layer, inputs


@pytest.mark.parametrize("name", CASES)
def test_numbers_are_those_of_keras(name):
    keras = pytest.importorskip("keras")
    found = []
    for library in (keras, minidl):
        layer, inputs = adapted(library, name, lora_alpha=3.0, b_initializer="ones")
        stored = {}
        layer.save_own_variables(stored)
        numbers = [layer(inputs), *layer.get_weights(), *stored.values(), np.float32(sum(map(float, layer.losses)))]
        paths = [[w.path for w in layer.weights], [w.path for w in layer.trainable_weights], list(stored)]
        found.append(([np.asarray(number) for number in numbers], paths, layer.get_config()["lora_alpha"]))
    assert found[0][1:] == found[1][1:]
    for want, got in zip(found[0][0], found[1][0], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_nothing_changes_at_first_and_a_config_keeps_it(name):
    layer, inputs = adapted(minidl, name, lora_alpha=5.0)
    before = CASES[name][0](minidl)
    before(inputs)
    before.set_weights(layer.get_weights()[:-2])
    np.testing.assert_array_equal(layer(inputs), before(inputs))
    again = type(layer).from_config(layer.get_config())
    again(inputs)
    assert again.lora_enabled and (again.lora_rank, again.lora_alpha) == (2, 5.0)
    assert [w.path for w in again.trainable_weights] == [w.path for w in layer.trainable_weights]


def test_training_leaves_the_weight_and_files_hold_the_sum():
    layer, x = adapted(minidl, "Dense")
    kernel = layer.weights[0].numpy()
    model = minidl.Sequential([layer])
    model.compile("sgd", "mse")
    model.fit(x, np.ones((4, 6, 3), "float32"), verbose=0)
    np.testing.assert_array_equal(layer.weights[0], kernel)
    assert np.abs(layer.lora_kernel_b.numpy()).max() > 0
    stored = {}
    layer.save_own_variables(stored)
    plain = layers.Dense(3)
    plain.build((None, 5))
    plain.load_own_variables(stored)
    np.testing.assert_allclose(plain(x), layer(x), rtol=1e-5, atol=1e-6)
    layer.load_own_variables(stored)
    np.testing.assert_array_equal(layer.lora_kernel_b, np.zeros((2, 3)))
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-6)


def test_the_sum_is_stored_in_full_precision():
    layer = layers.Dense(3, dtype="mixed_bfloat16", lora_rank=1)
    layer.build((None, 2))
    stored = {}
    layer.save_own_variables(stored)
    assert stored["0"].dtype == "float32" and layer.kernel.dtype == "bfloat16"


def test_wrong_use():
    utils.clear_session()
    with pytest.raises(ValueError, match="the rank of LoRA must be a positive integer, got 0"):
        layers.Dense(3, lora_rank=0)
    with pytest.raises(ValueError, match=r"dense.*enable_lora: the layer has no weights yet"):
        layers.Dense(3).enable_lora(2)
    with pytest.raises(ValueError, match="embeddings_constraint cannot be combined with LoRA"):
        layers.Embedding(3, 4, embeddings_constraint="max_norm").enable_lora(2)
    layer = layers.Dense(3, lora_rank=2)
    layer.build((None, 4))
    with pytest.raises(ValueError, match="has LoRA weights of rank 2 already"):
        layer.enable_lora(2)
    with pytest.raises(AttributeError, match="is not built, so it has no kernel yet"):
        layers.Dense(3).kernel  # noqa: B018
