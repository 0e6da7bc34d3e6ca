"""Sequential: a stack of layers, built at once or by its first data."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minidl as keras
from minidl import Input, Sequential, layers
from minidl.layers import LSTM, Activation, Dense, Dropout, Embedding, Flatten, InputLayer, Layer

X = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


@pytest.fixture(autouse=True)
def fresh_names():
    keras.utils.clear_session(free_memory=False)


def paths(model):
    return [weight.path for weight in model.weights]


def tails(model):
    """Paths without what is around the layer: a model inside is built before the one around it."""
    return [path.split("/")[-2:] for path in paths(model)]


# Adding and taking off


def test_layers_are_called_one_after_the_other():
    first, second = Dense(4, activation="relu"), Dense(2)
    model = Sequential([Input((3,)), first, second])
    np.testing.assert_allclose(model(X), second(first(X)), rtol=1e-6)
    assert model.layers == [first, second]
    assert paths(model) == [f"sequential/{path}" for path in ("dense/kernel", "dense/bias", "dense_1/kernel")] + [
        "sequential/dense_1/bias"
    ]


def test_add_and_pop():
    model = Sequential(name="m")
    assert model.layers == [] and not model.built
    model.add(Input((3,)))
    assert model.layers == [] and not model.built
    model.add(Dense(4))
    assert model.built and model.output_shape == (None, 4)
    kernel = model.layers[0].kernel.numpy()
    model.add(Dense(2))
    assert model.output_shape == (None, 2) and model(X).shape == (5, 2)
    np.testing.assert_array_equal(model.layers[0].kernel, kernel)
    top = model.pop()
    assert isinstance(top, Dense) and top.units == 2 and model.output_shape == (None, 4)
    np.testing.assert_array_equal(model(X), model.layers[0](X))
    model.pop()
    assert model.layers == [] and not model.built
    with pytest.raises(IndexError, match="Sequential: 'm' has no layer to pop"):
        model.pop()


def test_add_without_rebuilding():
    model = Sequential([Input((3,)), Dense(4)])
    model.add(Dense(2), rebuild=False)
    assert len(model.layers) == 2 and not model.layers[1].built
    assert model(X).shape == (5, 2)


def test_the_list_of_layers_is_a_copy():
    model = Sequential([Input((3,)), Dense(4)])
    model.layers.append(Dense(2))
    assert len(model.layers) == 1
    with pytest.raises(AttributeError, match=r"cannot be set: add layers with add\(\)"):
        model.layers = []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (3, "Sequential.add: expected a layer, got 3"),
        (lambda x: x, "Sequential.add: expected a layer, got the function <lambda>"),
        (Flatten, r"got the class Flatten. Write Flatten\(...\) to make one"),
        (None, "Sequential.add: expected a layer, got None"),
    ],
)
def test_only_layers_can_be_added(wrong, message):
    with pytest.raises(ValueError, match=message):
        Sequential([Dense(2), wrong])


def test_symbolic_tensors_that_are_not_inputs_are_refused():
    with pytest.raises(ValueError, match=r"Sequential.add: expected a layer, got float32 \(None, 2\)"):
        Sequential([Dense(2)(Input((3,)))])


def test_duplicates_are_refused():
    with pytest.raises(ValueError, match="there is a layer named 'a' in 'sequential' already; give this one another"):
        Sequential([Dense(2, name="a"), Flatten(name="a")])


def test_the_same_layer_twice_shares_its_weights():
    dense = Dense(3)
    model = Sequential([Input((3,)), dense, dense])
    assert model.layers == [dense, dense] and len(model.weights) == 2 and model.count_params() == 12
    np.testing.assert_allclose(model(X), dense(dense(X)), rtol=1e-6)


@pytest.mark.parametrize("first", [lambda: Input((3,)), lambda: Dense(2, input_shape=(3,)), lambda: Dense(2)])
def test_an_input_comes_first_and_once(first):
    with pytest.raises(ValueError, match="'sequential' begins with <.* already. An Input can only come first"):
        Sequential([first(), Input((3,))])


# Building


BUILT_AT_ONCE = {
    "Input": lambda: Sequential([Input((3,)), Dense(2)]),
    "Input list": lambda: Sequential([Input([3]), Dense(2)]),
    "InputLayer": lambda: Sequential([InputLayer((3,)), Dense(2)]),
    "input_shape": lambda: Sequential([Dense(2, input_shape=(3,))]),
    "input_shape int": lambda: Sequential([Dense(2, input_shape=3)]),
    "input_dim": lambda: Sequential([Dense(2, input_dim=3)]),
    "batch_input_shape": lambda: Sequential([Dense(2, batch_input_shape=(None, 3))]),
    "add": lambda: added(Input((3,)), Dense(2)),
    "add input_shape": lambda: added(Dense(2, input_shape=(3,))),
    "model first": lambda: Sequential([Sequential([Input((3,)), Dense(4)]), Dense(2)]),
}


def added(*stack):
    model = Sequential()
    for layer in stack:
        model.add(layer)
    return model


@pytest.mark.parametrize("make", BUILT_AT_ONCE.values(), ids=BUILT_AT_ONCE.keys())
def test_a_known_input_builds_at_once(make):
    model = make()
    assert model.built and all(layer.built for layer in model.layers)
    assert model.input_shape == (None, 3) and model.output_shape == (None, 2)
    weights = model.get_weights()
    assert model(X).shape == (5, 2)
    for before, after in zip(weights, model.get_weights()):
        np.testing.assert_array_equal(before, after)


BUILT_BY_DATA = {
    "call": lambda model: model(X),
    "symbolic call": lambda model: model(Input((3,))),
    "build": lambda model: model.build((None, 3)),
    "build list": lambda model: model.build([None, 3]),
    "predict": lambda model: model.predict(X, verbose=0),
    "fit": lambda model: (model.compile("sgd", "mse"), model.fit(X, X[:, :2], verbose=0)),
    "compute_output_shape": lambda model: model.compute_output_shape((None, 3)),
}


@pytest.mark.parametrize("build", BUILT_BY_DATA.values(), ids=BUILT_BY_DATA.keys())
def test_otherwise_data_builds(build):
    model = Sequential([Dense(4), Dropout(0.5), Dense(2)])
    assert not model.built and model.weights == [] and not any(layer.built for layer in model.layers[::2])
    for shape in ("input_shape", "output_shape"):
        with pytest.raises(AttributeError, match="'sequential' is not built, so its shapes are not known"):
            getattr(model, shape)
    build(model)
    assert model.built and len(model.weights) == 4
    assert model.input_shape[1:] == (3,) and model.output_shape[1:] == (2,)
    assert paths(model)[0] == "sequential/dense/kernel" and len(model.layers) == 3


def test_data_of_one_size_does_not_fix_the_batch():
    model = Sequential([Dense(2)])
    whole = model(X)
    np.testing.assert_allclose(model(X[:2]), whole[:2], rtol=1e-6)
    assert model(np.concatenate([X, X])).shape == (10, 2)
    assert model.predict(X[:1], verbose=0).shape == (1, 2)
    fixed = Sequential([Input((3,), batch_size=5), Dense(2)])
    assert fixed.output_shape == (5, 2) and fixed(X[:2]).shape == (2, 2)


@pytest.mark.slow
@pytest.mark.parametrize("made_again", ["itself", "config", "clone", "file"])
def test_data_does_not_fix_sizes_that_no_layer_needs(made_again, tmp_path):
    model = Sequential([Embedding(10, 4, mask_zero=True), LSTM(3), Dense(1)])
    short, long = np.array([[1, 2], [3, 0]]), np.array([[1, 2, 0, 0], [3, 0, 0, 0]])  # of the same, but for the mask
    expected = model(short)
    if made_again == "config":
        model, weights = Sequential.from_config(model.get_config()), model.get_weights()
        model.set_weights(weights)
    elif made_again == "clone":
        model, weights = keras.models.clone_model(model), model.get_weights()
        model.set_weights(weights)
    elif made_again == "file":
        model.save(tmp_path / "model.keras")
        model = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(model(long), expected, rtol=1e-6)
    np.testing.assert_allclose(model.predict(iter([short, long]), verbose=0), np.tile(expected, (2, 1)), rtol=1e-6)
    assert model.input_shape[1:] == (2,)


@pytest.mark.slow
def test_training_on_batches_of_several_lengths():
    keras.utils.set_random_seed(0)
    model = Sequential([Embedding(10, 4, mask_zero=True), LSTM(3), Dense(1)])
    model.compile("sgd", "mse")
    draws = np.random.default_rng(0)
    batches = [(draws.integers(1, 10, (2, n)), draws.normal(size=(2, 1)).astype("float32")) for n in (5, 7, 3, 7)]
    history = model.fit(iter(batches), verbose=0)
    np.testing.assert_allclose(history.history["loss"], [0.6745690703392029], rtol=1e-5)  # Keras's


def test_a_layer_refuses_a_size_that_it_needs():
    model = Sequential([Dense(2)])
    model(X)
    with pytest.raises(ValueError, match=r"takes inputs of shape \(examples, 3\), but got \(examples, 4\)"):
        model(np.ones((5, 4), "float32"))
    with pytest.raises(ValueError, match=r"takes inputs of shape \(examples, 3\), but got \(examples, 4, 3\)"):
        model(np.ones((5, 4, 3), "float32"))


def test_building_nothing_is_refused():
    for make in (Sequential, lambda: Sequential([Input((3,))])):
        for use in (lambda model: model.build((None, 3)), lambda model: model(X)):
            with pytest.raises(ValueError, match=r"Sequential: 'sequential.*' has no layers yet. Call add\(\)"):
                use(make())


def test_building_for_no_shape_is_refused():
    model = Sequential([Dense(2)])
    with pytest.raises(ValueError, match=r"the input shape of 'sequential' is not known: give build\(\) one"):
        model.build()
    assert not model.built and model(X).shape == (5, 2)
    Sequential([Input((3,)), Dense(2)]).build()


def test_a_layer_of_several_inputs_is_refused():
    class Two(Layer):
        def call(self, first, second, training, mask=None):
            return first + second

    with pytest.raises(ValueError, match=r"called with one input, but 'two\w*' \(Two\) also requires \['second'\]"):
        Sequential([Input((3,)), Two()])


def test_building_a_built_model_for_another_shape_is_refused():
    model = Sequential([Input((3,), batch_size=7), Dense(2)])
    with pytest.raises(ValueError, match=r"takes inputs of shape \(7, 3\), so it cannot be built for \(7, 4\)"):
        model.build((7, 4))
    model.build((7, 3))


def test_a_layer_of_unknown_output_shape_is_built_by_data():
    class Dynamic(Layer):
        def call(self, x):
            return x + 1.0

        def compute_output_spec(self, *args, **kwargs):
            raise NotImplementedError

    model = Sequential([Dynamic(), Dense(1, kernel_initializer="ones")])
    np.testing.assert_array_equal(model(np.ones((2, 3), "float32")), [[6.0], [6.0]])
    assert model.count_params() == 4 and not hasattr(model, "output_shape")
    model.summary()


def test_building_for_another_shape_is_refused():
    model = Sequential([Input((3,))])
    model.add(Dense(2), rebuild=False)
    with pytest.raises(
        ValueError,
        match=r"'sequential' takes inputs of shape \(None, 3\), so it cannot be built for \(None, 4\)",
    ):
        model.build((None, 4))
    model.build((7, 3))
    assert model.output_shape == (None, 2)


def test_the_first_weights_do_not_depend_on_when_they_are_made():
    results = []
    for stack in ([Input((3,)), Dense(4), Dense(2)], [Dense(4), Dense(2)]):
        keras.utils.set_random_seed(3)
        model = Sequential([layer if not isinstance(layer, Dense) else Dense(layer.units) for layer in stack])
        model(X)
        results.append(model.get_weights())
    for first, second in zip(*results):
        np.testing.assert_array_equal(first, second)


# Inputs


@pytest.mark.parametrize("shape", [(5, 4), (5, 3, 2), (5, 2, 3), (3,), (), (5, 3, 1, 1)])
def test_wrong_input_shapes_are_refused(shape):
    model = Sequential([Input((3,)), Dense(2)], name="m")
    with pytest.raises(ValueError) as refusal:
        model(np.ones(shape, "float32"))
    given = str(("examples", *shape[1:])).replace("'", "")
    fix = "x[None]" if len(shape) < 2 else f"input_shape={shape[1:]}"
    for part in ("'m' takes inputs of shape (examples, 3)", f"got {given}", fix):
        assert part in str(refusal.value)
    assert model(X).shape == (5, 2)


def test_wrong_input_shapes_are_refused_by_symbolic_calls_too():
    with pytest.raises(ValueError, match=r"'sequential' takes inputs of shape \(examples, 3\), but got \(examples, 4"):
        Sequential([Input((3,)), Dense(2)])(Input((4,)))


def test_a_layer_that_refuses_its_input_is_named():
    with pytest.raises(ValueError, match="Dense 'e': the last axis of the input needs a known size"):
        Sequential([Input((None, 3)), Flatten(), Dense(2, name="e")])


def test_one_feature_may_come_without_its_axis():
    model = Sequential([Input((1,)), Dense(2)])
    column = X[:, :1]
    np.testing.assert_array_equal(model(X[:, 0]), model(column))
    np.testing.assert_array_equal(model.predict(X[:, 0], verbose=0), model(column))
    assert model(Input(())).shape == (None, 2)


def test_a_last_axis_of_one_may_be_left_over():
    model = Sequential([Input((3,)), Dense(2)])
    np.testing.assert_array_equal(model(X[..., None]), model(X))
    images = Sequential([Input((4, 4)), Flatten()])
    assert images(np.ones((2, 4, 4, 1))).shape == (2, 16)


def test_unknown_sizes_fit_any():
    model = Sequential([Input((None, 3)), Dense(2)])
    assert model.output_shape == (None, None, 2)
    assert model(np.ones((4, 7, 3))).shape == (4, 7, 2) and model(np.ones((4, 1, 3))).shape == (4, 1, 2)


def test_training_reaches_every_layer():
    model = Sequential([Input((3,)), Dropout(0.5, seed=1), Sequential([Dropout(0.5, seed=2)])])
    np.testing.assert_array_equal(model(X), X)
    np.testing.assert_array_equal(model(X, training=False), X)
    assert not np.array_equal(model(X, training=True), X)


def test_structures_pass_through():
    class Both(Layer):
        def call(self, pair):
            return pair["a"] + pair["b"]

    class Split(Layer):
        def call(self, x):
            return {"a": x, "b": 2 * x}

    model = Sequential([Input((3,)), Split(), Both()])
    np.testing.assert_allclose(model(X), 3 * X, rtol=1e-6)
    assert model.output_shape == (None, 3)
    np.testing.assert_allclose(Sequential([Both()])({"a": X, "b": X}), 2 * X)


def test_pure_calls_in_jax_transformations():
    model = Sequential([Input((3,)), Dense(4, activation="tanh"), Dense(1)])
    values = [weight.value for weight in model.trainable_variables]
    gradients = jax.jit(jax.grad(lambda values: jnp.sum(model.stateless_call(values, [], X)[0])))(values)
    np.testing.assert_allclose(gradients[-1], [5.0], rtol=1e-6)  # of the last bias: one for each example


# Names and layers


def test_automatic_names():
    models = [Sequential(), Sequential(name="mine"), Sequential([Dense(1), Dense(1), Flatten(), Dense(1)])]
    assert [model.name for model in models] == ["sequential", "mine", "sequential_1"]
    assert [layer.name for layer in models[2].layers] == ["dense", "dense_1", "flatten", "dense_2"]
    assert repr(models[0]) == "<Sequential name=sequential, built=False>"


def test_get_layer():
    first, second = Dense(2, name="first"), Flatten()
    model = Sequential([Input((3,), name="in"), first, second], name="m")
    assert model.get_layer("first") is first and model.get_layer(name="flatten") is second
    assert model.get_layer(index=0) is first and model.get_layer(index=-1) is second
    for arguments in ({}, {"name": "first", "index": 0}):
        with pytest.raises(ValueError, match="get_layer: give a name or an index, got name="):
            model.get_layer(**arguments)
    for index in (2, -3):
        with pytest.raises(ValueError, match=f"get_layer: no layer at index {index}; 'm' has 2 layers"):
            model.get_layer(index=index)
    with pytest.raises(ValueError, match=r"get_layer: no layer 'frist' in 'm'; it has \['first', 'flatten'\]"):
        model.get_layer("frist")


def test_weights_are_shared_when_a_layer_is_in_two_models():
    shared = Dense(4)
    first = Sequential([Input((3,)), shared, Dense(2)], name="first")
    second = Sequential([Input((3,)), shared], name="second")
    assert first.layers[0] is second.layers[0] and first.weights[0] is second.weights[0]
    assert paths(second) == ["first/dense/kernel", "first/dense/bias"]
    before = np.asarray(second(X))
    first.compile("sgd", "mse")
    first.fit(X, X[:, :2], verbose=0)
    assert not np.array_equal(second(X), before)
    np.testing.assert_array_equal(second(X), shared(X))
    second.set_weights([np.ones((3, 4)), np.ones(4)])
    np.testing.assert_array_equal(first.get_weights()[0], np.ones((3, 4)))


def test_models_inside():
    inner = Sequential([Dense(4), Dropout(0.1)], name="inner")
    model = Sequential([Input((3,)), inner, Dense(2)], name="outer")
    assert paths(model)[:2] == ["outer/inner/dense/kernel", "outer/inner/dense/bias"]
    assert model.layers[0] is inner and inner.output_shape == (None, 4) and model.count_params() == 16 + 10
    inner.trainable = False
    assert len(model.trainable_weights) == 2 and len(model.non_trainable_weights) == 2


def test_trainable():
    frozen = Sequential([Input((3,)), Dense(2)], trainable=False)
    assert frozen.trainable_weights == [] and frozen.layers[0].trainable
    frozen.trainable = True
    assert len(frozen.trainable_weights) == 2
    frozen.trainable = False
    assert not frozen.layers[0].trainable


# Configs


class Doubled(Layer):
    """A layer of a user."""

    def __init__(self, times=2, **kwargs):
        super().__init__(**kwargs)
        self.times = times

    def call(self, x):
        return x * self.times


CONFIGS = {
    "Input": lambda: Sequential([Input((3,), name="in"), Dense(4, "relu"), Dropout(0.5, seed=1), Dense(2)], name="m"),
    "input_shape": lambda: Sequential([Dense(2, input_shape=(3,))]),
    "built by build": lambda: built(Sequential([Dense(4), Activation("softmax")]), (None, 3)),
    "fixed batch": lambda: Sequential([Input((3,), batch_size=5), Dense(4)]),
    "not built": lambda: Sequential([Dense(4), Dense(2)]),
    "empty": lambda: Sequential(),
    "inside": lambda: Sequential([Input((3,)), Sequential([Dense(4), Dense(3)], name="inner"), Dense(2)]),
    "custom": lambda: Sequential([Input((3,)), Doubled(3), Sequential([Doubled(4)])]),
    "frozen": lambda: Sequential([Input((3,)), Dense(4), Dense(2, trainable=False)], trainable=False),
    "uint8": lambda: Sequential([Input((3,), dtype="uint8"), layers.Rescaling(1 / 255), Dense(4)]),
}


def built(model, shape):
    model.build(shape)
    return model


@pytest.mark.parametrize("make", CONFIGS.values(), ids=CONFIGS.keys())
def test_config_round_trip(make):
    model = make()
    config = json.loads(json.dumps(model.get_config()))
    again = Sequential.from_config(config, custom_objects={"Doubled": Doubled})
    assert json.loads(json.dumps(again.get_config())) == config
    assert (again.name, again.built, again.trainable) == (model.name, model.built, model.trainable)
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert len(again.trainable_weights) == len(model.trainable_weights)
    if not model.built:
        assert again.weights == []
        return
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(X), model(X))
    assert again.input_shape == model.input_shape and tails(again) == tails(model)


@pytest.mark.parametrize("name", [name for name in CONFIGS if name != "custom"])
def test_keras_reads_the_config(name):
    reference = pytest.importorskip("keras")
    model = CONFIGS[name]()
    config = json.loads(json.dumps(model.get_config()))
    theirs = reference.Sequential.from_config(config)
    assert theirs.name == model.name and [x.name for x in theirs.layers] == [x.name for x in model.layers]
    assert tails(theirs) == tails(model)
    ours = Sequential.from_config(json.loads(json.dumps(theirs.get_config())))
    assert tails(ours) == tails(model)


def test_a_config_with_an_unknown_layer_is_refused():
    config = CONFIGS["custom"]().get_config()
    with pytest.raises(ValueError, match="Unknown layer 'Doubled'"):
        Sequential.from_config(config)


@pytest.mark.slow
@pytest.mark.parametrize("first", [[], [Input((8, 8, 3))]], ids=["learned", "given"])
def test_inputs_of_other_sizes_where_all_layers_take_them(first):
    model = Sequential([*first, keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D(), Dense(1)])
    model(np.ones((1, 8, 8, 3)))
    other = np.random.default_rng(0).normal(size=(2, 10, 9, 3)).astype("float32")
    want = other
    for layer in model.layers:
        want = layer(want)
    np.testing.assert_allclose(model(other), want, rtol=1e-5)
    np.testing.assert_allclose(model.predict(other, verbose=0), want, rtol=1e-5)
    with pytest.raises(ValueError, match=r"takes inputs of shape \(examples, 8, 8, 3\), but got \(examples, 8, 8, 2\)"):
        model(np.ones((1, 8, 8, 2)))
    with pytest.raises(ValueError, match=r"but got \(examples, 8, 3\)"):
        model(np.ones((1, 8, 3)))


def test_inputs_are_cast_to_the_dtype_of_the_input():
    """As in Keras and in a model of a graph: an image of bytes that is resized is not rounded to bytes."""
    images = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3)).astype("uint8")
    stack = [layers.Resizing(3, 3), layers.Rescaling(1 / 255)]
    x = layers.Input((4, 4, 3))
    graph = keras.Model(x, stack[1](stack[0](x)))
    model = keras.Sequential([layers.Input((4, 4, 3)), *stack])
    floats = stack[1](stack[0](images.astype("float32")))
    for outputs in (graph(images), model(images), model.predict(images, verbose=0)):
        np.testing.assert_allclose(outputs, floats, rtol=1e-6)


def test_a_stack_takes_the_name_of_a_functional_model():
    """As in Keras, which makes one of it each time that its layers change."""
    keras.utils.clear_session()
    x = keras.Input((3,))
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Dense(2)])
    assert keras.Model(x, x + 1).name == "functional_1"
    model.add(layers.Dense(1))
    model.pop()
    assert keras.Model(x, x + 1).name == "functional_4"
    later = keras.Sequential([layers.Dense(2)])
    assert keras.Model(x, x + 1).name == "functional_5"
    later.build((None, 3))
    assert keras.Model(x, x + 1).name == "functional_7"
