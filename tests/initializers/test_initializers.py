"""Initializers: names, configs, seeds, errors, and what each promises.

Draws are compared with Keras's in references/initializers.py.
"""

import inspect
import json
import math
import random as python_random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl import initializers
from minidl.core.variables import Variable
from minidl.random import SeedGenerator, make_default_seed, set_random_seed
from tests.counting import compilations
from tests.references.initializers import DETERMINISTIC, RANDOM, STFT

EXAMPLES = (
    [getattr(initializers, name)(**arguments, seed=7) for name, arguments in RANDOM.items()]
    + [getattr(initializers, name)(**arguments) for name, arguments, _ in DETERMINISTIC.values()]
    + [initializers.STFT(**arguments) for arguments in STFT.values()]
    + [initializers.VarianceScaling(0.5, "fan_out", "uniform", SeedGenerator(3), [0], [1])]
)


def shape_for(initializer):
    if isinstance(initializer, initializers.Identity):
        return (4, 3)
    if isinstance(initializer, initializers.STFT):
        return (8, 1, 5)
    return (4, 1, 3)


def as_json(initializer):
    return json.loads(json.dumps(initializers.serialize(initializer)))


def test_every_initializer_has_a_row():
    public = {
        value
        for name, value in vars(initializers).items()
        if not name.startswith("_") and isinstance(value, type) and issubclass(value, initializers.Initializer)
    }
    bases = {initializers.Initializer, initializers.RandomInitializer}
    assert public - bases == {type(example) for example in EXAMPLES}
    assert set(initializers.BY_NAME.values()) == public - {initializers.RandomInitializer}


def test_names_and_arguments_are_those_of_keras():
    keras = pytest.importorskip("keras")
    for name in (name for name in dir(keras.initializers) if not name.startswith("_")):
        ours, theirs = getattr(initializers, name), getattr(keras.initializers, name)
        assert ours.__name__ == theirs.__name__
        ours, theirs = (inspect.signature(found).parameters.values() for found in (ours, theirs))
        assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs], name


def test_every_name_of_keras_leads_to_the_same_class():
    keras = pytest.importorskip("keras")
    for name in initializers.BY_NAME:
        # Keras 3.15 cannot make a Constant from its name alone
        theirs = keras.initializers.get(
            {"class_name": name, "config": {"value": 0.0} if name.lower() == "constant" else {}}
        )
        assert type(initializers.get(name)).__name__ == type(theirs).__name__
    for alias, name in {"zero": "Zeros", "one": "Ones", "normal": "RandomNormal", "uniform": "RandomUniform"}.items():
        assert type(initializers.get(alias)) is getattr(initializers, name)


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
def test_config_leads_back_to_the_same_values(example):
    config = as_json(example)
    again, shape = initializers.deserialize(config), shape_for(example)
    assert type(again) is type(example)
    assert as_json(again) == config == as_json(initializers.get(config)) == as_json(example.clone())
    fresh = initializers.deserialize(config)  # a seed generator moves on, so that two fresh ones are compared
    np.testing.assert_array_equal(again(shape), fresh(shape))
    if not isinstance(getattr(example, "seed", None), SeedGenerator):
        np.testing.assert_array_equal(again(shape), example(shape))


@pytest.mark.parametrize("example", EXAMPLES)
def test_config_is_that_of_keras(example):
    keras = pytest.importorskip("keras")
    ours = as_json(example)
    read = keras.initializers.deserialize(ours)
    theirs = json.loads(json.dumps(keras.initializers.serialize(read)))
    if isinstance(example, initializers.Identity):
        theirs["config"]["gain"] = read.gain  # Keras 3.15 does not write it
    assert ours == theirs
    assert as_json(initializers.deserialize(theirs)) == ours


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("dtype", [None, "float32", "bfloat16"])
def test_shape_and_dtype(example, dtype):
    values = example(shape_for(example), dtype=dtype)
    assert isinstance(values, jax.Array)
    assert values.shape == shape_for(example) and values.dtype == (dtype or "float32")
    assert np.isfinite(np.asarray(values, "float32")).all()


