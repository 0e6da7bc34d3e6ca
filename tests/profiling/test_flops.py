"""FLOPs of equations, against their formulas."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from minidl.profiling import flops


def counted(function, *args):
    return sum(one.flops for one in flops.count(jax.make_jaxpr(function)(*args).jaxpr))


def products(function, *args):
    return sum(one.flops for one in flops.count(jax.make_jaxpr(function)(*args).jaxpr) if one.is_product)


def ones(*shape):
    return jnp.ones(shape)


def conv(x, kernel, strides=(1, 1), padding="SAME", **options):
    return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"), **options)


def test_products():
    assert counted(jnp.matmul, ones(3, 5), ones(5, 7)) == 2 * 3 * 5 * 7
    assert counted(lambda a, b: jnp.einsum("bij,bjk->bik", a, b), ones(4, 3, 5), ones(4, 5, 7)) == 2 * 4 * 3 * 5 * 7
    assert counted(lambda a, b: jnp.einsum("abij,ijk->abk", a, b), ones(2, 3, 4, 5), ones(4, 5, 6)) == 2 * 6 * 20 * 6


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_a_convolution_and_its_gradients_take_the_same(strides, padding):
    """Each pair of a result and a position of the window is used once, forward and in both gradients."""
    x, kernel = ones(2, 13, 12, 3), ones(3, 5, 3, 8)
    shape = jax.eval_shape(lambda: conv(x, kernel, strides, padding)).shape
    once = 2 * 2 * shape[1] * shape[2] * (3 * 5) * 3 * 8
    assert products(lambda x: conv(x, kernel, strides, padding), x) == once

    def loss(x, kernel):
        return conv(x, kernel, strides, padding).sum()

    assert products(jax.grad(loss, argnums=1), x, kernel) == 2 * once  # the sum's forward pass is traced too
    assert products(jax.grad(loss, argnums=(0, 1)), x, kernel) == 3 * once


def test_a_transposed_convolution_and_its_gradients_take_the_same():
    """Each element of the input is used with each position of the window."""
    x, kernel = ones(2, 7, 6, 3), ones(3, 4, 3, 8)
    once = 2 * 2 * (7 * 6) * (3 * 4) * 3 * 8

    def loss(x, kernel):
        return lax.conv_transpose(x, kernel, (2, 3), "SAME").sum()

    assert products(loss, x, kernel) == once
    assert products(jax.grad(loss, argnums=1), x, kernel) == 2 * once
    assert products(jax.grad(loss, argnums=(0, 1)), x, kernel) == 3 * once


def test_grouped_and_depthwise_convolutions():
    x = ones(2, 8, 8, 6)
    assert products(lambda x: conv(x, ones(3, 3, 2, 12), feature_group_count=3), x) == 2 * (2 * 64 * 12) * 9 * 2
    depthwise = ones(3, 3, 1, 6)

    def loss(kernel):
        return conv(x, kernel, feature_group_count=6).sum()

    assert products(lambda x: conv(x, depthwise, feature_group_count=6), x) == 2 * (2 * 64 * 6) * 9
    assert products(jax.grad(loss), depthwise) == 2 * 2 * (2 * 64 * 6) * 9  # of which one is by groups of the batch


def test_arithmetic_and_reductions():
    x = ones(4, 5)
    assert counted(lambda x: jnp.tanh(x) * x + 1.0, x) == 3 * 20
    assert counted(lambda x: x.sum(0), x) == 3 * 5  # three additions for each of five sums
    assert counted(lambda x: x.max(), x) == 19
    assert counted(lambda x: lax.reduce_window(x, 0.0, lax.add, (2, 1), (2, 1), "VALID"), x) == 2 * 5


def test_what_is_not_counted():
    x = ones(4, 5)
    assert counted(lambda x: jnp.where(x > 0, x.T.reshape(4, 5), 0.0), x) == 0
    assert counted(lambda n: n * n + n.sum(), jnp.arange(9)) == 0


def test_loops_branches_and_functions():
    w, x = ones(3, 3), ones(2, 3)
    once = 2 * 2 * 3 * 3
    assert counted(lambda x: lax.scan(lambda c, _: (c @ w, None), x, None, length=7)[0], x) == 7 * once
    assert counted(lambda x: lax.fori_loop(0, 4, lambda i, c: c @ w, x), x) == 4 * once
    assert counted(lambda x: lax.cond(x.sum() > 0, lambda x: x @ w @ w, lambda x: x, x), x) == 2 * once + 5
    assert counted(jax.jit(lambda x: jax.checkpoint(lambda x: x @ w)(x)), x) == once
    jaxpr = jax.make_jaxpr(lambda n, x: lax.fori_loop(0, n, lambda i, c: c @ w, x))(3, x).jaxpr
    found = list(flops.count(jaxpr))
    assert sum(one.flops for one in found) == once and "a loop, counted once" in found[0].unknown


def test_functions_whose_operations_are_not_known():
    spec = jax.ShapeDtypeStruct((3,), "float32")
    jaxpr = jax.make_jaxpr(lambda x: jax.pure_callback(lambda x: x, spec, x))(ones(3)).jaxpr
    assert [one.unknown for one in flops.count(jaxpr)] == ["pure_callback"]


def test_names_of_functions_inside_others():
    @jax.jit
    def inner(x):
        with jax.named_scope("inner"):
            return x * 2.0

    def outer(x):
        with jax.named_scope("outer"):
            return inner(x)

    assert [one.stack for one in flops.count(jax.make_jaxpr(outer)(ones(3)).jaxpr)] == ["outer/inner"]
