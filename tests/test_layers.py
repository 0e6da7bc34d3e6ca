"""Every layer: one row for each in a table, and each row through every generic check.

Numbers are compared with Keras's in references/layers.py.
"""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl import layers
from minidl.layers import Layer

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(4, 6)).astype("float32")
WIDE = RNG.normal(size=(4, 20)).astype("float32")
CUBE = RNG.normal(size=(2, 3, 5)).astype("float32")
IMAGES = RNG.integers(0, 256, (2, 4, 5, 3)).astype("uint8")


@dataclasses.dataclass
class Row:
    """A layer to check.

    Args:
        kind: its class.
        arguments: of the constructor.
        inputs: what it is called on, a batch.
        random: whether a call while training is another one than a call that is not.
        any_batch: whether it takes batches of other sizes too.
    """

    kind: type[Layer]
    arguments: dict
    inputs: object
    random: bool = False
    any_batch: bool = True

    def make(self, **more):
        return self.kind(**self.arguments, **more)


ROWS = {
    "Activation": Row(layers.Activation, {"activation": "gelu"}, CUBE),
    "Activation none": Row(layers.Activation, {"activation": None}, CUBE),
    "Dense": Row(layers.Dense, {"units": 3, "activation": "tanh", "bias_initializer": "ones"}, MATRIX),
    "Dense narrow": Row(layers.Dense, {"units": 3, "bias_initializer": "ones"}, WIDE),  # computed transposed
    "Dense cube": Row(layers.Dense, {"units": 1, "use_bias": False, "kernel_regularizer": "l2"}, CUBE),
    "Dense constrained": Row(layers.Dense, {"units": 2, "kernel_constraint": "max_norm", "trainable": False}, MATRIX),
    "Dropout": Row(layers.Dropout, {"rate": 0.5, "seed": 3}, CUBE, random=True),
    "Dropout noise_shape": Row(
        layers.Dropout, {"rate": 0.5, "noise_shape": (2, None, 1)}, CUBE, random=True, any_batch=False
    ),
    "Dropout 0": Row(layers.Dropout, {"rate": 0}, CUBE),
    "Dropout 1": Row(layers.Dropout, {"rate": 1.0}, CUBE, random=True),
    "ELU": Row(layers.ELU, {"alpha": 0.5}, CUBE),
    "Identity": Row(layers.Identity, {}, CUBE),
    "LeakyReLU": Row(layers.LeakyReLU, {"negative_slope": 0.1}, CUBE),
    "PReLU": Row(layers.PReLU, {"alpha_initializer": "ones", "alpha_regularizer": "l2"}, CUBE),
    "PReLU shared": Row(
        layers.PReLU, {"alpha_initializer": "ones", "alpha_constraint": "non_neg", "shared_axes": [1]}, CUBE
    ),
    "ReLU": Row(layers.ReLU, {"max_value": 0.5, "negative_slope": 0.1, "threshold": 0.2}, CUBE),
    "Softmax": Row(layers.Softmax, {}, CUBE),
    "Softmax axes": Row(layers.Softmax, {"axis": [1, 2]}, CUBE),
    "Flatten": Row(layers.Flatten, {}, IMAGES),
    "Flatten channels_first": Row(layers.Flatten, {"data_format": "channels_first"}, CUBE),
    "InputLayer": Row(layers.InputLayer, {"shape": (6,)}, MATRIX),
    "Rescaling": Row(layers.Rescaling, {"scale": 1 / 255}, IMAGES),
    "Rescaling per channel": Row(layers.Rescaling, {"scale": np.array([1.0, 2, 3]), "offset": [0, -1, 0.5]}, IMAGES),
}


def every_row(fits=lambda row: True):
    """Run a test for each row, or for those that fit."""
    rows = {name: row for name, row in ROWS.items() if fits(row)}
    return pytest.mark.parametrize("row", rows.values(), ids=rows.keys())


def test_every_public_layer_has_a_row():
    public = {value for value in vars(layers).values() if isinstance(value, type) and issubclass(value, Layer)} - {
        Layer
    }
    assert public == {row.kind for row in ROWS.values()}
    assert {kind.__name__ for kind in public} < set(layers.__all__)


