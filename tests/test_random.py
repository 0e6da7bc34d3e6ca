"""Random draws: the host's uniform bit for bit, seeds, generators and errors.

Draws are compared with Keras's in references/random.py.
"""

import functools
import inspect
import random as python_random

import jax
import numpy as np
import pytest

import minidl
from minidl import kernels, random
from minidl.core import naming
from minidl.core.functional import functional
from minidl.kernels import host_draws
from minidl.random import SeedGenerator, draw_seed, make_default_seed, set_random_seed
from tests.counting import compilations
from tests.references.random import DRAWS

HELPERS = {"SeedGenerator", "set_random_seed", "is_seeded", "reset_generator", "make_default_seed", "draw_seed"}
HELPERS |= {"name_scope", "auto_name"}  # imported


def test_every_function_is_compared_with_keras():
    public = {name for name, value in vars(random).items() if callable(value) and not name.startswith("_")}
    public = {name for name in public if inspect.isfunction(getattr(random, name))}
    assert public - HELPERS == set(DRAWS)


def test_names_and_arguments_are_those_of_keras():
    keras = pytest.importorskip("keras")
    for name in DRAWS:
        ours, theirs = (inspect.signature(getattr(library.random, name)) for library in (minidl, keras))
        assert [(p.name, p.default) for p in ours.parameters.values()] == [
            (p.name, p.default) for p in theirs.parameters.values()
        ], name


def bits(values):
    return np.asarray(values).view(np.uint32)


@functools.cache
def compiled_uniform():
    """What JAX itself draws, for any key and range."""
    return jax.jit(lambda key, low, high: jax.random.uniform(key, (50,), "float32", low, high))


def test_host_uniform_has_the_bits_of_jax_for_many_seeds():
    keys = np.random.default_rng(0).integers(0, 2**32, (300, 2), dtype=np.uint32)
    keys[:4] = [[0, 0], [2**32 - 1, 2**32 - 1], [0, 2**32 - 1], [1, 0]]
    for key in keys:
        got, want = random.uniform((50,), seed=key), compiled_uniform()(key, 0.0, 1.0)
        np.testing.assert_array_equal(bits(got), bits(want))


def test_host_uniform_has_the_bits_of_jax_for_many_ranges():
    rng = np.random.default_rng(1)
    ranges = [tuple(np.sort(rng.normal(size=2) * 10.0 ** rng.integers(-6, 7))) for _ in range(100)]
    ranges += [(-1.0, 1.0), (0.0, 1e-20), (3.0, 3.0), (2.0, 1.0), (-1e30, 1e30), (-0.3, 0.30000001), (-5, 7)]
    for index, (low, high) in enumerate(ranges):
        key = np.array([index, 0], "uint32")
        got, want = random.uniform((50,), low, high, seed=index), compiled_uniform()(key, float(low), float(high))
        np.testing.assert_array_equal(bits(got), bits(want), err_msg=f"{low} {high}")
        assert low > high or (np.asarray(got) >= np.float32(low)).all()


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (3, 1, 5), (2**16 + 3,)])
def test_host_uniform_has_the_bits_of_jax_for_each_shape(shape):
    got, want = random.uniform(shape, seed=9), jax.random.uniform(np.array([9, 0], "uint32"), shape)
    assert isinstance(got, jax.Array) and got.shape == shape and got.dtype == want.dtype
    np.testing.assert_array_equal(bits(got), bits(want))


@pytest.mark.parametrize("key", [jax.random.key(3), jax.random.key(3, impl="rbg")], ids=["threefry", "rbg"])
def test_typed_keys_are_passed_to_jax(key):
    np.testing.assert_array_equal(kernels.uniform(key, (5,)), jax.random.uniform(key, (5,)))


@pytest.mark.usefixtures("fast_forms")
def test_uniform_compiles_nothing():
    with compilations() as compiled:
        generator = SeedGenerator(1)
        set_random_seed(1)
        for shape in ((), (13,), (17, 19), (0, 3), (2, 3, 5, 7)):
            random.uniform(shape, -0.123, 0.456, seed=3)
            random.uniform(shape, seed=generator)
            random.uniform(shape)
        assert compiled == []
        jax.jit(lambda x: x * 3)(np.zeros((13, 5)))
        assert compiled  # they are heard


