"""keras.backend: every public name is there, and tells of dtypes what Keras tells."""

import jax.numpy as jnp
import numpy as np
import pytest

import minidl
from minidl import backend

NAMES = ["float16", "bfloat16", "float32", "float64", "int8", "uint8", "int32", "int64", "bool", int, float, bool, None]
NAMES += [np.float64, np.dtype("int16"), jnp.ones(2, "bfloat16").dtype]


def test_public_names():
    keras = pytest.importorskip("keras")
    theirs = {name for name in dir(keras.backend) if not name.startswith("_")}
    # Counting names is for layers alone here.
    assert theirs - {*backend.__all__} == {"get_uid"}


@pytest.mark.parametrize("dtype", NAMES, ids=str)
def test_dtypes_as_in_keras(dtype):
    keras = pytest.importorskip("keras")
    assert backend.standardize_dtype(dtype) == keras.backend.standardize_dtype(dtype)
    name = backend.standardize_dtype(dtype)
    assert backend.is_float_dtype(name) == keras.backend.is_float_dtype(name)
    assert backend.is_int_dtype(name) == keras.backend.is_int_dtype(name)
    for other in ("float32", "int32", "bfloat16", "uint8", int, float):
        if "64" not in name:  # not with JAX's default
            assert backend.result_type(dtype, other) == keras.backend.result_type(dtype, other), other


def test_an_unknown_dtype_is_refused():
    with pytest.raises(ValueError, match="Invalid dtype: 'float23'"):
        backend.standardize_dtype("float23")


def test_symbolic_tensors_are_distinguished_from_arrays():
    assert backend.is_keras_tensor(minidl.Input((2,)))
    assert not minidl.utils.is_keras_tensor(np.ones(2))
