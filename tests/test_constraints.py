"""Constraints: names, configs, inputs of all kinds, and what each promises.

Numbers are compared with Keras's in references/constraints.py.
"""

import inspect
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl import constraints
from minidl.core.variables import Variable
from tests.references.constraints import ROWS

CLASSES = {"max_norm": "MaxNorm", "non_neg": "NonNeg", "unit_norm": "UnitNorm", "min_max_norm": "MinMaxNorm"}
EXAMPLES = [getattr(constraints, name)(**arguments) for name, arguments in ROWS.values()]


def weight():
    """Columns with norms from far below 1 to far above, and a column of zeros."""
    return (np.random.default_rng(1).normal(size=(4, 5)) * [0.01, 0.4, 1.0, 9.0, 0.0]).astype("float32")


def test_every_constraint_has_a_row():
    public = {
        value.__name__
        for name, value in vars(constraints).items()
        if not name.startswith("_") and isinstance(value, type) and issubclass(value, constraints.Constraint)
    }
    assert public == {"Constraint", *CLASSES.values()}
    assert {type(example).__name__ for example in EXAMPLES} == set(CLASSES.values())


def test_names_and_arguments_are_those_of_keras():
    keras = pytest.importorskip("keras")
    for name in (name for name in dir(keras.constraints) if not name.startswith("_")):
        ours, theirs = getattr(constraints, name), getattr(keras.constraints, name)
        assert ours.__name__ == theirs.__name__
        ours, theirs = (inspect.signature(found).parameters.values() for found in (ours, theirs))
        assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs], name


@pytest.mark.parametrize("constraint", EXAMPLES)
def test_config_leads_back_to_the_same_projection(constraint):
    config = json.loads(json.dumps(constraints.serialize(constraint)))
    again = constraints.deserialize(config)
    assert type(again) is type(constraint)
    assert again.get_config() == constraint.get_config() == constraints.get(config).get_config()
    np.testing.assert_array_equal(again(weight()), constraint(weight()))


@pytest.mark.parametrize("constraint", EXAMPLES)
def test_config_is_that_of_keras(constraint):
    keras = pytest.importorskip("keras")
    ours = constraints.serialize(constraint)
    assert ours == keras.constraints.serialize(keras.constraints.deserialize(ours))


@pytest.mark.parametrize("constraint", EXAMPLES)
def test_accepts_lists_and_variables_and_keeps_shape_and_dtype(constraint):
    want = jax.jit(constraint)(weight())
    np.testing.assert_allclose(constraint(weight().tolist()), want, rtol=1e-6)
    np.testing.assert_allclose(constraint(Variable(weight())), want, rtol=1e-6)
    short = jax.eval_shape(constraint, jax.ShapeDtypeStruct((4, 5), "bfloat16"))
    assert short.shape == (4, 5) and short.dtype == jnp.bfloat16


@pytest.mark.parametrize("alias, name", CLASSES.items())
def test_names(alias, name):
    for identifier in (alias, name, getattr(constraints, name)):
        assert type(constraints.get(identifier)) is getattr(constraints, name)
    assert getattr(constraints, alias) is getattr(constraints, name)


def test_none_and_function():
    assert constraints.get(None) is None
    assert constraints.serialize(None) is None and constraints.deserialize(None) is None
    assert constraints.get(jnp.abs) is jnp.abs


def test_unknown_name_suggests_similar_ones():
    with pytest.raises(ValueError, match="Unknown constraint 'maxnorm'.*'max_norm'"):
        constraints.get("maxnorm")
    with pytest.raises(TypeError, match="2.0 is not a constraint"):
        constraints.get(2.0)


def norms(w):
    return np.linalg.norm(np.asarray(w, "float64"), axis=0)


def test_max_norm_bounds_large_columns_and_leaves_small_ones():
    before, after = weight(), np.asarray(constraints.MaxNorm(1.0)(weight()))
    small = norms(before) < 1
    assert 0 < small.sum() < small.size
    np.testing.assert_allclose(after[:, small], before[:, small], rtol=1e-4)
    np.testing.assert_allclose(norms(after)[~small], 1.0, rtol=1e-6)


def test_unit_norm_makes_all_norms_one_but_that_of_zeros():
    after = constraints.UnitNorm()(weight())
    np.testing.assert_allclose(norms(after), [1, 1, 1, 1, 0], rtol=1e-4)


def test_non_neg():
    np.testing.assert_array_equal(constraints.NonNeg()(weight()), np.maximum(weight(), 0))


def test_min_max_norm_goes_to_the_interval_at_the_rate():
    before = norms(weight())
    strict = norms(constraints.MinMaxNorm(0.5, 2.0)(weight()))
    np.testing.assert_allclose(strict[:4], np.clip(before, 0.5, 2.0)[:4], rtol=1e-4)
    half_way = norms(constraints.MinMaxNorm(0.5, 2.0, rate=0.5)(weight()))
    np.testing.assert_allclose(half_way[:4], (before + strict)[:4] / 2, rtol=1e-4)


@pytest.mark.parametrize("axis", [[0, 1, 2], (0, 1, 2)])
def test_one_norm_over_several_axes(axis):
    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 4)).astype("float32")
    after = np.asarray(constraints.UnitNorm(axis=axis)(kernel))
    np.testing.assert_allclose(np.linalg.norm(after.reshape(18, 4), axis=0), 1.0, rtol=1e-6)


class Rounded(constraints.Constraint):
    """A user's constraint."""

    def __init__(self, step=1.0):
        self.step = step

    def __call__(self, w):
        return jnp.round(w / self.step) * self.step

    def get_config(self):
        return {"step": self.step}


def test_class_of_a_user():
    config = constraints.serialize(Rounded(0.5))
    assert config["registered_name"] == "Rounded"
    again = constraints.deserialize(config, custom_objects={"Rounded": Rounded})
    np.testing.assert_array_equal(again(jnp.array([0.6, 1.3])), [0.5, 1.5])
    assert isinstance(constraints.get(Rounded), Rounded)
    with pytest.raises(ValueError, match="Unknown constraint 'Rounded'"):
        constraints.deserialize(config)


def test_base_class_changes_nothing():
    w = weight()
    assert constraints.Constraint()(w) is w
    assert constraints.Constraint.from_config(constraints.Constraint().get_config()).get_config() == {}