def test_a_large_draw_and_a_traced_one_have_the_same_bits(monkeypatch):
    want = bits(random.uniform((3, 1, 5), -2.0, 3.0, seed=4))
    key = np.array([4, 0], "uint32")
    np.testing.assert_array_equal(bits(jax.jit(lambda key: random.uniform((3, 1, 5), -2.0, 3.0, seed=key))(key)), want)
    monkeypatch.setattr(host_draws, "_programs", {})
    for limit in ("_MANY", "_MOST"):
        monkeypatch.setattr(host_draws, limit, 14)
        np.testing.assert_array_equal(bits(random.uniform((3, 1, 5), -2.0, 3.0, seed=4)), want)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(), (0,), (3, 1, 5), (2**13,), (3, 7001), (2**18 + 3,), (1100, 1000)])
def test_normal_draws_of_initial_values_have_the_bits_of_jax(shape):
    key = np.array([9, 0], "uint32")
    want = {
        "normal": jax.random.normal(key, shape) * 0.3 + 0.1,
        "truncated_normal": jax.random.truncated_normal(key, -2.0, 2.0, shape) * 0.3 + 0.1,
        "uniform": jax.random.uniform(key, shape, "float32", -0.3, 0.1),
    }
    for name, arguments in {"normal": (0.1, 0.3), "truncated_normal": (0.1, 0.3), "uniform": (-0.3, 0.1)}.items():
        got = getattr(random, name)(shape, *arguments, seed=9)
        assert isinstance(got, jax.Array) and got.shape == shape and got.dtype == "float32"
        np.testing.assert_array_equal(bits(got), bits(want[name]), err_msg=name)


@pytest.mark.slow
def test_weights_can_be_made_inside_a_trace():
    jax.clear_caches()
    host_draws._programs.clear()
    drawn = []

    @jax.jit
    def traced(x):
        with jax.ensure_compile_time_eval():
            drawn.append(random.normal((3,), seed=1))
        return x

    traced(1.0)
    np.testing.assert_array_equal(drawn[0], random.normal((3,), seed=1))


def test_other_shapes_of_integers():
    for seed in (np.int64(7), 7 + 2**32, True + 6):
        np.testing.assert_array_equal(random.uniform((3,), seed=seed), random.uniform((3,), seed=7))
    np.testing.assert_array_equal(draw_seed(-1), draw_seed(2**32 - 1))
    np.testing.assert_array_equal(random.uniform([2, 3], seed=7), random.uniform((2, 3), seed=7))


def test_a_generator_counts_and_goes_on():
    generator = SeedGenerator(7)
    keys = [np.asarray(generator.next()).tolist() for _ in range(3)]
    assert keys == [[7, 0], [7, 1], [7, 2]]
    assert generator.state.numpy().tolist() == [7, 3] and not generator.state.trainable
    assert generator.state.dtype == "uint32"
    first, second = (random.uniform((3,), seed=generator) for _ in range(2))
    assert not np.array_equal(first, second)
    again = SeedGenerator(7)
    again.state.assign([7, 3])
    np.testing.assert_array_equal(random.uniform((3,), seed=again), first)


@pytest.mark.parametrize("ordered", [True, False])
def test_a_generator_is_the_same_inside_a_compiled_function(ordered):
    generator, other = SeedGenerator(7), SeedGenerator(7)
    pure = jax.jit(functional(lambda: generator.next(ordered), [generator.state]))
    values = [generator.state.value]
    for _ in range(3):
        key, values = pure(values)
        np.testing.assert_array_equal(key, other.next(ordered))
    np.testing.assert_array_equal(values[0], other.state)


def test_names_and_configs_of_generators():
    naming.reset_names()
    first, second, named = SeedGenerator(1), SeedGenerator(), SeedGenerator(2, name="mine")
    assert [g.name for g in (first, second, named)] == ["seed_generator", "seed_generator_1", "mine"]
    assert named.state.path == "mine/seed_generator_state"
    assert named.get_config() == {"seed": 2, "name": "mine"} and second.get_config()["seed"] is None
    again = SeedGenerator.from_config(named.get_config())
    assert again.name == "mine"
    np.testing.assert_array_equal(again.state, named.state)


