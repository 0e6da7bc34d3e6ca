"""Every layer: each row of tests/rows through every check of minidl.testing, and each family's own behaviour.

Numbers are compared with Keras's in references/.
"""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minidl
from minidl import Model, Sequential, layers
from minidl.core.symbolic import KerasTensor
from minidl.layers import Layer, masks
from minidl.testing import LAYER_CHECKS
from tests.rows import ROWS
from tests.rows.basics import CUBE, IMAGES, MATRIX

SLOW = (  # which compile most
    "compiled_equals_eager",
    "config_makes_the_same_layer",
    "examples_do_not_depend_on_the_batch",
    "gradients_are_finite",
    "mixed_precision_computes_in_bfloat16",
    "symbolic_and_real_calls_agree",
    "training_differs_only_where_declared",
)
NO_ROW = {Layer, layers.InputLayer, layers.Wrapper, layers.Lambda}  # nothing to call, or a function of the user's


def test_every_public_layer_has_a_row():
    public = {value for value in vars(layers).values() if isinstance(value, type) and issubclass(value, Layer)}
    assert public - NO_ROW == {row.kind for row in ROWS.values()}
    assert {kind.__name__ for kind in public} < set(layers.__all__)


@pytest.mark.parametrize(
    "check",
    [pytest.param(c, id=name, marks=pytest.mark.slow if name in SLOW else ()) for name, c in LAYER_CHECKS.items()],
)
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_layer(row, check):
    check(row)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_config_is_read_by_keras(row):
    keras = pytest.importorskip("keras")
    layer = row.make_built()
    serialized = layers.serialize(row.make(name=layer.name))
    assert serialized["module"] == "keras.layers" and serialized["registered_name"] is None
    theirs = keras.layers.deserialize(json.loads(json.dumps(serialized)))
    row.call(theirs, jax.tree.map(lambda x: keras.KerasTensor(x.shape, x.dtype), row.symbolic_inputs()))
    assert [w.path for w in layer.weights] == [w.path for w in theirs.weights]
    again = layers.deserialize(json.loads(json.dumps(keras.layers.serialize(theirs))))
    assert again.name == layer.name


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
        (lambda: layers.Dropout(0.5, seed=1.5), "seed must be an integer, got 1.5"),
        (lambda: layers.Flatten("channels"), "must be 'channels_last' or 'channels_first', got 'channels'"),
        (lambda: layers.Input(), "no shape given. Give `shape`, the shape of one example"),
        (lambda: layers.Input((3,), batch_shape=(1, 3)), r"either shape or batch_shape, got \(3,\) and \(1, 3\)"),
        (lambda: layers.Input(batch_shape=(1, 3), batch_size=1), "either batch_size or batch_shape"),
        (
            lambda: layers.Input((3,), tensor=np.ones(3)),
            r"expected a symbolic tensor as input_tensor, got a ndarray",
        ),
        (
            lambda: layers.Input((4,), tensor=KerasTensor((2, 3))),
            r"shape=\(4,\) contradicts .* shape is \(3,\)",
        ),
        (lambda: layers.Input(batch_size=5, tensor=KerasTensor((2, 3))), "batch_size=5 contradicts input_tensor"),
        (lambda: layers.Input(dtype="float16", tensor=KerasTensor((2, 3))), "dtype=float16 contradicts input_tensor"),
        (lambda: layers.Input(batch_shape=(1, 3), tensor=KerasTensor((2, 3))), r"batch_shape=\(1, 3\) contradicts"),
        (lambda: layers.RepeatVector(0), "n must be a positive integer, got 0"),
        (lambda: layers.UpSampling1D(-2), "size must be a positive integer, got -2"),
        (lambda: layers.Cropping1D((1,)), r"cropping must be a non-negative integer or 2 of them, got \(1,\)"),
        (lambda: layers.ZeroPadding1D("1"), "padding must be a non-negative integer or 2 of them, got '1'"),
        (lambda: layers.Reshape((-2, 5)), r"a size is a non-negative integer or -1, got target_shape=\(-2, 5\)"),
        (lambda: layers.Reshape((-1, -1)), r"only one size of target_shape may be -1, got \(-1, -1\)"),
        (
            lambda: layers.GroupNormalization(5)(MATRIX[:, :4]),
            "each group needs a channel; got 4 channels for 5",
        ),
        (lambda: layers.MultiHeadAttention(2, 3, value_dim=0), "value_dim must be a positive integer, got 0"),
        (
            lambda: layers.MultiHeadAttention(2, 3, output_shape=8.0),
            "expected a size, a tuple of sizes or None as output_shape, got 8.0",
        ),
        (
            lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"max": 1.0}),
            r"unknown keys \['max'\] in renorm_clipping",
        ),
        (
            lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"rmax": 0.5, "rmin": 1.0}),
            "needs rmin <= rmax, got rmin=1.0 and rmax=0.5",
        ),
        (
            lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"dmax": -1.0}),
            "dmax of renorm_clipping must be 0 or more, got -1.0",
        ),
        (lambda: layers.Input((3,), sparse=True), "sparse and ragged tensors are not supported"),
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
    assert (tensor.dtype, tensor.name, tensor.producer.operation.name) == ("float16", "x", "x")
    assert layers.InputLayer((3,), dtype="bfloat16").dtype == "bfloat16"
    assert layers.Input(tensor=tensor) is tensor
    inner = layers.Dense(2)(tensor)
    assert layers.InputLayer(input_tensor=inner, shape=(2,), dtype="float32").output is inner
    assert layers.Input((3,), 2, "int32", False, False).shape == (2, 3)  # Keras's order of arguments
    assert layers.InputLayer(input_shape=(3,)).batch_shape == (None, 3)
    shape = layers.Input(tuple(np.array([3, 4]))).shape
    assert shape == (None, 3, 4) and all(type(size) is int for size in shape[1:])