def symbolic(inputs):
    return jax.tree.map(lambda x: layers.Input(x.shape[1:], dtype=x.dtype), inputs)


def spec(tree):
    return jax.tree.map(lambda leaf: (tuple(leaf.shape), str(leaf.dtype)), tree)


def pure(layer, training):
    """The layer as a function of its trainable weights, the rest of its state and its inputs."""
    return lambda trainable, rest, x: layer.stateless_call(trainable, rest, x, training=training)


def state(layer):
    trainable, rest = layer.trainable_variables, layer.non_trainable_variables
    return [v.value for v in trainable], [v.value for v in rest]


def close(got, want):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), got, want)


@every_row()
def test_symbolic_and_real_calls_agree(row):
    layer = row.make()
    expected = layer(symbolic(row.inputs))
    real = layer(row.inputs)
    batch = jax.tree.leaves(row.inputs)[0].shape[0]
    assert spec(real) == jax.tree.map(lambda t: ((batch, *t.shape[1:]), t.dtype), expected)
    assert all(tensor.shape[0] is None for tensor in jax.tree.leaves(expected))
    whole = symbolic(row.inputs)
    if not isinstance(whole, (list, dict)):  # a layer of one input
        assert layer.compute_output_shape(whole.shape) == expected.shape
        assert layer.compute_output_shape(row.inputs.shape) == real.shape


@every_row()
def test_config_round_trip(row):
    layer = row.make(name="mine")
    output = layer(row.inputs)
    config = json.loads(json.dumps(layers.serialize(layer)))
    assert config["module"] == "keras.layers" and config["class_name"] == row.kind.__name__
    assert config["registered_name"] is None
    numbers = {name: value for name, value in row.arguments.items() if isinstance(value, (int, float))}
    assert {name: config["config"][name] for name in numbers} == numbers
    again = layers.deserialize(config)
    assert type(again) is row.kind and again.name == "mine"
    assert json.loads(json.dumps(layers.serialize(again))) == config
    again.build(jax.tree.map(lambda x: x.shape, row.inputs))
    assert [w.path for w in again.trainable_weights] == [w.path for w in layer.trainable_weights]
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(row.inputs), output)


@every_row()
def test_config_is_read_by_keras(row):
    keras = pytest.importorskip("keras")
    layer = row.make()
    theirs = keras.layers.deserialize(json.loads(json.dumps(layers.serialize(layer))))
    theirs.build(jax.tree.map(lambda x: x.shape, row.inputs))
    layer.build(jax.tree.map(lambda x: x.shape, row.inputs))
    layer.set_weights(theirs.get_weights())
    assert [w.path for w in layer.weights] == [w.path for w in theirs.weights]
    if row.kind is not layers.InputLayer:  # which cannot be called there
        close(layer(row.inputs), theirs(row.inputs))
    config = keras.layers.serialize(theirs)["config"]
    again = row.kind.from_config({key: value for key, value in config.items() if key != "quantization_config"})
    assert again.name == layer.name


@every_row()
@pytest.mark.parametrize("training", [False, True])
def test_compiled_equals_eager(row, training):
    layer = row.make()
    layer.build(jax.tree.map(lambda x: x.shape, row.inputs))
    outputs, new = jax.jit(pure(layer, training))(*state(layer), row.inputs)
    close(outputs, layer(row.inputs, training=training))
    assert len(new) == len(layer.non_trainable_variables)
    for variable, value in zip(layer.non_trainable_variables, new):
        np.testing.assert_array_equal(variable, value)


@every_row()
def test_training_differs_only_where_declared(row):
    layer = row.make()
    inference = layer(row.inputs, training=False)
    before = [variable.numpy() for variable in layer.variables]
    assert np.array_equal(layer(row.inputs), inference), "a call that says nothing is inference"
    assert all(np.array_equal(v, b) for v, b in zip(layer.variables, before)), "inference changes nothing"
    training = layer(row.inputs, training=True)
    assert np.array_equal(training, inference) != row.random
    assert spec(training) == spec(inference)


