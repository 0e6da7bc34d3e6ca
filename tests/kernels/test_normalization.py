"""Normalization by an array's own mean and variance: the custom derivative against that of the formula."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

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