@pytest.mark.parametrize("name", ["Zeros", "Ones"])
@pytest.mark.parametrize("dtype", ["int32", "bool", "uint8"])
def test_other_dtypes(name, dtype):
    values = getattr(initializers, name)()((2, 3), dtype)
    assert values.dtype == dtype
    np.testing.assert_array_equal(values, np.full((2, 3), name == "Ones", dtype))


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES[:-1])
def test_same_values_inside_a_compiled_function(example):
    compiled = jax.jit(lambda: example(shape_for(example)))()
    np.testing.assert_allclose(compiled, example(shape_for(example)), rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("fast_forms")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_a_new_shape_compiles_nothing(example):
    shape, other = (8, 1, 5), (8, 1, 9)
    if not isinstance(example, initializers.STFT):
        shape, other = shape_for(example), (11, *shape_for(example)[1:])
    example(shape)  # compiles what it has for all shapes
    with compilations() as compiled:
        example(other)
    assert compiled == []


def test_compilations_are_heard():
    with compilations() as compiled:
        jax.jit(lambda x: x * 3)(np.zeros((13, 5)))
    assert compiled


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (3, 3, 2, 5), (2, 70)])
@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_orthogonal_has_the_bits_of_keras(shape, gain):
    keras = pytest.importorskip("keras")
    ours = initializers.Orthogonal(gain, seed=5)(shape)
    np.testing.assert_array_equal(ours, keras.initializers.Orthogonal(gain, seed=5)(shape))


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("bfloat16", 0.05)])
def test_orthogonal_is_orthogonal(dtype, tolerance):
    tall = np.asarray(initializers.Orthogonal(2.0, seed=1)((3, 4, 5), dtype), "float32").reshape(12, 5)
    np.testing.assert_allclose(tall.T @ tall, 4 * np.eye(5), atol=4 * tolerance)
    wide = np.asarray(initializers.Orthogonal(seed=1)((5, 12), dtype), "float32")
    np.testing.assert_allclose(wide @ wide.T, np.eye(5), atol=tolerance)


def test_truncated_normal_draws_have_the_variance_that_is_promised():
    """The variance of a standard normal between -2 and 2 is 1 - 2 * 2 p(2) / (P(2) - P(-2))."""
    density = math.exp(-2) / math.sqrt(2 * math.pi)
    stddev = math.sqrt(1 - 4 * density / math.erf(2 / math.sqrt(2)))
    draws = np.asarray(initializers.TruncatedNormal(0.0, 1.0, seed=0)((200, 200)))
    assert np.std(draws) == pytest.approx(stddev, rel=0.02) and np.abs(draws).max() <= 2
    scaled = initializers.VarianceScaling(3.0, "fan_in", "truncated_normal", seed=0)((200, 200))
    np.testing.assert_allclose(scaled, draws * math.sqrt(3.0 / 200) / stddev, rtol=1e-5)


FAN_IN, FAN_OUT = 12 * 30, 12 * 70  # of a kernel of shape (3, 4, 30, 70)
VARIANCES = {
    "GlorotUniform": 2 / (FAN_IN + FAN_OUT),
    "GlorotNormal": 2 / (FAN_IN + FAN_OUT),
    "LecunUniform": 1 / FAN_IN,
    "LecunNormal": 1 / FAN_IN,
    "HeUniform": 2 / FAN_IN,
    "HeNormal": 2 / FAN_IN,
}


@pytest.mark.slow
@pytest.mark.parametrize("name, variance", VARIANCES.items())
def test_variance_of_the_named_ones(name, variance):
    draws = np.asarray(getattr(initializers, name)(seed=2)((3, 4, 30, 70)))
    assert np.var(draws) == pytest.approx(variance, rel=0.03)
    assert np.mean(draws) == pytest.approx(0, abs=0.03 * math.sqrt(variance))
    if "Uniform" in name:
        assert np.abs(draws).max() <= math.sqrt(3 * variance)


@pytest.mark.parametrize("name", RANDOM)
def test_an_unseeded_one_takes_one_seed_when_it_is_made(name):
    set_random_seed(3)
    seeds = [make_default_seed() for _ in range(3)]
    set_random_seed(3)
    first = getattr(initializers, name)()
    second = initializers.get(name)
    third = first.clone()
    assert [first.seed, second.seed, third.seed] == seeds
    before = python_random.getstate()
    np.testing.assert_array_equal(first((3, 4)), getattr(initializers, name)(seed=seeds[0])((3, 4)))
    np.testing.assert_array_equal(first((3, 4)), first((3, 4)))
    assert first.get_config()["seed"] is None
    getattr(initializers, name)(seed=1)
    assert python_random.getstate() == before


def test_a_seed_generator_gives_another_draw_at_each_call():
    initializer = initializers.RandomUniform(seed=SeedGenerator(5))
    first, second = initializer((3, 4)), initializer((3, 4))
    assert not np.array_equal(first, second)
    again = initializers.RandomUniform(seed=SeedGenerator(5))
    np.testing.assert_array_equal(again((3, 4)), first)


