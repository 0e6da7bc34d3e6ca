"""clone_model: the same numbers from new layers, and other layers in the place of some."""

import numpy as np
import pytest

import minidl as keras
from minidl import layers
from minidl.models import Model, Sequential, clone_model

X = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


def stack():
    return Sequential([keras.Input((4,)), layers.Dense(3, name="d", activation="tanh"), layers.Dense(2)], name="stack")


def branches():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(4, name="shared")
    return Model({"a": a, "b": b}, {"out": stack()(shared(a) * shared(b) + 1.0)}, name="branches")


def arrays(tree):
    return [np.asarray(tree["out"])] if isinstance(tree, dict) else [np.asarray(tree)]


@pytest.mark.parametrize("make", [stack, branches])
@pytest.mark.parametrize("recursive", [False, True])
def test_a_clone_has_new_weights_and_the_same_structure(make, recursive):
    model = make()
    inputs = {"a": X, "b": X} if model.name == "branches" else X
    clone = clone_model(model, recursive=recursive)
    assert type(clone) is type(model) and clone.name == model.name
    assert [layer.name for layer in clone.layers] == [layer.name for layer in model.layers]
    assert not {id(weight) for weight in clone.weights} & {id(weight) for weight in model.weights}
    assert not np.array_equal(arrays(clone(inputs))[0], arrays(model(inputs))[0])
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(arrays(clone(inputs))[0], arrays(model(inputs))[0])


def test_a_function_makes_the_layers():
    def wider(layer):
        config = layer.get_config()
        return type(layer).from_config({**config, "units": 7} if config["name"] == "d" else config)

    assert clone_model(stack(), clone_function=wider).layers[0].units == 7
    clone = clone_model(branches(), clone_function=lambda layer: layer)
    assert clone.get_layer("shared") is not None


def test_a_function_makes_the_calls():
    inputs = keras.Input((4,))
    model = Model(inputs, layers.Dense(2)(layers.Dense(3)(inputs)))

    def twice(layer, *args, **kwargs):
        return layers.Rescaling(2.0)(layer(*args, **kwargs))

    clone = clone_model(model, clone_function=lambda layer: layer, call_function=twice)
    first, second = (layer for layer in model.layers if isinstance(layer, layers.Dense))
    np.testing.assert_allclose(clone(X), 2 * second(2 * first(X)), rtol=1e-5)
    with pytest.raises(ValueError, match="call_function is for models of a graph"):
        clone_model(stack(), call_function=twice)


def test_inputs_for_the_clone():
    new = keras.Input((4,), name="new")
    assert clone_model(stack(), input_tensors=new).input is new
    given = {"a": new, "b": keras.Input((4,), name="other")}
    assert clone_model(branches(), input_tensors=given).input_names == ["new", "other"]
    with pytest.raises(ValueError, match="takes a dict of inputs, so input_tensors must be a dict with the keys"):
        clone_model(branches(), input_tensors=list(given.values()))
    with pytest.raises(ValueError, match="the model has 2 inputs, got 1"):
        clone_model(branches(), input_tensors=new)
    with pytest.raises(ValueError, match="a Sequential has one input, got 2"):
        clone_model(stack(), input_tensors=[new, new])


def test_the_clone_of_a_compiled_model_is_compiled():
    model = stack()
    assert not clone_model(model).compiled
    model.compile(optimizer="sgd", loss="mae")
    clone = clone_model(model)
    assert clone.compiled and clone.loss == "mae" and clone.optimizer is not model.optimizer


def test_a_subclass_is_made_of_its_config():
    class Small(Model):
        def __init__(self, units=2, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(units)

        def call(self, x):
            return self.dense(x)

    assert clone_model(Small(units=5)).dense.units == 5
    with pytest.raises(ValueError, match="Small has no graph"):
        clone_model(Small(), clone_function=lambda layer: layer)


def test_a_clone_of_two_inputs_and_outputs_draws_the_weights_of_keras():
    # Keras 3.15.1: keras.utils.set_random_seed(3); [round(float(abs(np.asarray(w)).sum()), 4) for w in
    # keras.models.clone_model(model).weights if "kernel" in w.path]
    i, j = keras.Input((3,)), keras.Input((2,))
    a, b = layers.Dense(4)(i), layers.Dense(5)(j)
    model = Model([i, j], [layers.Dense(1)(layers.Concatenate()([b, a])), layers.Dense(2)(a)])
    keras.utils.set_random_seed(3)
    clone = clone_model(model)
    sums = [float(np.abs(weight.numpy()).sum()) for weight in clone.weights if "kernel" in weight.path]
    np.testing.assert_allclose(sums, [5.258, 6.5936, 2.344, 3.574], atol=1e-4)
