"""Functions of arrays: symbolic shapes equal real ones, variables are taken, names are Keras's.

Their numbers are compared in references/ops.py.
"""

import inspect
import json

import jax
import numpy as np
import pytest

import minidl as keras
from minidl import ops
from tests.references.ops import CALLS

# Public in Keras, and not here.
MISSING = "ctc_decode rearrange".split()
# The shape of the result depends on values, or on nothing.
NO_SHAPE = ("arange", "linspace", "eye", "zeros", "full", "convert_to_tensor", "size", "ndim", "bincount")
NAMES = sorted(set(CALLS) - set(NO_SHAPE) & set(vars(ops)))


def test_every_name_of_keras_is_here_or_known_to_be_missing():
    theirs = pytest.importorskip("keras").ops
    public = {name for name in dir(theirs) if callable(getattr(theirs, name)) and not name.startswith("_")}
    assert public - set(ops.NAMES) - {"image", "linalg", "nn", "numpy"} == set(MISSING)


@pytest.mark.parametrize("name", NAMES)
def test_symbolic_shapes_are_real_shapes(name):
    args, kwargs = CALLS[name][0]
    function = ops.NAMES[name]
    leaves, structure = jax.tree.flatten(args)
    arrays = [i for i, leaf in enumerate(leaves) if isinstance(leaf, np.ndarray) and leaf.ndim > 1 and i < 2]
    symbolic = [keras.KerasTensor(leaf.shape, leaf.dtype) if i in arrays[:1] else leaf for i, leaf in enumerate(leaves)]
    got = function(*jax.tree.unflatten(structure, symbolic), **kwargs)
    want = jax.eval_shape(
        lambda *x: function(*jax.tree.unflatten(structure, _filled(leaves, arrays[:1], x)), **kwargs),
        *(leaves[i] for i in arrays[:1]),
    )
    assert [(t.shape, t.dtype) for t in jax.tree.leaves(got)] == [
        (s.shape, str(s.dtype)) for s in jax.tree.leaves(want)
    ]


def _filled(leaves, places, values):
    given = dict(zip(places, values))
    return [given.get(i, leaf) for i, leaf in enumerate(leaves)]


def test_variables_are_taken():
    variable = keras.Variable(np.array([1.0, -2.0], "float32"))
    np.testing.assert_array_equal(ops.relu(variable), [1.0, 0.0])
    np.testing.assert_array_equal(ops.concatenate([variable, variable]), [1.0, -2.0, 1.0, -2.0])
    assert ops.is_tensor(ops.convert_to_tensor(variable)) and not ops.is_tensor(variable)


def test_unknown_sizes():
    x = keras.Input((None, 4))
    assert ops.shape(x) == (None, None, 4)
    assert ops.reshape(x, (-1, 4)).shape == (None, 4)
    assert ops.reshape(keras.Input((4, 3)), (ops.shape(x)[0], 12)).shape == (None, 12)
    assert ops.mean(x, axis=1).shape == (None, 4)
    assert [part.shape for part in ops.split(x, 2, axis=-1)] == [(None, None, 2)] * 2


def test_functions_in_a_model_with_a_config():
    inputs = keras.Input((4,), name="x")
    hidden = ops.relu(inputs + 1.0)
    parts = ops.split(hidden, 2, axis=-1)
    joined = ops.concatenate([parts[1], parts[0]], axis=1)
    outputs = ops.where(joined[:, :2] > 0.5, joined[:, 2:], ops.mean(joined, axis=-1, keepdims=True))
    model = keras.Model(inputs, ops.reshape(outputs, (-1, 2, 1)))
    again = keras.Model.from_config(model.get_config())
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    np.testing.assert_array_equal(again(x), model(x))
    assert json.dumps(again.get_config()) == json.dumps(model.get_config())


