"""The matrix product of the CPU: what the comparison with the reference does not show."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl.kernels.cpu.matmul import NARROW, matmul


@pytest.mark.slow
@pytest.mark.parametrize("units", [3, NARROW])
def test_second_derivatives_and_mapping(units):
    random = np.random.default_rng(0)
    x, kernel = random.standard_normal((4, 2), dtype="float32"), random.standard_normal((2, units), dtype="float32")

    def hessians(product):
        def loss(x, kernel):
            return jnp.sum(product(x[None], kernel) ** 3)

        return jax.vmap(jax.hessian(loss, argnums=1), (0, None))(x, kernel)

    np.testing.assert_allclose(hessians(matmul), hessians(jnp.matmul), rtol=1e-5, atol=1e-5)


def test_dtypes_are_those_of_numpy_promotion():
    kernel = jnp.ones((3, 2))
    assert matmul(jnp.ones((4, 3), "int32"), kernel).dtype == jnp.float32
    assert matmul(jnp.ones((4, 3), "bfloat16"), kernel.astype("bfloat16")).dtype == jnp.bfloat16


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="only the CPU needs a factor transposed")
def test_small_gradients_read_no_factor_by_columns():
    """A product whose first factor is contracted over its rows is the slow kind."""

    def slow_products(features, units, rows=32):
        x, kernel = jnp.ones((rows, features)), jnp.ones((features, units))
        gradient = jax.grad(lambda kernel: jnp.sum(matmul(x, kernel) ** 2))
        return jax.jit(gradient).lower(kernel).compile().as_text().count("lhs_contracting_dims={0}")

    assert slow_products(64, 64) == 0
    assert slow_products(64, 64, rows=512) == 0
    assert slow_products(2048, 512) == 1, "large products are best as they are"
