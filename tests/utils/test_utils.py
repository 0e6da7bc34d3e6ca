"""Helpers: what tests/references does not show, such as errors and what Keras computes otherwise."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl import saving, utils
from minidl.core import dtypes, naming
from minidl.utils import clear_session, normalize, to_categorical
from tests.references import utils as references


def test_every_public_name_is_compared_with_keras():
    source = inspect.getsource(references)
    elsewhere = {"model_to_dot", "plot_model", *saving.__all__}  # in test_plotting.py and test_saving.py
    elsewhere |= {"Progbar", "is_keras_tensor", "standardize_dtype"}  # in test_progbar.py and test_backend.py
    elsewhere |= {"get_file", "split_dataset", "FeatureSpace", "bounding_boxes"}  # in files of their own
    elsewhere |= {"find_batch_size", "find_learning_rate", "plot_history"}  # minidl's own
    elsewhere |= {name for name in utils.__all__ if "dataset_from" in name or "img" in name}  # in test_directories.py
    elsewhere |= {name for name in utils.__all__ if "interactive_logging" in name}  # in test_config.py
    assert [name for name in utils.__all__ if f"keras.utils.{name}" not in source and name not in elsewhere] == []


@pytest.mark.parametrize("make", [list, np.array, jnp.array])
@pytest.mark.parametrize(
    ("labels", "num_classes", "message"),
    [
        ([0, 10], 10, "got the label 10, expected labels from 0 to num_classes - 1 = 9. Pass a larger num_classes"),
        ([0, -1], 3, "got the label -1, expected labels from 0 to"),
        ([0, -1], None, "got the label -1"),
        ([0.0, 1.5], None, "labels must be integers, got 1.5"),
        ([0.0, float("nan")], 3, "labels must be integers, got nan"),
        ([], None, "there are no labels, so num_classes must be given"),
        ([0], -2, "got the label 0, expected labels from 0"),
    ],
)
def test_labels_that_fit_no_class_are_refused(make, labels, num_classes, message):
    with pytest.raises(ValueError, match=message):
        to_categorical(make(labels), num_classes)


def test_num_classes_must_be_an_integer():
    with pytest.raises(TypeError, match="integer"):
        to_categorical([0, 1], 2.5)


def test_jax_labels_may_leave_num_classes_out():
    rows = to_categorical(jnp.array([0, 2]))
    assert isinstance(rows, jax.Array)
    np.testing.assert_array_equal(rows, [[1, 0, 0], [0, 0, 1]])


def test_to_categorical_within_a_compiled_function():
    np.testing.assert_array_equal(
        jax.jit(lambda x: to_categorical(x, 3))(jnp.array([[2], [0]])), [[0, 0, 1], [1, 0, 0]]
    )
    with pytest.raises(ValueError, match="inside a compiled function the labels are unknown. Pass num_classes"):
        jax.jit(to_categorical)(jnp.array([0]))


def test_labels_are_not_changed():
    labels = np.array([[1], [0]])
    to_categorical(labels)
    np.testing.assert_array_equal(labels, [[1], [0]])


def test_normalize_along_the_first_axis():  # Keras gives an error, or for square arrays wrong numbers
    square = np.array([[3.0, 0.0], [4.0, 2.0]])
    np.testing.assert_allclose(normalize(square, axis=0), [[0.6, 0.0], [0.8, 1.0]])
    assert normalize(np.ones((4, 3)), axis=0).shape == (4, 3)


def test_normalize_takes_integers_in_lists():  # Keras gives an error
    np.testing.assert_allclose(normalize([[3, 4]]), [[0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize("order", [0, 1.5])
def test_normalize_refuses_invalid_orders(order):
    with pytest.raises(ValueError, match=f"order must be an integer of at least 1, got {order}"):
        normalize(jnp.ones((2, 2)), order=order)


def test_normalize_needs_an_axis():
    with pytest.raises(ValueError, match="axis must be an integer, got None"):
        normalize(np.ones((2, 2)), axis=None)


def test_clear_session_resets_names():
    clear_session()
    assert [naming.auto_name("Dense") for _ in range(2)] == ["dense", "dense_1"]
    clear_session(free_memory=False)
    assert naming.auto_name("Dense") == "dense"


def test_clear_session_resets_the_policy_and_keeps_floatx(request):
    request.addfinalizer(lambda: dtypes.set_floatx("float32"))
    dtypes.set_dtype_policy("mixed_bfloat16")
    dtypes.set_floatx("float16")
    clear_session()
    assert dtypes.dtype_policy().name == dtypes.floatx() == "float16"


@pytest.mark.parametrize(
    ("sequences", "options", "message"),
    [
        ([[1], 2], {}, "expected a list or an array as each sequence, got 2"),
        ([[1]], {"padding": "both"}, "padding must be 'pre' or 'post', got 'both'"),
        ([[1]], {"truncating": "both"}, "truncating must be 'pre' or 'post', got 'both'"),
        ([["a"]], {"value": "pad"}, "value is the string 'pad', but dtype is int32"),
        ([[[1, 2]], [[1]]], {}, r"elements of sequence 1 have shape \(1,\), those of the sequences before it \(2,\)"),
    ],
)
def test_sequences_that_cannot_be_padded(sequences, options, message):
    with pytest.raises(ValueError, match=message):
        utils.pad_sequences(sequences, **options)