@pytest.mark.parametrize("wrong", ["7", 7.0, [7]])
@pytest.mark.parametrize("name", RANDOM)
def test_wrong_seed(name, wrong):
    with pytest.raises(ValueError, match=f"{name}: expected an integer seed, a SeedGenerator or None, got"):
        getattr(initializers, name)(seed=wrong)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: initializers.VarianceScaling(0.0), "expected a positive scale, got 0.0"),
        (lambda: initializers.VarianceScaling(mode="fan_inn"), "Unknown mode 'fan_inn'. Did you mean 'fan_in'"),
        (lambda: initializers.VarianceScaling(distribution="cauchy"), "Unknown distribution 'cauchy'. Known: trunc"),
        (lambda: initializers.Orthogonal()((3,)), r"Orthogonal: expected a shape of at least 2 axes, got \(3,\)"),
        (lambda: initializers.Identity()((3, 3, 3)), r"Identity: expected .* \(2 axes\), got \(3, 3, 3\)"),
        (lambda: initializers.Constant([1.0, 2.0])((3,)), r"value of shape \(2,\) cannot fill a weight of shape \(3,"),
        (lambda: initializers.STFT(side="left"), "unknown side 'left'; the sides are 'real' and 'imag'"),
        (lambda: initializers.STFT(scaling="no"), "expected scaling 'density', 'spectrum' or None, got 'no'"),
        (lambda: initializers.STFT(window="hannn"), "'hannn' is not the name of a window of scipy.signal.get_window"),
        (lambda: initializers.STFT()((8, 5)), r"expected a shape \(frame length, 1, frequencies\), got \(8, 5\)"),
        (lambda: initializers.STFT(window=[1.0])((8, 1, 5)), r"window has shape \(1,\), but frames have 8 values"),
        (lambda: initializers.get("glorot_unifrom"), "Unknown initializer 'glorot_unifrom'.*'glorot_uniform'"),
        (
            lambda: initializers.get(np.ones((2, 3)))((3, 2)),
            r"initializer has shape \(2, 3\), but the weight has shape \(3, 2\)",
        ),
        (lambda: initializers.deserialize({"class_name": "Zeroes", "config": {}}), "Unknown initializer 'Zeroes'"),
    ],
)
def test_wrong_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_neither_name_nor_function():
    with pytest.raises(TypeError, match="3 is not an initializer"):
        initializers.get(3)


@pytest.mark.parametrize("make", [np.array, jnp.array, Variable])
def test_an_array_as_initializer(make):
    given = np.arange(6, dtype="float32").reshape(2, 3)
    for initializer in (initializers.get(make(given)), initializers.Constant(make(given))):
        np.testing.assert_array_equal(initializer((2, 3)), given)
        assert initializer((2, 3), dtype="bfloat16").dtype == jnp.bfloat16


def test_weights_do_not_follow_the_array_they_were_made_from():
    given = np.ones((64, 64), "float32")
    weights = [initializers.get(given)((64, 64)), initializers.Constant(given)((64, 64))]
    given[:] = 5
    for values in weights:
        np.testing.assert_array_equal(values, np.ones((64, 64)))


def test_none_class_and_function():
    assert initializers.get(None) is None
    assert initializers.serialize(None) is None and initializers.deserialize(None) is None
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    assert initializers.get(jnp.zeros) is jnp.zeros


@pytest.mark.parametrize("window", ["hann", None, [0.1, 0.5, 1.0, 1.0, 0.9, 0.5, 0.3, 0.2]])
def test_stft_is_the_fourier_transform_of_a_windowed_frame(window):
    from scipy.signal import get_window

    frame = np.random.default_rng(0).normal(size=8)
    values = np.ones(8) if window is None else get_window("hann", 8, fftbins=False) if window == "hann" else window
    values = np.asarray(values)
    norms = {"density": np.sqrt(np.sum(values**2)), "spectrum": np.sum(values), None: 1.0}
    for scaling, norm in norms.items():
        want = np.fft.rfft(frame * values) / (1.0 if window is None else norm)
        for side, part in (("real", want.real), ("imag", want.imag)):
            kernel = initializers.STFT(side, window, scaling)((8, 1, 5))
            np.testing.assert_allclose(frame @ np.asarray(kernel)[:, 0], part, atol=2e-6)


class Sevens(initializers.Initializer):
    """A user's initializer."""

    def __init__(self, value=7):
        self.value = value

    def __call__(self, shape, dtype=None):
        return jnp.full(shape, self.value, dtype)

    def get_config(self):
        return {"value": self.value}


def test_class_of_a_user():
    config = initializers.serialize(Sevens(8))
    assert config["registered_name"] == "Sevens"
    again = initializers.deserialize(config, custom_objects={"Sevens": Sevens})
    np.testing.assert_array_equal(again((2,)), [8, 8])
    assert isinstance(initializers.get(Sevens), Sevens)
    assert Sevens(9).clone().value == 9
    with pytest.raises(ValueError, match="Unknown initializer 'Sevens'"):
        initializers.deserialize(config)


def test_base_class_without_call():
    class Bare(initializers.Initializer):
        pass

    with pytest.raises(NotImplementedError, match="Bare is an initializer without __call__"):
        Bare()((2,))
    assert Bare().get_config() == {}


def test_a_variable_takes_its_first_value_from_an_initializer():
    variable = Variable(initializers.Ones(), shape=(2, 3), dtype="bfloat16")
    assert variable.shape == (2, 3) and variable.dtype == "bfloat16"