@every_row()
def test_gradients_are_finite(row):
    layer = row.make()
    layer.build(jax.tree.map(lambda x: x.shape, row.inputs))
    trainable, rest = state(layer)
    inputs = jax.tree.map(lambda x: jnp.asarray(x, "float32"), row.inputs)

    def total(trainable, x):
        outputs, _, losses = layer.stateless_call(trainable, rest, x, training=True, return_losses=True)
        return sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(outputs)) + sum(losses)

    gradients = jax.jit(jax.grad(total, (0, 1)))(trainable, inputs)
    for gradient, like in zip(jax.tree.leaves(gradients), jax.tree.leaves((trainable, inputs))):
        assert gradient.shape == like.shape and np.isfinite(gradient).all()
    assert len(gradients[0]) == len(layer.trainable_weights)
    assert not trainable or any(np.any(gradient) for gradient in gradients[0])


@every_row(lambda row: row.kind is not layers.InputLayer)  # which has the dtype of the input
def test_mixed_precision(row):
    layer = row.make(dtype="mixed_bfloat16")
    inputs = jax.tree.map(lambda x: x.astype("float32"), row.inputs)
    layer.build(jax.tree.map(lambda x: x.shape, inputs))
    outputs = jax.eval_shape(pure(layer, training=True), *state(layer), inputs)[0]
    assert all(leaf.dtype == "bfloat16" for leaf in jax.tree.leaves(outputs))
    assert all(weight.dtype == "float32" for weight in layer.weights)


@every_row(lambda row: row.any_batch)
def test_another_batch_size(row):
    layer = row.make()
    whole = layer(row.inputs)
    first = layer(jax.tree.map(lambda x: x[:1], row.inputs))
    close(first, jax.tree.map(lambda x: x[:1], whole))
    empty = jax.eval_shape(layer, jax.tree.map(lambda x: x[:0], row.inputs))
    assert spec(empty) == jax.tree.map(lambda x: ((0, *x.shape[1:]), str(x.dtype)), whole)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dense(0), "Dense: units must be a positive integer, got 0"),
        (lambda: layers.Dense(-3), "positive integer, got -3"),
        (lambda: layers.Dense(2.5), "positive integer, got 2.5"),
        (lambda: layers.Dense(None), "positive integer, got None"),
        (lambda: layers.Dense("3"), "positive integer, got '3'"),
        (lambda: layers.Dense(True), "positive integer, got True"),
        (lambda: layers.Dense(3, activation="rellu"), "Unknown activation 'rellu'. Did you mean 'relu'"),
        (lambda: layers.Dense(3, kernel_initializer="glorot"), "Unknown initializer 'glorot'"),
        (lambda: layers.Dense(3)(np.ones(3)), r"takes inputs of shape \(batch, ..., features\), got \(3,\). Give a"),
        (lambda: layers.Dense(3)(np.float32(3)), r"features\), got \(\)"),
        (lambda: layers.Activation("rellu"), "Unknown activation 'rellu'"),
        (lambda: layers.Dropout(1.5), "Dropout: rate must be from 0 to 1, got 1.5"),
        (lambda: layers.Dropout(-0.1), "got -0.1"),
        (lambda: layers.Dropout(0.5, noise_shape=(0, 1)), r"must hold positive integers or None, got \(0, 1\)"),
        (lambda: layers.Dropout(0.5, noise_shape="ab"), "must hold positive integers or None, got 'ab'"),
        (lambda: layers.Dropout(0.5, noise_shape=3), "must hold positive integers or None, got 3"),
        (lambda: layers.Dropout(0.5, noise_shape=(1.0,)), r"positive integers or None, got \(1.0,\)"),
        (lambda: layers.Dropout(0.5, seed=1.5), "expected an integer seed, got 1.5"),
        (lambda: layers.Flatten("channels"), "must be 'channels_last' or 'channels_first', got 'channels'"),
        (lambda: layers.Input(), "give either shape or batch_shape, got shape=None"),
        (lambda: layers.Input((3,), batch_shape=(1, 3)), "give either shape or batch_shape"),
        (lambda: layers.Input(batch_shape=(1, 3), batch_size=1), "batch_shape holds the batch size already"),
        (lambda: layers.Input((3,), sparse=True), "sparse and ragged tensors do not exist in JAX"),
        (lambda: layers.Input(3), r"must be a tuple of sizes \(None where unknown\), got 3"),
        (lambda: layers.Input((-3,)), r"must be a tuple of sizes .* got \(-3,\)"),
        (lambda: layers.Input(("3",)), "must be a tuple of sizes"),
        (lambda: layers.Input(batch_shape=(None, 2.0)), r"got \(None, 2.0\)"),
        (lambda: layers.Input((3,), dtype="flaot32"), "Unknown dtype 'flaot32'"),
        (lambda: layers.deserialize({"class_name": "Dnese", "config": {}}), "Unknown layer 'Dnese'. Did you mean 'Den"),
    ],
)
def test_wrong_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_dense_on_another_number_of_features():
    layer = layers.Dense(2, name="d")
    layer(MATRIX)
    message = r"Dense 'd' takes 6 features \(its kernel has shape \(6, 2\)\), but the last axis of the input has size 5"
    for wrong in (MATRIX[:, :5], layers.Input((5,))):
        with pytest.raises(ValueError, match=message):
            layer(wrong)
    np.testing.assert_allclose(jax.vmap(layer)(MATRIX), layer(MATRIX), rtol=1e-6)