def test_dropout_draws_at_each_call():
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


def test_softmax_of_masked_scores_is_zero():
    scores = jnp.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    outputs = layers.Softmax()(scores, mask=jnp.array([[True, True, False], [False, False, False]]))
    e = np.exp([1.0, 2.0])
    np.testing.assert_allclose(outputs, [[*(e / e.sum()), 0.0], [0.0, 0.0, 0.0]], rtol=1e-6)
    with pytest.raises(ValueError, match=r"mask of shape \(2,\) cannot be broadcast to the scores of shape \(2, 3\)"):
        layers.Softmax()(scores, mask=jnp.array([True, False]))


def double(x):
    return 2 * x


def test_lambda():
    layer = layers.Lambda(double, name="twice")
    np.testing.assert_array_equal(layer(MATRIX), 2 * MATRIX)
    assert layer(layers.Input((3,))).shape == (None, 3)
    config = json.loads(json.dumps(layers.serialize(layer)))
    again = layers.deserialize(config, {"double": double})
    np.testing.assert_array_equal(again(MATRIX), 2 * MATRIX)
    with pytest.raises(ValueError, match="Unknown function of a Lambda layer 'double'"):
        layers.deserialize(config)
    shifted = layers.Lambda(lambda x, by, training=None: x + by * bool(training), arguments={"by": 3})
    np.testing.assert_array_equal(shifted(MATRIX, training=True), MATRIX + 3)
    code = {"class_name": "__lambda__", "config": {"code": "", "defaults": None, "closure": None}}
    with pytest.raises(
        ValueError, match=r"stores the function of a Lambda layer as code, which is never run.*custom_objects=\{'mine'"
    ):
        layers.Lambda.from_config({"function": code, "name": "mine"})
    with pytest.raises(ValueError, match="Expected a function of a Lambda layer, got the config of a 'Dense'"):
        layers.Lambda.from_config({"function": {"class_name": "Dense", "config": {}}})


def test_a_lambda_keeps_its_mask():
    mask = np.array([[True, False, True], [True, True, True]])
    layer = layers.Lambda(double, mask=mask)
    config = json.loads(json.dumps(layers.serialize(layer)))
    again = layers.deserialize(config, {"double": double})
    np.testing.assert_array_equal(masks.get(again(CUBE)), mask)


def test_a_wrapper_needs_a_layer():
    with pytest.raises(ValueError, match="Wrapper takes a layer, got 3"):
        layers.Wrapper(3)


def test_reshape_takes_unknown_sizes_to_fit():
    assert layers.Reshape((3, 5))(layers.Input(batch_shape=(2, None))).shape == (2, 3, 5)
    assert layers.Reshape((-1, 3))(layers.Input(batch_shape=(4, 6, None, 3))).shape == (4, None, 3)
    assert layers.Reshape((-1, 8))(layers.Input((6, 4))).shape == (None, 3, 8)


