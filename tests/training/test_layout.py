"""Narrow weights are carried transposed through the loop, without any effect on results."""

import jax
import numpy as np
import optax
import pytest

import minidl as keras

pytestmark = [
    pytest.mark.usefixtures("fast_forms"),
    pytest.mark.skipif(jax.default_backend() != "cpu", reason="arrays are transposed on the CPU only"),
]

X = np.random.default_rng(0).normal(size=(96, 20)).astype("float32")
Y = np.random.default_rng(1).integers(0, 5, 96)


def classifier(optimizer, **last):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(32, "relu", input_shape=(20,)), keras.layers.Dense(5, **last)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss)
    return model


def transposed_names(model):
    steps = model.prepare(X, Y)
    flat = [variable for variables in steps.variables for variable in variables]
    flags = [is_transposed for some in steps.layout._transposed for is_transposed in some]
    return [variable.name for variable, is_transposed in zip(flat, flags) if is_transposed]


def test_a_narrow_kernel_is_transposed_with_its_optimizer_state():
    kernel, *state = transposed_names(classifier("adam"))
    assert kernel == "kernel"
    assert sorted(name.rpartition("_")[2] for name in state) == ["momentum", "velocity"]


def test_what_must_keep_its_shape_is_not_transposed():
    assert transposed_names(classifier("adam", kernel_constraint="max_norm")) == []
    assert transposed_names(classifier(optax.adam(1e-3))) == []


OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "adam": lambda: keras.optimizers.Adam(0.01, amsgrad=True, clipnorm=0.5),
    "accumulating": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=2),
    "averaging": lambda: keras.optimizers.AdamW(0.01, use_ema=True, ema_overwrite_frequency=3),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_transposing_changes_no_number(name, monkeypatch):
    def trained():
        model = classifier(OPTIMIZERS[name]())
        model.fit(X, Y, epochs=3, verbose=0)
        return [*model.get_weights(), *(variable.numpy() for variable in model.optimizer.variables)]

    transposed = trained()
    monkeypatch.setattr("minidl.kernels.cpu.matmul.NARROW", 0)
    for one, other in zip(transposed, trained()):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
