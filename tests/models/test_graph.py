"""Graphs of calls: their order, what they run, what they refuse, and the models made of them."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest

import minidl as keras
from minidl import layers
from minidl.models import Model, Sequential
from minidl.models.graph import Graph

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4)).astype("float32")
Z = RNG.normal(size=(6, 4)).astype("float32")


def two_inputs():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(4, activation="relu", name="shared")
    both = shared(a) + shared(b) * 2.0
    return Model([a, b], [layers.Dense(1, name="value")(both), layers.Dense(3, name="kind")(both)]), shared


def test_a_graph_computes_what_was_written():
    model, shared = two_inputs()
    value, kind = model([X, Z])
    both = shared(X) + shared(Z) * 2.0
    np.testing.assert_allclose(value, model.get_layer("value")(both), rtol=1e-6)
    np.testing.assert_allclose(kind, model.get_layer("kind")(both), rtol=1e-6)
    assert len(model.weights) == 6, "the shared layer's weights count once"


def test_attributes_of_a_graph():
    model, _ = two_inputs()
    assert [layer.name for layer in model.layers] == ["a", "b", "shared", "value", "kind"]
    functions = [operation.function_name for operation in model.operations if operation not in model.layers]
    assert functions == ["multiply", "add"]
    assert model.input_shape == [(None, 4), (None, 4)] and model.output_shape == [(None, 1), (None, 3)]
    assert model.input_names == ["a", "b"] and model.output_names == ["value", "kind"]
    assert [tensor.shape for tensor in model.outputs] == [(None, 1), (None, 3)]
    single = Model(model.inputs[0], layers.Dense(2)(model.inputs[0]))
    assert single.input_shape == (None, 4) and single.output_shape == (None, 2)
    with pytest.raises(AttributeError, match="has no inputs: it was not made of a graph"):
        Model().inputs  # noqa: B018


@pytest.mark.parametrize(
    "inputs", [[X, Z], (X, Z), {"a": X, "b": Z}, {"b": Z, "a": X, "more": Z}], ids=["list", "tuple", "dict", "more"]
)
def test_inputs_in_any_structure(inputs):
    model, _ = two_inputs()
    for got, want in zip(model(inputs), model([X, Z])):
        np.testing.assert_array_equal(got, want)


def test_dicts_of_inputs_and_outputs():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = Model({"a": a, "b": b}, {"sum": a + b, "difference": a - b})
    outputs = model({"a": X, "b": Z})
    np.testing.assert_array_equal(outputs["sum"], X + Z)
    np.testing.assert_array_equal(outputs["difference"], X - Z)
    with pytest.raises(ValueError, match=r"takes inputs with the keys \['a', 'b'\]; \['b'\] are missing"):
        model({"a": X})


@pytest.mark.slow
def test_training_two_outputs_by_name():
    model, _ = two_inputs()
    model.compile("adam", {"value": "mse", "kind": "mse"}, metrics={"kind": ["mae"]})
    targets = {"value": X[:, :1], "kind": Z[:, :3]}
    history = model.fit({"a": X, "b": Z}, targets, epochs=30, verbose=0).history
    assert set(history) == {"loss", "value_loss", "kind_loss", "kind_mae"}
    assert history["loss"][-1] < history["loss"][0]
    assert [output.shape for output in model.predict([X, Z], verbose=0)] == [(6, 1), (6, 3)]


def test_features_from_inside():
    inputs = keras.Input((4,))
    hidden = layers.Dense(5, name="hidden")(inputs)
    model = Model(inputs, layers.Dense(1)(hidden))
    features = Model(model.inputs, model.get_layer("hidden").output)
    np.testing.assert_allclose(features(X), model.get_layer("hidden")(X), rtol=1e-6)
    head = Model(hidden, model.output)  # from a tensor in the middle
    np.testing.assert_allclose(head(features(X)), model(X), rtol=1e-6)
    assert [type(layer).__name__ for layer in head.layers] == ["InputLayer", "Dense"]
    stack = Sequential([keras.Input((4,)), layers.Dense(3, name="first"), layers.Dense(2)])
    np.testing.assert_allclose(Model(stack.inputs, stack.get_layer("first").output)(X), stack.layers[0](X), rtol=1e-6)


def test_nested_models():
    inner_input = keras.Input((4,))
    inner = Model(inner_input, layers.Dense(4, activation="tanh")(inner_input), name="inner")
    stack = Sequential([layers.Dense(4), layers.Dropout(0.5, seed=1)], name="stack")
    inputs = keras.Input((4,))
    model = Model(inputs, inner(stack(inner(inputs))) + inputs)
    np.testing.assert_allclose(model(X), inner(stack(inner(X))) + X, rtol=1e-6)
    assert not np.array_equal(model(X, training=True), model(X)), "training reaches the layers inside"
    assert len(model.trainable_weights) == 4 and inner in model.layers


def test_a_subclass_with_a_graph_and_a_step_of_its_own():
    class Doubling(Model):
        def call(self, inputs, training=None):
            return 2 * super().call(inputs, training=training)

    inputs = keras.Input((4,))
    model = Doubling(inputs, layers.Dense(2)(inputs), name="doubling")
    np.testing.assert_allclose(model(X), 2 * model.layers[1](X), rtol=1e-6)


def test_freezing_reaches_the_layers_of_the_graph():
    model, shared = two_inputs()
    shared.trainable = False
    assert [weight.path.split("/")[0] for weight in model.trainable_weights] == ["value"] * 2 + ["kind"] * 2
    model.trainable = False
    assert model.trainable_weights == [] and len(model.non_trainable_weights) == 6
    assert not Model(model.inputs, model.outputs, trainable=False).get_layer("value").trainable


def test_inputs_are_converted_to_their_dtype_and_rank():
    tokens = keras.Input((), dtype="int32")
    model = Model(tokens, tokens + 1)
    assert model(np.array([[1.0], [2.0]])).dtype == "int32"
    column = keras.Input((1,))
    assert Model(column, column * 2)(np.ones(5, "float32")).shape == (5, 1)
    half = Model(column, layers.Dense(2, dtype="mixed_bfloat16")(column), dtype="mixed_bfloat16")
    assert half(np.ones((3, 1), "float32")).dtype == "bfloat16"


def test_an_optional_input():
    class Plus(layers.Layer):
        def call(self, x, more=None):
            return x if more is None else x + more

    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b", optional=True)
    model = Model([a, b], Plus()(a, b))
    np.testing.assert_array_equal(model([X, None]), X)
    np.testing.assert_array_equal(model([X, Z]), X + Z)
    with pytest.raises(ValueError, match="got None for the input 'a', which is required"):
        model([None, Z])


def test_an_input_that_nothing_uses():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = Model([a, b], layers.Dense(1, name="d")(a))
    assert [layer.name for layer in model.layers] == ["a", "b", "d"]
    assert model([X, Z]).shape == (6, 1)


@pytest.mark.slow
def test_a_deep_graph_needs_no_recursion():
    x = inputs = keras.Input((1,))
    for _ in range(1500):
        x = x + 1.0
    assert len(Graph(inputs, x).nodes) == 1501


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda a, b: Model(a, layers.Dense(1)(b)),
            r"does not follow from the inputs \['a'\]: the graph is disconnected",
        ),
        (lambda a, b: Model(X, a), "All `inputs` values must be KerasTensors"),
        (lambda a, b: Model(a, X), "All `outputs` values must be KerasTensors"),
        (lambda a, b: Model(a, []), "All `outputs` values must be KerasTensors"),
        (lambda a, b: Model(a, layers.Dense(1, name="d")(layers.Dense(4, name="d")(a))), r"are called \['d'\]"),
        (lambda a, b: Model([a, b], a + b)(X), r"takes 2 input\(s\) named \['a', 'b'\]; got 1"),
        (lambda a, b: Model([a, b], a + b)({"a": X}), r"inputs named \['a', 'b'\]; \['b'\] are not among \['a'\]"),
        (
            lambda a, b: Model(a, a * 2)(X[:, :3]),
            r"the input 'a' \(at ''\) takes arrays of shape \(None, 4\), got \(\d+, 3\)",
        ),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(keras.Input((4,), name="a"), keras.Input((4,), name="b"))


def test_only_one_end_is_refused():
    with pytest.raises(TypeError, match="give both inputs and outputs"):
        Model(keras.Input((4,)))


def test_a_call_on_an_input_like_its_own_is_not_traced():
    calls = []

    class Counting(layers.Layer):
        def call(self, x):
            calls.append(1)
            return x

    inputs = keras.Input((4,))
    model = Model(inputs, Counting()(inputs))
    calls.clear()
    assert model(keras.Input((4,))).shape == (None, 4) and not calls
    assert model(keras.Input(batch_shape=(2, 4))).shape == (2, 4) and calls


def test_masks_flow_through_a_graph():
    class Marking(layers.Layer):
        def call(self, x):
            return x

        def compute_mask(self, inputs, previous_mask):
            return jnp.any(inputs != 0, axis=-1)

    class Counting(layers.Layer):
        def call(self, x, mask=None):
            return jnp.sum(jnp.where(mask[..., None], x, 0.0), axis=1)

    inputs = keras.Input((3, 2))
    model = Model(inputs, Counting()(layers.Dense(2, use_bias=False, kernel_initializer="ones")(Marking()(inputs))))
    x = np.array([[[1, 2], [0, 0], [3, 4]]], "float32")
    np.testing.assert_array_equal(model(x), [[10.0, 10.0]])


def test_a_list_for_a_dict_of_inputs_goes_by_sorted_keys_with_a_warning():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    with pytest.warns(UserWarning, match="takes a dict of inputs with the keys"):
        output = Model({"a": a, "b": b}, a - 2 * b)([X, X])
    np.testing.assert_allclose(output, -X, rtol=1e-6)
    with pytest.raises(ValueError, match="takes a dict of inputs with the keys"):
        Model({"b": b, "a": a}, a - 2 * b)([X, X])


def test_a_model_warns_of_the_structure_once():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = Model({"a": a, "b": b}, a + b)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model([a, b])
        model([X, X])
        model({"a": X, "b": X, "c": X})
    assert len([w for w in caught if "takes a dict of inputs with the keys" in str(w.message)]) == 1


def test_further_keys_of_a_dict_are_left_out_with_a_warning():
    a = keras.Input((4,), name="a")
    with pytest.warns(
        UserWarning, match=r"a dict of inputs with the keys \['a'\], got a dict with the keys \['a', 'c'\]"
    ):
        output = Model({"a": a}, 2 * a)({"a": X, "c": X})
    np.testing.assert_allclose(output, 2 * X, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("wrap", [lambda y: [y], lambda y: (y,)], ids=["list", "tuple"])
def test_a_list_of_one_output(wrap):
    """A call gives the one output, a call on a symbolic tensor the list of it (so does Keras)."""
    x = keras.Input((4,))
    model = Model(x, wrap(layers.Dense(1)(x)))
    assert model(X).shape == (6, 1) and model.predict(X, verbose=0).shape == (6, 1)
    assert model.output_shape == (None, 1) and Sequential([keras.Input((4,)), model]).output_shape == (None, 1)
    (inner,) = model(x)
    outer = Model(x, layers.Dense(2)(inner))
    np.testing.assert_allclose(outer(X), outer.layers[-1](model(X)), rtol=1e-6)
    assert [tuple(shape) for shape in model.compute_output_shape((7, 4))] == [(7, 1)]
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit(X, Z[:, :1], batch_size=4, verbose=0).history
    assert model.evaluate(X, [Z[:, :1]], verbose=0)[0] < history["loss"][0]


def test_shapes_of_dicts_are_in_a_list():
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    model = Model({"a": a, "b": b}, {"one": layers.Dense(2)(a)})
    assert model.input_shape == [(None, 4), (None, 3)] and model.output_shape == (None, 2)


@pytest.mark.parametrize("x", [None, [None]])
def test_no_input_at_all(x):
    inputs = keras.Input((4,))
    model = Model(inputs, layers.Dense(1)(inputs))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"fit: x is .*None"):
        model.fit(x, np.ones((6, 1)))