@pytest.mark.parametrize("make", [lambda n: layers.RepeatVector(n), lambda n: layers.UpSampling1D(n)])
@pytest.mark.parametrize("wrong", ["3", 2.5, True])
def test_how_often_something_is_repeated_is_an_integer(make, wrong):
    with pytest.raises(TypeError, match="(n|size) must be an integer, got"):
        make(wrong)


@pytest.mark.slow
def test_attention_masks_of_other_ranks():
    x = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")
    layer, mask = layers.MultiHeadAttention(2, 4), np.tril(np.ones((5, 5)))
    expected = layer(x, x, attention_mask=np.tile(mask, (2, 1, 1)))
    np.testing.assert_allclose(layer(x, x, use_causal_mask=True), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer(x, x, attention_mask=mask), expected, rtol=1e-5, atol=1e-6)
    heads = np.tile(mask, (2, 2, 1, 1))  # one per head, and a mask without heads
    np.testing.assert_allclose(layer(x, x, attention_mask=heads, use_causal_mask=True), expected, rtol=1e-5, atol=1e-6)


def test_time_distributed_gives_the_mask_of_a_step_to_the_layer():
    class Doubling(Layer):
        def call(self, inputs, mask=None):
            return inputs if mask is None else inputs * (1.0 + mask[:, None])

    mask = np.array([[True, False, True], [False, False, True]])
    x = CUBE[:, :, :2]
    output = layers.TimeDistributed(Doubling())(x, mask=mask)
    np.testing.assert_allclose(output, x * (1.0 + mask[..., None]))
    for inner in (layers.Dense(2), layers.Softmax()):  # with one that they do not take
        layers.TimeDistributed(inner)(x, mask=mask)
    layers.TimeDistributed(layers.Dense(2))(x, mask=mask[..., None])


def test_bidirectional_keeps_the_flag_for_cudnn():
    layer = layers.Bidirectional(layers.LSTM(1, use_cudnn=False))
    assert layer.forward_layer.use_cudnn is False and layer.backward_layer.use_cudnn is False


@pytest.mark.slow
def test_a_conv_lstm_leaves_masked_steps_out():
    images = np.random.default_rng(0).normal(size=(2, 3, 4, 4, 1)).astype("float32")
    layer = layers.ConvLSTM2D(2, 3)
    expected = layer(images[:, [0, 2]])
    np.testing.assert_allclose(layer(images, mask=np.array([[True, False, True]] * 2)), expected, rtol=1e-5, atol=1e-6)
    assert (layer.filters, layer.kernel_size, layer.padding) == (2, (3, 3), "valid")


def test_a_recurrent_layer_shows_what_its_cell_was_given():
    layer = layers.GRU(2, kernel_regularizer="l2", dropout=0.3, reset_after=False)
    assert layer.kernel_regularizer is layer.cell.kernel_regularizer and layer.recurrent_constraint is None
    assert (layer.dropout, layer.reset_after, layer.implementation) == (0.3, False, 2)
    with pytest.raises(AttributeError, match="'LSTM' object has no attribute 'filters'"):
        layers.LSTM(2).filters  # noqa: B018


@pytest.mark.parametrize(
    ("layer", "numbers", "expected"),
    [
        (layers.CategoryEncoding(4, output_mode="one_hot"), [3, 0], [[0, 0, 0, 1], [1, 0, 0, 0]]),
        (layers.CategoryEncoding(3), [[0, 1], [0, 0]], [[1, 1, 0], [1, 0, 0]]),
        (layers.Discretization([0.0, 1.0]), [[0.1, 0.8, 3.0]], [[1, 1, 2]]),
        (layers.Normalization(axis=None, mean=3.0, variance=4.0), [1.0, 5.0], [-1.0, 1.0]),
        (layers.Rescaling(0.5), [[1, 2]], [[0.5, 1.0]]),
    ],
)
def test_layers_of_raw_input_take_lists(layer, numbers, expected):
    np.testing.assert_array_equal(layer(numbers), expected)
    with pytest.raises(ValueError, match="expected arrays, got a list"):
        layer(["a"])


