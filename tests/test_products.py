"""The product of layers: `@`, with derivatives of every kind, whatever the shapes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl import products
from minidl.products import matmul

RANDOM = np.random.default_rng(0)
SHAPES = {  # x, kernel
    "wide": ((32, 20), (20, 24)),
    "narrow": ((32, 20), (20, 5)),
    "large": ((300, 80), (80, 64)),
    "one row": ((1, 3), (3, 1)),
    "sequence": ((4, 6, 5), (5, 3)),
    "vector": ((5,), (5, 3)),
    "no rows": ((0, 5), (5, 3)),
}


def normal(shape):
    return jnp.asarray(RANDOM.normal(size=shape).astype("float32"))


@pytest.fixture(params=SHAPES)
def arrays(request):
    return [normal(shape) for shape in SHAPES[request.param]]


def assert_equal(ours, theirs):
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * np.max(np.abs(other), initial=0))


def test_values(arrays):
    assert_equal(matmul(*arrays), arrays[0] @ arrays[1])


def test_gradients(arrays):
    def gradients(product):
        return jax.grad(lambda x, kernel: jnp.sum(jnp.sin(product(x, kernel))), argnums=(0, 1))(*arrays)

    assert_equal(gradients(matmul), gradients(jnp.matmul))


def test_forward_mode(arrays):
    tangents = [normal(array.shape) for array in arrays]
    assert_equal(jax.jvp(matmul, arrays, tangents), jax.jvp(jnp.matmul, arrays, tangents))


@pytest.mark.slow
@pytest.mark.parametrize("units", [3, products.NARROW])
def test_second_derivatives_and_mapping(units):
    x, kernel = normal((4, 2)), normal((2, units))

    def hessians(product):
        def loss(x, kernel):
            return jnp.sum(product(x[None], kernel) ** 3)

        return jax.vmap(jax.hessian(loss, argnums=1), (0, None))(x, kernel)

    assert_equal(hessians(matmul), hessians(jnp.matmul))


def test_dtypes_are_those_of_numpy_promotion():
    kernel = normal((3, 2))
    assert matmul(jnp.ones((4, 3), "int32"), kernel).dtype == jnp.float32
    assert matmul(jnp.ones((4, 3), "bfloat16"), kernel.astype("bfloat16")).dtype == jnp.bfloat16


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="only the CPU needs a factor turned")
def test_small_gradients_read_no_factor_by_columns():
    """A product whose first factor is contracted over its rows is the slow kind."""

    def slow_products(features, units, rows=32):
        x, kernel = jnp.ones((rows, features)), jnp.ones((features, units))
        gradient = jax.grad(lambda kernel: jnp.sum(matmul(x, kernel) ** 2))
        return jax.jit(gradient).lower(kernel).compile().as_text().count("lhs_contracting_dims={0}")

    assert slow_products(64, 64) == 0
    assert slow_products(64, 64, rows=512) == 0
    assert slow_products(2048, 512) == 1, "large products are best as they are"
