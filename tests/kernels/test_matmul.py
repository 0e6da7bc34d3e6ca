"""The matrix product of the CPU: what the comparison with the reference does not show."""

import re

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


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="the CPU's products of few columns are the slow ones")
@pytest.mark.parametrize(
    ("rows", "features", "units", "is_transposed"),
    [(512, 256, 64, True), (32, 4096, 10, True), (32, 512, 64, False), (512, 64, 64, False), (512, 256, 128, False)],
)
def test_gradient_of_few_units_is_computed_transposed(rows, features, units, is_transposed):
    random = np.random.default_rng(0)
    x, g = random.standard_normal((rows, features), "float32"), random.standard_normal((rows, units), "float32")
    kernel = jnp.zeros((features, units))

    def gradient(product):
        return jax.jit(jax.grad(lambda kernel, x, g: jnp.sum(product(x, kernel) * g)))

    np.testing.assert_allclose(gradient(matmul)(kernel, x, g), x.T @ g, rtol=1e-4, atol=1e-3)
    program = gradient(matmul).lower(kernel, x, g).compile().as_text()
    (product,) = re.findall(r"f32\[(\d+),(\d+)\]\S* dot\(", program)
    assert product == tuple(map(str, (units, features) if is_transposed else (features, units)))
