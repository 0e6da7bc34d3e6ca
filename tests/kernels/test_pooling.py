"""Pooling on the CPU: what the comparison with the reference does not show."""

import re

import jax
import jax.numpy as jnp
import pytest

from minidl import kernels


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="the CPU's loops over a flat array are the slow ones")
@pytest.mark.parametrize("pool", [kernels.average_pool, kernels.max_pool])
def test_blocks_that_are_flattened_are_pooled_in_their_own_shape(pool):
    def flat(x):
        return pool(jnp.tanh(x), (2, 2), (2, 2), [(0, 0), (0, 0)]).reshape(len(x), -1)

    x = jnp.ones((4, 8, 6, 3))
    options = kernels.compiler_options("predict", kernels.needs_barriers(jax.jit(flat).trace(x).jaxpr))
    program = jax.jit(flat, compiler_options=options).lower(x).compile().as_text()
    assert re.search(r"= f32\[4,4,3,3\]\S* fusion\(", program)
