"""Regularizers: names, configs, inputs of all kinds, errors.

Penalties and their gradients are compared with Keras's in references/regularizers.py.
"""

import inspect
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl import regularizers
from minidl.core.variables import Variable
from tests.references.regularizers import ROWS

CLASSES = ("L1", "L2", "L1L2", "OrthogonalRegularizer")
EXAMPLES = [getattr(regularizers, name)(**arguments) for name, arguments in ROWS.values()]


def test_every_regularizer_has_a_row():
    public = {
        value.__name__
        for name, value in vars(regularizers).items()
        if not name.startswith("_") and isinstance(value, type) and issubclass(value, regularizers.Regularizer)
    }
    assert public == {"Regularizer", *CLASSES}
    assert {type(example).__name__ for example in EXAMPLES} == set(CLASSES)


def test_names_and_arguments_are_those_of_keras():
    keras = pytest.importorskip("keras")
    for name in (name for name in dir(keras.regularizers) if not name.startswith("_")):
        ours, theirs = getattr(regularizers, name), getattr(keras.regularizers, name)
        assert ours.__name__ == theirs.__name__
        ours, theirs = (inspect.signature(found).parameters.values() for found in (ours, theirs))
        assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs], name


@pytest.mark.slow
@pytest.mark.parametrize("regularizer", EXAMPLES)
def test_config_leads_back_to_the_same_penalty(regularizer):
    config = json.loads(json.dumps(regularizers.serialize(regularizer)))
    again = regularizers.deserialize(config)
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    assert type(again) is type(regularizer)
    assert again.get_config() == regularizer.get_config() == regularizers.get(config).get_config()
    assert float(again(x)) == float(regularizer(x))


def same_arguments(ours, theirs):
    """Equal, but for Keras rounding some factors to float32."""
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-7))


@pytest.mark.parametrize("regularizer", EXAMPLES)
def test_config_is_that_of_keras(regularizer):
    keras = pytest.importorskip("keras")
    ours = regularizers.serialize(regularizer)
    theirs = keras.regularizers.serialize(keras.regularizers.deserialize(ours))
    same_arguments(ours["config"], theirs["config"])
    assert {**ours, "config": None} == {**theirs, "config": None}


@pytest.mark.slow
@pytest.mark.parametrize("regularizer", EXAMPLES)
def test_accepts_lists_and_variables_and_keeps_the_dtype(regularizer):
    values = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    want = jax.jit(regularizer)(values)
    np.testing.assert_allclose(regularizer(values.tolist()), want, rtol=1e-6)
    np.testing.assert_allclose(regularizer(Variable(values)), want, rtol=1e-6)
    short = jax.eval_shape(regularizer, jax.ShapeDtypeStruct((3, 4), "bfloat16"))
    assert short.shape == () and short.dtype == jnp.bfloat16


@pytest.mark.parametrize(
    "name, config",
    [
        ("l1", {"l1": 0.01}),
        ("L1", {"l1": 0.01}),
        ("l2", {"l2": 0.01}),
        ("L2", {"l2": 0.01}),
        ("l1l2", {"l1": 0.0, "l2": 0.0}),
        ("L1L2", {"l1": 0.0, "l2": 0.0}),
        ("orthogonal_regularizer", {"factor": 0.01, "mode": "rows"}),
        ("OrthogonalRegularizer", {"factor": 0.01, "mode": "rows"}),
    ],
)
def test_names(name, config):
    keras = pytest.importorskip("keras")
    assert regularizers.get(name).get_config() == config
    same_arguments(config, keras.regularizers.get(name).get_config())


def test_l1_l2_by_name_has_the_documented_factors():
    assert regularizers.get("l1_l2").get_config() == {"l1": 0.01, "l2": 0.01}
    assert regularizers.deserialize("l1_l2").get_config() == {"l1": 0.01, "l2": 0.01}


