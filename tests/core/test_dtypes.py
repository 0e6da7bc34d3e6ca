"""Number formats: the default float type, epsilon, and policies."""

import jax.numpy as jnp
import numpy as np
import pytest

from minidl.core import dtypes
from minidl.core.dtypes import DTypePolicy, canonical, dtype_policy, is_float, set_dtype_policy, set_epsilon, set_floatx
from minidl.layers import Dense, Input


@pytest.fixture(autouse=True)
def defaults():
    yield
    set_floatx("float32")
    set_epsilon(1e-7)
    dtypes.reset_dtype_policy()


def test_defaults_are_those_of_keras():
    keras = pytest.importorskip("keras")
    assert dtypes.floatx() == keras.config.floatx()
    assert dtypes.epsilon() == keras.config.epsilon()
    assert dtype_policy().name == keras.config.dtype_policy().name


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_floatx(name):
    set_floatx(name)
    assert dtypes.floatx() == name and DTypePolicy().name == name and dtype_policy().name == name


@pytest.mark.parametrize("wrong", ["int32", "float", None, "mixed_bfloat16", np.float32])
def test_floatx_refuses(wrong):
    with pytest.raises(ValueError, match="set_floatx: expected one of"):
        set_floatx(wrong)
    assert dtypes.floatx() == "float32"


def test_epsilon():
    set_epsilon(1e-3)
    assert dtypes.epsilon() == 1e-3 and isinstance(dtypes.epsilon(), float)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (None, "float32"),
        ("float", "float32"),
        ("int", "int32"),
        ("float64", "float32"),  # what JAX holds, with 64-bit types off
        ("int64", "int32"),
        (np.int8, "int8"),
        (np.dtype("uint16"), "uint16"),
        (bool, "bool"),
        (float, "float32"),
        (int, "int32"),
        (jnp.bfloat16, "bfloat16"),
        (jnp.ones(1, "float16").dtype, "float16"),
        (DTypePolicy("mixed_float16"), "float32"),
        (DTypePolicy("bfloat16"), "bfloat16"),
    ],
)
def test_canonical(given, name):
    assert canonical(given) == name


def test_canonical_follows_floatx():
    set_floatx("bfloat16")
    assert canonical(None) == canonical("float") == "bfloat16" and canonical("float32") == "float32"


@pytest.mark.parametrize("wrong", ["flaot32", "float33", object(), 3])
def test_canonical_refuses(wrong):
    with pytest.raises(ValueError, match="Unknown dtype .* expected one such as 'float32'"):
        canonical(wrong)


def test_is_float():
    assert all(map(is_float, ["float16", "bfloat16", "float32", "float64", np.float32, jnp.bfloat16]))
    assert not any(map(is_float, ["int32", "uint8", "bool", np.int64, "complex64"]))


POLICIES = {
    "float32": ("float32", "float32"),
    "float16": ("float16", "float16"),
    "bfloat16": ("bfloat16", "bfloat16"),
    "int32": ("int32", "int32"),
    "mixed_bfloat16": ("bfloat16", "float32"),
    "mixed_float16": ("float16", "float32"),
}


@pytest.mark.parametrize("name", POLICIES)
def test_policies_are_those_of_keras(name):
    ours = DTypePolicy(name)
    assert (ours.compute_dtype, ours.variable_dtype) == POLICIES[name]
    keras = pytest.importorskip("keras")
    theirs = keras.DTypePolicy(name)
    assert (ours.compute_dtype, ours.variable_dtype) == (theirs.compute_dtype, theirs.variable_dtype)
    assert ours.get_config() == theirs.get_config() and repr(ours) == repr(theirs)


def test_configs_and_equality():
    policy = DTypePolicy("mixed_bfloat16")
    again = DTypePolicy.from_config(policy.get_config())
    assert again == policy and hash(again) == hash(policy) and again != DTypePolicy("bfloat16")
    assert policy != "mixed_bfloat16"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("mixed_float16", "mixed_float16"),
        (DTypePolicy("float16"), "float16"),
        ({"class_name": "DTypePolicy", "config": {"name": "bfloat16"}}, "bfloat16"),
        ({"name": "bfloat16"}, "bfloat16"),
        (np.float16, "float16"),
        (jnp.bfloat16, "bfloat16"),
        (np.dtype("float32"), "float32"),
        (float, "float32"),
        (int, "int32"),
        (None, "float32"),
    ],
)
def test_get(given, name):
    assert dtypes.get(given).name == name


@pytest.mark.parametrize("library", ["tensorflow", "torch"])
@pytest.mark.parametrize("name", ["float32", "bfloat16", "int8", "uint8", "bool"])
def test_dtypes_of_tensorflow_and_pytorch_are_those_of_their_names(library, name):
    given = getattr(pytest.importorskip(library), name)
    assert canonical(given) == Input((2,), dtype=given).dtype == Dense(2, dtype=given).compute_dtype == name


def test_text_of_tensorflow():
    assert Input((1,), dtype=pytest.importorskip("tensorflow").string).dtype == "string"


@pytest.mark.parametrize("wrong", ["mixed_float8", "float31"])
def test_unknown_policy(wrong):
    with pytest.raises(ValueError, match=f"Unknown dtype policy '{wrong}': expected a dtype such as 'float32'"):
        DTypePolicy(wrong)


def test_the_policy_holds_for_layers_made_from_now_on():
    before = Dense(2)
    set_dtype_policy("mixed_bfloat16")
    mixed, own = Dense(2), Dense(2, dtype="float32")
    x = np.ones((1, 3))
    assert [str(layer(x).dtype) for layer in (before, mixed, own)] == ["float32", "bfloat16", "float32"]
    assert mixed.kernel.dtype == mixed.dtype == mixed.variable_dtype == "float32"
    assert mixed.dtype_policy.name == "mixed_bfloat16" and mixed.compute_dtype == "bfloat16"
    set_dtype_policy(DTypePolicy("float16"))
    assert dtype_policy().name == "float16" and Dense(2)(x).dtype == jnp.float16
    dtypes.reset_dtype_policy()
    assert dtype_policy().name == "float32"


class Named:
    """A dtype that NumPy does not take and that has a name, as `tf.string` and `tf.float32`."""

    def __init__(self, name):
        self.name = name


@pytest.mark.parametrize("name", ["string", "float32", "int32", "bool"])  # keras.Input(dtype=tf.string).dtype: "string"
def test_dtypes_of_tensorflow_are_known_by_their_name(name):
    assert canonical(Named(name)) == name
    assert name == "string" or dtypes.standard(Named(name)) == name


def test_unknown_names_of_dtypes_are_refused():
    for function in (canonical, dtypes.standard):
        with pytest.raises(ValueError, match="resource"):
            function(Named("resource"))