@pytest.mark.slow
def test_what_a_short_fourier_transform_takes_apart_is_put_together():
    signal = np.random.default_rng(0).normal(size=(2, 40)).astype("float32")
    for window in ("hann", "hamming", np.arange(1.0, 9.0, dtype="float32")):
        parts = ops.stft(signal, 8, 4, 16, window)
        np.testing.assert_allclose(ops.istft(parts, 8, 4, 16, window=window), signal, atol=1e-5)
    with pytest.raises(ValueError, match="fft_length=4 is below sequence_length=8"):
        ops.stft(signal, 8, 4, 4)
    with pytest.raises(ValueError, match="window must be one of .*got 'kaiser'"):
        ops.stft(signal, 8, 4, 8, "kaiser")
    with pytest.raises(ValueError, match=r"window has shape \(3,\), but sequence_length=8: give \(8,\)"):
        ops.stft(signal, 8, 4, 8, np.ones(3))


def test_unfold_and_fold_are_transposes():
    images = np.random.default_rng(0).normal(size=(2, 3, 6, 5)).astype("float32")
    counts = ops.fold(ops.unfold(np.ones_like(images), 2), (6, 5), 2)  # in how many windows each pixel is
    np.testing.assert_allclose(ops.fold(ops.unfold(images, 2), (6, 5), 2), images * counts, rtol=1e-5)


def test_compute_output_spec_changes_no_state():
    spec = ops.compute_output_spec(keras.layers.Reshape((-1, 8)), keras.KerasTensor((None, 6, 4)))
    assert (spec.shape, spec.dtype) == ((None, 3, 8), "float32")
    mean = keras.metrics.Mean()
    mean.update_state([4.0])
    assert ops.compute_output_spec(mean, keras.KerasTensor((None, 2)), keras.KerasTensor((None, 2))).shape == ()
    assert ops.compute_output_spec(mean.result).shape == ()
    assert mean.result() == 4.0


def test_masks_as_an_output_of_a_model():
    inputs = [keras.Input((2, 2)), keras.Input((1, 2))]
    outputs = keras.layers.Concatenate(axis=1)([keras.layers.Masking()(inputs[0]), inputs[1]])
    model = keras.Model(inputs, ops.get_keras_mask(outputs))
    model = keras.models.model_from_json(model.to_json())
    x = np.array([[[0, 0], [1, 2]]], "float32"), np.zeros((1, 1, 2), "float32")
    np.testing.assert_array_equal(model(x), [[False, True, True]])  # what has no mask counts
    assert ops.get_keras_mask(inputs[0]) is None and ops.get_keras_mask(x[0]) is None
    np.testing.assert_array_equal(ops.get_keras_mask(keras.layers.Masking()(x[0])), [[False, True]])


def test_jvp():
    value, change = ops.jvp(ops.square, (np.float32(3.0),), (np.float32(2.0),))
    assert (float(value), float(change)) == (9.0, 12.0)