def test_none_class_and_function():
    assert regularizers.get(None) is None
    assert regularizers.serialize(None) is None and regularizers.deserialize(None) is None
    assert isinstance(regularizers.get(regularizers.L2), regularizers.L2)
    assert regularizers.get(jnp.sum) is jnp.sum


def test_none_is_the_default_factor():
    assert regularizers.L1(None).l1 == regularizers.L2(None).l2 == 0.01
    assert regularizers.L1L2(None, None).get_config() == {"l1": 0.0, "l2": 0.0}


def test_unknown_name_suggests_similar_ones():
    with pytest.raises(ValueError, match="Unknown regularizer 'orthogonal_regulariser'.*'orthogonal_regularizer'"):
        regularizers.get("orthogonal_regulariser")
    with pytest.raises(TypeError, match="0.01 is not a regularizer"):
        regularizers.get(0.01)


@pytest.mark.parametrize("wrong", [-0.1, float("nan"), float("inf"), "0.1", [0.1]])
@pytest.mark.parametrize(
    "make, name",
    [
        (regularizers.L1, "l1"),
        (regularizers.L2, "l2"),
        (lambda value: regularizers.L1L2(l2=value), "l2"),
        (regularizers.OrthogonalRegularizer, "factor"),
    ],
)
def test_wrong_factor(make, name, wrong):
    with pytest.raises(ValueError, match=f"Expected a finite {name} of at least 0, got {name}="):
        make(wrong)


def test_wrong_mode():
    with pytest.raises(ValueError, match="expected mode 'rows' or 'columns', got 'diagonal'"):
        regularizers.OrthogonalRegularizer(mode="diagonal")


def test_orthogonal_needs_a_matrix():
    with pytest.raises(ValueError, match=r"expected a matrix \(2 axes\), got the shape \(2, 3, 4\)"):
        regularizers.OrthogonalRegularizer()(np.zeros((2, 3, 4), "float32"))


def test_orthogonal_is_the_mean_cosine_of_the_pairs():
    angles = np.array([0.0, 0.4, 1.1])  # of three vectors in the plane, of different lengths
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1) * [[1.0], [2.0], [0.1]]
    want = 0.3 * np.mean(np.cos([0.4, 1.1, 0.7]))
    assert float(regularizers.OrthogonalRegularizer(0.3)(vectors)) == pytest.approx(want, rel=1e-6)
    assert float(regularizers.OrthogonalRegularizer(0.3, mode="columns")(vectors.T)) == pytest.approx(want, rel=1e-6)


@pytest.mark.slow
def test_orthogonal_has_finite_gradients_for_zeros_and_single_vectors():
    regularizer = regularizers.OrthogonalRegularizer()
    with_zeros = jnp.array([[1.0, 2.0], [0.0, 0.0], [2.0, 1.0]])
    assert np.isfinite(jax.grad(regularizer)(with_zeros)).all()
    penalty, gradient = jax.value_and_grad(regularizer)(jnp.ones((1, 4)))
    assert penalty == 0
    np.testing.assert_array_equal(gradient, np.zeros((1, 4)))


class Cubed(regularizers.Regularizer):
    """A user's regularizer."""

    def __init__(self, factor=0.5):
        self.factor = factor

    def __call__(self, x):
        return self.factor * jnp.sum(jnp.abs(x) ** 3)

    def get_config(self):
        return {"factor": self.factor}


def test_class_of_a_user():
    config = regularizers.serialize(Cubed(2.0))
    assert config["registered_name"] == "Cubed"
    again = regularizers.deserialize(config, custom_objects={"Cubed": Cubed})
    assert float(again(jnp.array([1.0, -2.0]))) == 18.0
    assert isinstance(regularizers.get(Cubed), Cubed)
    with pytest.raises(ValueError, match="Unknown regularizer 'Cubed'"):
        regularizers.deserialize(config)


def test_base_class():
    class Bare(regularizers.Regularizer):
        pass

    assert Bare()(jnp.ones(3)) == 0.0
    with pytest.raises(NotImplementedError, match="Bare needs a get_config"):
        Bare().get_config()
