"""Activations: names, configs, inputs of all kinds, errors, and sparsemax against its paper.

Values and gradients of every activation are compared with Keras's in references/activations.py.
"""

import inspect
import json
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl import activations
from minidl.core.variables import Variable
from tests.references.activations import ALONG_AN_AXIS, ELEMENTWISE

NAMES = sorted(activations.BY_NAME)
ROWS = {**ELEMENTWISE, **ALONG_AN_AXIS}


def test_every_activation_has_a_row():
    public = {
        name
        for name, value in vars(activations).items()
        if not name.startswith("_") and inspect.isfunction(value) and name not in ("get", "serialize", "deserialize")
    }
    assert public == set(NAMES)
    assert public == {name for name, _ in ROWS.values()}


def test_names_and_arguments_are_those_of_keras():
    keras = pytest.importorskip("keras")
    for name in (name for name in dir(keras.activations) if not name.startswith("_")):
        ours = inspect.signature(getattr(activations, name)).parameters.values()
        theirs = inspect.signature(getattr(keras.activations, name)).parameters.values()
        assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs], name


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS)
def test_accepts_lists_and_variables_and_keeps_the_dtype(row):
    name, arguments = ROWS[row]
    function = getattr(activations, name)
    values = np.linspace(-3, 3, 16).reshape(1, 4, 4)
    want = jax.jit(lambda x: function(x, **arguments))(jnp.asarray(values, "float32"))
    variable = Variable(values, dtype="float32")
    if name != "linear":  # which gives back the very object it was given
        from_list = function(values.tolist(), **arguments)
        assert from_list.dtype == jnp.float32
        np.testing.assert_allclose(from_list, want, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(function(variable, **arguments), want, rtol=1e-6, atol=1e-7)
    short = jax.eval_shape(lambda x: function(x, **arguments), jax.ShapeDtypeStruct((2, 4, 4), "bfloat16"))
    assert short.dtype == jnp.bfloat16
    assert short.shape == ((2, 4, 2) if row == "glu" else (2, 2, 4) if row == "glu_axis" else (2, 4, 4))


def test_linear_gives_the_object_itself():
    x = [1, 2]
    assert activations.linear(x) is x


@pytest.mark.parametrize("name", NAMES)
def test_name_and_config_lead_back_to_the_function(name):
    function = getattr(activations, name)
    assert activations.get(name) is function
    assert activations.get(function) is function
    config = json.loads(json.dumps(activations.serialize(function)))
    assert config == function.__name__
    assert activations.deserialize(config) is function


@pytest.mark.parametrize("name", NAMES)
def test_config_is_that_of_keras(name):
    keras = pytest.importorskip("keras")
    assert activations.serialize(getattr(activations, name)) == keras.activations.serialize(
        getattr(keras.activations, name)
    )


def test_none_is_linear():
    assert activations.get(None) is activations.linear
    assert activations.deserialize(activations.serialize(None)) is None


def test_unknown_name_suggests_similar_ones():
    with pytest.raises(ValueError, match="Unknown activation 'leakyrelu'.*'leaky_relu'"):
        activations.get("leakyrelu")
    with pytest.raises(ValueError, match="Unknown activation 'nonesuch'. Known: celu, elu"):
        activations.deserialize("nonesuch")


@pytest.mark.parametrize("wrong", [3, [1.0], 0.5])
def test_neither_name_nor_function(wrong):
    with pytest.raises(TypeError, match="give a name, a function or an object"):
        activations.get(wrong)


def wave(x):
    """A user's activation."""
    return jnp.sin(x)


def test_function_of_a_user():
    keras = pytest.importorskip("keras")
    assert activations.get(wave) is wave
    config = activations.serialize(wave)
    assert config == keras.activations.serialize(wave)
    assert activations.deserialize(config, custom_objects={"wave": wave}) is wave
    with pytest.raises(ValueError, match="Unknown activation 'wave'"):
        activations.deserialize(config)


def test_function_with_the_name_of_another_is_not_read_back_as_that():
    # jax.nn.gelu approximates unless told otherwise, Keras's does not
    config = activations.serialize(jax.nn.gelu)
    with pytest.raises(ValueError, match="Unknown activation .*>gelu'"):
        activations.deserialize(config)
    assert activations.deserialize(config, custom_objects={config["config"]: jax.nn.gelu}) is jax.nn.gelu


class Scaled:
    """A user's activation that has a config."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return x * self.factor

    def get_config(self):
        return {"factor": self.factor}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def test_object_of_a_user():
    config = activations.serialize(Scaled(3))
    assert config["class_name"] == "Scaled" and config["config"] == {"factor": 3}
    assert activations.deserialize(config, custom_objects={"Scaled": Scaled})(2) == 6


def test_softmax_over_a_single_value_warns():
    with pytest.warns(UserWarning, match=r"axis -1 of the shape \(4, 1\) has size 1"):
        activations.softmax(np.zeros((4, 1), "float32"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        activations.softmax(np.zeros((4, 1), "float32"), axis=0)


def test_glu_of_an_odd_size():
    with pytest.raises(ValueError, match=r"glu: axis 1 of the shape \(2, 3\) has an odd size"):
        activations.glu(np.zeros((2, 3), "float32"), axis=1)


def nearest_point_of_the_simplex(z):
    """By bisection on tau: sum(max(z - tau, 0)) falls from at least 1 to 0 as tau goes from max(z) - 1 to max(z)."""
    low, high = z.max(-1, keepdims=True) - 1, z.max(-1, keepdims=True)
    for _ in range(60):
        middle = (low + high) / 2
        too_low = np.maximum(z - middle, 0).sum(-1, keepdims=True) > 1
        low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
    return np.maximum(z - low, 0)


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.01, 0.3, 1.0, 10.0])
def test_sparsemax_is_the_nearest_point_of_the_simplex(spread):
    z = np.random.default_rng(0).normal(size=(6, 7)) * spread
    np.testing.assert_allclose(activations.sparsemax(z), nearest_point_of_the_simplex(z), atol=2e-6)
    np.testing.assert_allclose(activations.sparsemax(z.T, axis=0), nearest_point_of_the_simplex(z).T, atol=2e-6)
    far = z + 1000  # a common shift changes nothing
    np.testing.assert_allclose(
        activations.sparsemax(far), nearest_point_of_the_simplex(far.astype("float32").astype("float64")), atol=2e-6
    )


def test_sparsemax_of_equal_values_is_uniform():
    np.testing.assert_allclose(activations.sparsemax([2.0] * 4), [0.25] * 4)


@pytest.mark.slow
def test_sparsemax_has_the_jacobian_of_the_paper():
    """Martins & Astudillo, equation 9: diag(s) - s s^T / |S|, with s the indicator of the support S."""
    z = np.array([0.4, -2.0, 0.1, 0.3, -0.5], "float32")
    s = (nearest_point_of_the_simplex(z.astype("float64")) > 0).astype(float)
    assert 1 < s.sum() < len(z)
    jacobian = jax.jacobian(activations.sparsemax)(z)
    np.testing.assert_allclose(jacobian, np.diag(s) - np.outer(s, s) / s.sum(), atol=1e-6)
