"""Functions of arrays: symbolic shapes equal real ones, variables are taken, names are Keras's.

Their numbers are compared in references/ops.py.
"""

import json

import jax
import numpy as np
import pytest

import minidl as keras
from minidl import ops
from tests.references.ops import CALLS

# Public in Keras, and not here: signal processing, einops, and functions that few models use.
MISSING = """
    adaptive_average_pool adaptive_max_pool bartlett blackman cdist cholesky_inverse corrcoef ctc_decode
    ctc_loss depth_to_space diagflat dsplit fft2 fliplr flipud fold geomspace hamming hanning hsplit ifft2
    istft jvp kaiser logdet lu_factor matrix_rank nancumprod nancumsum nanpercentile nanquantile polar
    rearrange space_to_depth stft unfold unique vander view_as_complex view_as_real vsplit
""".split()
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


def test_loops():
    assert int(ops.while_loop(lambda i: i < 10, lambda i: i + 3, 0)) == 12
    assert int(ops.while_loop(lambda i: i < 10, lambda i: i + 3, 0, maximum_iterations=2)) == 6
    assert int(ops.fori_loop(0, 5, lambda i, total: total + i, 0)) == 10
    last, sums = ops.scan(lambda total, x: (total + x, total + x), 0.0, np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(sums, [1.0, 3.0, 6.0])
    np.testing.assert_array_equal(ops.vectorized_map(lambda x: x * 2, np.arange(3)), [0, 2, 4])