def test_unseeded_generators_take_their_seeds_from_python():
    set_random_seed(3)
    seeds = [make_default_seed() for _ in range(2)]
    python_random.seed(3)
    assert seeds == [python_random.randint(1, 10**9) for _ in range(2)]
    set_random_seed(3)
    assert [int(SeedGenerator().state[0]) for _ in range(2)] == seeds


def test_set_random_seed_resets_all_generators():
    def numbers():
        draws = [random.normal((2,)), random.uniform((2,)), np.random.random(2), [python_random.random()]]
        return np.concatenate([np.asarray(draw, "float64") for draw in draws])

    set_random_seed(12)
    first, later = numbers(), numbers()
    set_random_seed(12)
    np.testing.assert_array_equal(numbers(), first)
    assert not np.array_equal(first, later)


@pytest.mark.slow
def test_seeded_draws_leave_the_global_streams_alone():
    set_random_seed(5)
    states = python_random.getstate(), np.random.get_state()[1].copy()
    for name in ("normal", "uniform", "randint", "dropout"):
        DRAWS[name](minidl, 3)
    SeedGenerator(3).next()
    assert python_random.getstate() == states[0]
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])


@pytest.mark.parametrize("wrong", ["1", 1.5, None, np.int64(1)])
def test_set_random_seed_refuses(wrong):
    with pytest.raises(ValueError, match="set_random_seed: expected an integer, got"):
        set_random_seed(wrong)


@pytest.mark.parametrize("wrong", ["7", 7.0, [7], np.int64(7)])
def test_a_generator_refuses(wrong):
    with pytest.raises(ValueError, match="SeedGenerator: seed must be an integer, got"):
        SeedGenerator(wrong)
    with pytest.raises(ValueError, match=r"SeedGenerator: unknown arguments \['sed'\]"):
        SeedGenerator(sed=1)


@pytest.mark.parametrize("wrong", ["7", 7.5, [7], object()])
def test_draws_refuse_other_seeds(wrong):
    with pytest.raises(ValueError, match="seed must be an integer, a SeedGenerator, a key or None, got"):
        random.uniform((2,), seed=wrong)


@pytest.mark.parametrize("name", DRAWS)
def test_an_unseeded_draw_in_a_compiled_function_is_refused(name):
    with pytest.raises(
        ValueError,
        match=r"would become a constant. Make `self.seed_generator = SeedGenerator\(\)`",
    ):
        jax.jit(lambda: DRAWS[name](minidl, None))()


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: random.categorical(np.ones(3), 2, seed=1), r"shape \(batch, classes\), got \(3,\)"),
        (lambda: random.uniform((2,), dtype="int32", seed=1), "uniform: expected a float dtype, got 'int32'"),
        (lambda: random.normal((2,), dtype="nope", seed=1), "Unknown dtype 'nope'"),
        (lambda: random.randint((2,), 0, 5, dtype="float32", seed=1), "expected an integer dtype, got 'float32'"),
        (lambda: random.dropout(np.ones((2, 3)), 1.5, seed=1), "rate must be from 0 to 1, got 1.5"),
    ],
)
def test_wrong_arguments(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(rate):
    kept = np.asarray(random.dropout(np.ones(20_000, "float32"), rate, seed=1))
    assert np.mean(kept) == pytest.approx(1, abs=4 * np.sqrt(rate / (1 - rate) / 20_000))
    assert set(np.unique(kept)) == {np.float32(0), np.float32(1 / (1 - rate))}


@pytest.mark.slow
@pytest.mark.parametrize("wide", [False, True])
def test_dropout_keeps_what_jax_keeps(wide):
    """With 64-bit types on, JAX compares draws in float64."""
    with jax.enable_x64(wide):
        kept = random.dropout(np.ones(500, "float32"), 0.3, seed=5) != 0
        np.testing.assert_array_equal(kept, jax.random.bernoulli(np.array([5, 0], "uint32"), 0.7, (500,)))


@pytest.mark.slow
def test_dropout_has_the_gradient_of_its_mask():
    x = np.arange(1.0, 13.0, dtype="float32")
    mask = random.dropout(np.ones(12, "float32"), 0.5, seed=1)
    np.testing.assert_array_equal(jax.grad(lambda x: random.dropout(x, 0.5, seed=1).sum())(x), mask)