def test_rescaling_by_channel_with_the_channels_first():
    x = np.random.default_rng(0).random((2, 3, 4, 5), dtype="float32")
    scale, offset = np.array([1.0, 2.0, 3.0], "float32"), np.array([0.5, 0.0, -0.5], "float32")
    layer = layers.Rescaling(scale.tolist(), offset.tolist())
    minidl.config.set_image_data_format("channels_first")
    try:
        np.testing.assert_allclose(layer(x), x * scale[:, None, None] + offset[:, None, None], rtol=1e-6)
        np.testing.assert_allclose(layer(x[:, :, 0, 0]), x[:, :, 0, 0] * scale + offset, rtol=1e-6)
    finally:
        minidl.config.set_image_data_format("channels_last")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_stateful_layers_go_on_where_the_batch_before_ended(kind):
    """Two batches of five steps are ten steps."""
    steps = np.random.default_rng(0).normal(size=(4, 10, 3)).astype("float32")
    halves, targets = np.concatenate([steps[:, :5], steps[:, 5:]]), np.ones((8, 2), "float32")
    layer, inputs = layers.LSTM(2, stateful=True), layers.Input(batch_shape=(4, 5, 3))
    model = Model(inputs, layer(inputs)) if kind == "functional" else Sequential([inputs, layer])
    plain = layers.LSTM(2)
    plain.build((None, 10, 3))
    plain.set_weights(layer.cell.get_weights())
    expected = np.concatenate([plain(steps[:, :5]), plain(steps)])
    np.testing.assert_allclose(model.predict(halves, batch_size=4, verbose=0), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.states[0].value, expected[4:], rtol=1e-5, atol=1e-6)
    layer.reset_state()
    model.compile("sgd", "mse")
    loss = np.mean((expected - targets) ** 2)
    model.optimizer.learning_rate = 0.0
    history = model.fit(halves, targets, batch_size=4, shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["loss"], [loss], rtol=1e-5)
    layer.reset_state()
    np.testing.assert_allclose(model.evaluate(halves, targets, batch_size=4, verbose=0), loss, rtol=1e-5)
    np.testing.assert_allclose(layer.states[0].value, expected[4:], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="stateful with a batch size of 4, but got a batch of 2"):
        model.predict(halves[:2], verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("wrap", [lambda layer: layer, layers.Bidirectional])
def test_states_of_stateful_layers_are_not_weights(wrap):
    """As in Keras, weights of a layer without them fit one with them. The states stay variables, and as they are."""
    plain, stateful = wrap(layers.GRU(2)), wrap(layers.GRU(2, stateful=True))
    x = np.ones((4, 3, 2), "float32")
    outputs = plain(x), stateful(x)
    kept = [variable for variable in stateful.variables if variable.name == "rnn_state"]
    states = [state.numpy() for state in kept]
    assert kept and np.any(states) and not {id(state) for state in kept} & {id(weight) for weight in stateful.weights}
    stateful.set_weights(plain.get_weights())
    np.testing.assert_array_equal([state.numpy() for state in kept], states)
    for layer in (stateful, getattr(stateful, "forward_layer", None), getattr(stateful, "backward_layer", None)):
        if layer is not None:
            layer.reset_state()
    np.testing.assert_allclose(stateful(x), outputs[0], rtol=1e-6)


# import keras; keras.utils.set_random_seed(0)
# model = keras.Sequential([keras.Input((4, 2)), keras.layers.LSTM(2, seed=7, **options), keras.layers.Dense(1)])
# model.compile("sgd", "mse"); x = numpy.linspace(-2, 2, 96).reshape(12, 4, 2).astype("float32")
# model.fit(x, x[:, 0, :1], epochs=3, batch_size=4, verbose=0, validation_split=0.33).history["loss"]
@pytest.mark.slow
@pytest.mark.parametrize(("options", "losses"), [
    ({"dropout": 0.3}, [1.656812, 1.726083, 1.332967]),
    ({"recurrent_dropout": 0.3}, [1.534848, 1.375008, 1.253983]),
    ({"dropout": 0.3, "recurrent_dropout": 0.2}, [1.31951, 1.495426, 1.460199]),
])  # fmt: skip
def test_inference_advances_the_dropout_of_recurrent_layers_as_in_keras(options, losses):
    """What an epoch draws depends on the validation before it."""
    minidl.utils.set_random_seed(0)
    model = Sequential([layers.Input((4, 2)), layers.LSTM(2, seed=7, **options), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.linspace(-2, 2, 96).reshape(12, 4, 2).astype("float32")
    history = model.fit(x, x[:, 0, :1], epochs=3, batch_size=4, verbose=0, validation_split=0.33).history
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-4)
