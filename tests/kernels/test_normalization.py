"""Normalization by an array's own mean and variance: the custom derivative against that of the formula."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minidl as keras
from minidl import layers
from minidl.core.functional import functional
from minidl.kernels.cpu.normalization import normalize

EPSILON = 1e-3
CASES = {  # the array, the axes of the moments, gamma and beta
    "batch": ((4, 3, 5), (0, 1), (1, 1, 5)),
    "layer": ((4, 3, 5), (2,), (1, 1, 5)),
    "layer of two axes": ((4, 3, 5), (1, 2), (1, 3, 5)),
    "group": ((2, 3, 2, 4), (1, 3), (1, 1, 2, 4)),
    "one number": ((1, 1), (0,), (1, 1)),
}


def drawn(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")


def formula(x, gamma, beta, axes):
    normal = (x - x.mean(axes, keepdims=True)) / jnp.sqrt(x.var(axes, keepdims=True) + EPSILON)
    return normal * gamma + beta


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_values_and_derivatives_both_ways(case):
    shape, axes, weights = CASES[case]
    arguments = [3 + 2 * drawn(0, *shape), drawn(1, *weights), drawn(2, *weights)]
    tangents = [drawn(3 + i, *argument.shape) for i, argument in enumerate(arguments)]
    gradient = drawn(6, *shape)

    @functools.partial(jax.jit, static_argnums=0)
    def both_ways(function, *arguments):
        return jax.jvp(function, arguments, tuple(tangents)), jax.vjp(function, *arguments)[1](gradient)

    ours = both_ways(lambda *arguments: normalize(*arguments, axes, EPSILON), *arguments)
    theirs = both_ways(lambda *arguments: formula(*arguments, axes), *arguments)
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_inference_of_a_batch_normalization_prepares_one_vector():
    """Each vector that a loop does not change is a function of its own for XLA, which takes 20 ms to compile."""

    def functions(count):
        model = keras.Sequential([keras.Input((4, 4, 8)), *(layers.BatchNormalization() for _ in range(count))])
        values = [variable.value for variable in model.variables]

        def loop(values, x):
            step = functional(lambda x: model(x, training=False), model.variables)
            return jax.lax.fori_loop(0, len(x), lambda i, x: x.at[i].set(step(values, x[i])[0]), x)

        text = jax.jit(loop).lower(values, jnp.ones((5, 2, 4, 4, 8))).compile().as_text()
        return text.count(" fusion(")

    assert functions(6) - functions(2) <= 4