def test_inputs():
    assert layers.Input((3, None)).shape == (None, 3, None) and layers.Input([3], batch_size=4).shape == (4, 3)
    assert layers.Input(batch_shape=(2, 3)).shape == (2, 3) and layers.Input(()).shape == (None,)
    tensor = layers.Input((3,), dtype="float16", name="x")
    assert (tensor.dtype, tensor.name, tensor.producer[0].name) == ("float16", "x", "x")
    assert layers.InputLayer((3,), dtype="bfloat16").dtype == "bfloat16"
    assert layers.Input(tensor=tensor) is tensor
    shape = layers.Input(tuple(np.array([3, 4]))).shape
    assert shape == (None, 3, 4) and all(type(size) is int for size in shape[1:])


def test_dropout_draws_anew_at_each_call():
    layer, other = layers.Dropout(0.5, seed=3), layers.Dropout(0.5, seed=3)
    first, second = layer(CUBE, training=True), layer(CUBE, training=True)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(other(CUBE, training=True), first)
    np.testing.assert_array_equal(other(CUBE, training=True), second)
    kept = first[np.asarray(first) != 0]
    np.testing.assert_allclose(kept, 2 * CUBE[np.asarray(first) != 0])


def test_flatten_puts_channels_last_first():
    first = layers.Flatten("channels_first")(IMAGES.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(first, layers.Flatten()(IMAGES))
    np.testing.assert_array_equal(first, IMAGES.reshape(2, -1))
    assert layers.Flatten()(np.ones(4)).shape == (4, 1)


def test_a_function_as_activation():
    layer = layers.Dense(2, activation=jnp.sin)
    np.testing.assert_allclose(layer(MATRIX), jnp.sin(MATRIX @ layer.kernel + layer.bias), rtol=1e-5)
    layer.activation = None
    np.testing.assert_allclose(layer(MATRIX), MATRIX @ layer.kernel + layer.bias, rtol=1e-5)


def test_softmax_gives_masked_scores_nothing():
    scores = jnp.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    outputs = layers.Softmax()(scores, mask=jnp.array([[True, True, False], [False, False, False]]))
    e = np.exp([1.0, 2.0])
    np.testing.assert_allclose(outputs, [[*(e / e.sum()), 0.0], [0.0, 0.0, 0.0]], rtol=1e-6)
    with pytest.raises(ValueError, match=r"mask has shape \(2,\), the scores \(2, 3\)"):
        layers.Softmax()(scores, mask=jnp.array([True, False]))