def test_loops():
    assert int(ops.while_loop(lambda i: i < 10, lambda i: i + 3, 0)) == 12
    assert int(ops.while_loop(lambda i: i < 10, lambda i: i + 3, 0, maximum_iterations=2)) == 6
    assert int(ops.fori_loop(0, 5, lambda i, total: total + i, 0)) == 10
    last, sums = ops.scan(lambda total, x: (total + x, total + x), 0.0, np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(sums, [1.0, 3.0, 6.0])
    np.testing.assert_array_equal(ops.vectorized_map(lambda x: x * 2, np.arange(3)), [0, 2, 4])


def test_lists_of_tensors_and_variables():
    variable, two = keras.Variable([1.0, 2.0, 3.0]), ops.convert_to_tensor(2.0)
    assert float(ops.sum([two, two])) == 4 and ops.add([1, 2], [3, 4]).dtype == "int32"
    np.testing.assert_array_equal(ops.concatenate([[1.0, 2.0], [3.0]]), [1, 2, 3])
    np.testing.assert_array_equal(variable + [1.0, 1.0, 1.0], [2, 3, 4])
    np.testing.assert_array_equal(variable.assign_sub([1.0, 1.0, 1.0]), [0, 1, 2])
    np.testing.assert_array_equal(variable.assign([two, two, 5.0]), [2, 2, 5])


def test_functions_of_activations_losses_and_metrics_are_steps_of_a_graph():
    x = keras.Input((4,))
    y = keras.activations.gelu(keras.activations.softmax(x))
    z = keras.losses.mean_squared_error(x, y) + keras.metrics.categorical_accuracy(x, y)
    model = keras.Model(x, [keras.activations.relu(x, negative_slope=0.5), y, z])
    again = keras.Model.from_config(model.get_config())
    data = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    for one, other in zip(model(data), again(data), strict=True):
        np.testing.assert_array_equal(one, other)


def test_length_of_bincount_for_known_values_and_for_symbolic_ones():
    np.testing.assert_array_equal(
        ops.bincount([[0, 1, 1], [2, 2, 5]], minlength=4), [[1, 2, 0, 0, 0, 0], [0, 0, 2, 0, 0, 1]]
    )
    x = keras.Input((None,), dtype="int32")
    model = keras.Model(x, ops.bincount(x, minlength=3))
    assert model.output_shape == (None, 3)
    np.testing.assert_array_equal(model.predict(np.array([[0, 1, 1], [2, 2, 0]]), verbose=0), [[1, 2, 0], [1, 0, 2]])
    with pytest.raises(ValueError, match="minlength="):
        ops.bincount(x)


def test_control_flow_in_a_model():
    x, data = keras.Input((3,)), np.ones((2, 3), "float32")
    steps = {
        "fori_loop": ops.fori_loop(0, 3, lambda i, s: s * 2, x),
        "map": ops.map(lambda row: 2 * row, x),
        "vectorized_map": ops.vectorized_map(lambda row: row[0], x),
        "associative_scan": ops.associative_scan(lambda a, b: a + b, x, axis=1),
        "scan": ops.scan(lambda total, row: (total + 1, total * row), 0.0, x)[1],
        "linspace": ops.linspace(x[:, 0], 2 * x[:, 1], num=3),
    }
    got = keras.Model(x, steps)(data)
    np.testing.assert_array_equal(got["fori_loop"], 8 * data)
    np.testing.assert_array_equal(got["map"], 2 * data)
    np.testing.assert_array_equal(got["vectorized_map"], [1, 1])
    np.testing.assert_array_equal(got["associative_scan"], [[1, 2, 3]] * 2)
    np.testing.assert_array_equal(got["scan"], [[0, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(got["linspace"], [[1, 1], [1.5, 1.5], [2, 2]])
    with pytest.raises(ValueError, match="a symbolic tensor from outside.*ops.where"):
        ops.cond(True, lambda: x + 1, lambda: x)


@pytest.mark.parametrize("module", ["ops", "activations"])
def test_parameters_are_those_of_keras(module):
    theirs, ours, different = getattr(pytest.importorskip("keras"), module), getattr(keras, module), set()
    for name in set(dir(theirs)) & set(dir(ours)) - {"relu"}:  # ops.relu has the arguments of activations.relu, too
        if inspect.isfunction(getattr(theirs, name)):
            pair = [inspect.signature(getattr(library, name)).parameters.values() for library in (theirs, ours)]
            want, got = ([(p.name, p.default) for p in ps if p.kind is not p.VAR_KEYWORD] for ps in pair)
            if got != want:
                different.add(name)
    assert not different


def test_integers_keep_their_dtype_and_sums_their_value():
    hundreds = np.full((2, 3), 100, "int8")
    for product in (ops.matmul(hundreds, hundreds.T), ops.einsum("ij,kj->ik", hundreds, hundreds)):
        assert product.dtype == "int32" and (product == 30000).all()
    assert ops.floor(np.array([1, 2], "int16")).dtype == "float32"
    np.testing.assert_array_equal(ops.round(np.array([-15, 27]), -1), [-20, 30])
    np.testing.assert_array_equal(ops.view(np.array([1.0], "float32"), "int32"), [0x3F800000])
    np.testing.assert_array_equal(ops.bincount(np.array([[1, 1, 2], [0, 3, 3]])), [[0, 2, 1, 0], [1, 0, 0, 2]])
    np.testing.assert_array_equal(ops.multi_hot(np.array([0.0, 2.0]), 3), [1, 0, 1])


def test_saturation_between_integers():
    numbers = np.array([-128, -1, 0, 127], "int8")
    np.testing.assert_array_equal(ops.saturate_cast(numbers, "uint8"), [0, 0, 0, 127])
    np.testing.assert_array_equal(ops.saturate_cast(numbers, "int32"), numbers)
    np.testing.assert_array_equal(ops.saturate_cast(np.array([0, 255], "uint8"), "int8"), [0, 127])
    np.testing.assert_array_equal(ops.saturate_cast(np.array([-7.0, 300.0], "float32"), "uint8"), [0, 255])


def test_images_of_integers():
    gray = ops.image.rgb_to_grayscale(np.array([[[10, 200, 30]]], "uint8"))
    assert gray.dtype == "uint8" and gray.item() == 123  # 0.2989 * 10 + 0.587 * 200 + 0.114 * 30 = 123.809
    image = np.array([[0, 255, 0, 255]], "uint8")[..., None]
    edges = ops.image.resize(image, (1, 7), interpolation="bicubic")
    assert edges.dtype == "uint8" and {0, 255} <= set(np.ravel(edges).tolist())  # what overshoots is clipped
    padded = ops.image.resize(np.full((2, 4, 1), 9, "int32"), (4, 4), pad_to_aspect_ratio=True, fill_value=2)
    np.testing.assert_array_equal(padded[..., 0], np.repeat([[2], [9], [9], [2]], 4, axis=1))
    at = np.array([[0.5, 4.0]], "float32")
    np.testing.assert_array_equal(ops.image.map_coordinates(np.arange(3.0), at, 1, fill_value=9.0), [0.5, 9.0])
    np.testing.assert_array_equal(ops.image.map_coordinates(np.arange(3.0), at, 1, "nearest"), [0.5, 2.0])
    with pytest.raises(ValueError, match="fill_mode must be one of .*got 'edge'"):
        ops.image.map_coordinates(np.arange(3.0), at, 1, "edge")
    with pytest.raises(ValueError, match="crop_to_aspect_ratio and pad_to_aspect_ratio are both True"):
        ops.image.resize(image, (2, 2), crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)


def test_sparsemax_of_integers():
    np.testing.assert_array_equal(ops.sparsemax(np.array([200, 3, 199], "uint8")), [1, 0, 0])


def test_reshape_of_a_numpy_array_to_its_own_shape_is_a_jax_array():
    x = ops.reshape(np.ones(3), (3,))
    assert isinstance(x, jax.Array) and x.dtype == "float32"


def test_an_array_of_a_symbolic_tensor_is_one_of_the_dtype():
    x = keras.KerasTensor((None, 3), "float32")
    assert (ops.array(x).shape, ops.array(x).dtype) == ((None, 3), "float32")
    assert ops.array(x, dtype="int32").dtype == "int32"


def test_grids_are_a_list():
    """With every version of JAX: since 0.12 its own are a tuple."""
    assert isinstance(ops.meshgrid(np.ones(2), np.ones(3)), list)


def test_arrays_of_numpy_can_be_written_to_and_are_copies():  # as keras.ops.convert_to_numpy: np.array of the tensor
    given = np.zeros(3)
    for array in (ops.zeros(3), keras.Variable(given), given):
        converted = ops.convert_to_numpy(array)
        converted[0] = 1
        assert converted.tolist() == [1, 0, 0]
    assert given.tolist() == [0, 0, 0]


@pytest.mark.parametrize("mode", ["r", "raw", "economic"])
def test_the_other_modes_of_a_qr_decomposition_are_refused(mode):
    """NumPy's "r" gives one matrix, which a program that unpacks two would take for its rows."""
    with pytest.raises(ValueError, match=f"'{mode}'"):
        ops.qr(np.eye(2, dtype="float32"), mode)
