"""LSTM and GRU with custom gradients, inside layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl import layers
from minidl.kernels import over_time, products_of, reference

TIME, BATCH, FEATURES, UNITS = 6, 3, 4, 5


def drawn(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")


@pytest.mark.slow
@pytest.mark.parametrize(("make", "kernel"), [(layers.LSTMCell, reference.lstm), (layers.GRUCell, reference.gru)])
def test_the_reference_is_the_formula_of_the_cells(make, kernel):
    cell = make(UNITS)
    cell.build((BATCH, FEATURES))
    gates = cell.recurrent_kernel.shape[1]
    projected, weights = drawn(0, TIME, BATCH, gates), drawn(3, UNITS, gates)
    states, biases = [drawn(1, BATCH, UNITS)] * (2 if gates == 4 * UNITS else 1), (drawn(4, gates), drawn(5, gates))
    got = kernel(lambda x: x, projected, states, weights, biases)
    products = products_of(jnp.matmul, [weights], [biases[1]], None)
    want = over_time(lambda x, states: cell.step(x + biases[0], states, products), projected, states)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), got, want)


@pytest.mark.slow
@pytest.mark.parametrize("make", [layers.LSTM, layers.GRU])
def test_the_gradient_of_a_gradient_and_of_no_steps(make):
    layer, x = make(UNITS), drawn(0, BATCH, TIME, FEATURES)
    layer(x)

    def penalty(**options):
        slope = jax.grad(lambda x: jnp.sum(jnp.sin(layer(x, **options))))
        return jax.grad(lambda x: jnp.sum(slope(x) ** 2))(x)

    np.testing.assert_allclose(penalty(), penalty(mask=np.ones((BATCH, TIME), bool)), rtol=1e-3, atol=1e-6)
    assert jax.grad(lambda x: jnp.sum(layer(x)))(x[:, :0]).shape == (BATCH, 0, FEATURES)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "whole", "time"),
    [
        pytest.param(layers.LSTM, True, TIME, id="lstm, all outputs"),
        pytest.param(layers.GRU, False, TIME, id="gru, the last output"),
        pytest.param(layers.LSTM, False, 37, id="lstm in segments, the last output", marks=pytest.mark.slow),
        pytest.param(layers.GRU, True, 37, id="gru in segments, all outputs"),
    ],
)
def test_layers_give_what_they_give_with_a_mask_of_ones(make, whole, time):
    """With a mask, or unrolled, the loop over time is differentiated instead."""
    layer = make(UNITS, return_sequences=whole, return_state=True, go_backwards=whole)
    x = drawn(0, BATCH, time, FEATURES)
    layer(x)

    def loss(x, **options):
        return sum(jnp.sum(jnp.sin(output)) for output in layer(x, **options))

    np.testing.assert_allclose(
        jax.grad(loss)(x), jax.grad(lambda x: loss(x, mask=np.ones((BATCH, time), bool)))(x), rtol=1e-4, atol=1e-6
    )


@pytest.mark.slow
@pytest.mark.skipif(jax.default_backend() != "cpu", reason="a GPU runs the products at once")
@pytest.mark.parametrize(("time", "count"), [(6, 1), (37, 2), (80, 4), (301, 4)])
def test_long_sequences_run_in_segments(time, count):
    layer, x = layers.LSTM(UNITS), drawn(0, BATCH, time, FEATURES)
    layer(x)
    assert str(jax.make_jaxpr(lambda x: layer(x))(x)).count("custom_vjp_call") == count


@pytest.mark.slow
def test_a_step_of_ones_own_is_run():
    class Doubled(layers.LSTMCell):
        def step(self, *args):
            output, states = super().step(*args)
            return 2 * output, states

    x = drawn(0, BATCH, TIME, FEATURES)
    plain, doubled = layers.RNN(layers.LSTMCell(UNITS, kernel_initializer="ones")), layers.RNN(Doubled(UNITS))
    expected = plain(x)
    doubled.build(x.shape)
    doubled.set_weights(plain.get_weights())
    np.testing.assert_allclose(doubled(x), 2 * expected, rtol=1e-5)
