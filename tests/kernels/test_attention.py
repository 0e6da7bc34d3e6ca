"""Attention, where it computes in another way than its formula: custom gradients, projections at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl import layers
from minidl.kernels.cpu.attention import attention

BATCH, HEADS, QUERIES, VALUES, FEATURES = 2, 3, 4, 5, 6
CAUSAL = np.tril(np.ones((QUERIES, VALUES), bool))
MASKS = {
    "none": None,
    "causal": CAUSAL[None, None],
    "values of each example": np.array([[1, 1, 0, 0, 1], [1, 0, 0, 0, 0]], bool)[:, None, None],
    "heads": np.arange(BATCH * HEADS * QUERIES * VALUES).reshape(BATCH, HEADS, QUERIES, VALUES) % 3 > 0,
    "a query without values": CAUSAL[None, None] & (np.arange(QUERIES) != 1)[:, None],
}


def drawn(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")


def formula(query, key, value, mask):
    scores = jnp.einsum("bhqf,bhvf->bhqv", query, key)
    scores = scores if mask is None else jnp.where(mask, scores, -1e30)
    weights = jnp.exp(scores - jnp.max(scores, -1, keepdims=True))
    return jnp.einsum("bhqv,bhvf->bhqf", weights / jnp.sum(weights, -1, keepdims=True), value)


@pytest.mark.slow
@pytest.mark.parametrize("mask", MASKS)
def test_values_and_gradients(mask):
    arguments = [drawn(i, BATCH, HEADS, size, FEATURES) for i, size in enumerate((QUERIES, VALUES, VALUES))]
    want, wanted_pull = jax.vjp(lambda *arrays: formula(*arrays, MASKS[mask]), *arguments)
    got, pull = jax.vjp(lambda *arrays: attention(*arrays, MASKS[mask]), *arguments)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    for one, other in zip(pull(drawn(3, *want.shape)), wanted_pull(drawn(3, *want.shape)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    ["itself", "mask", *(pytest.param(name, marks=pytest.mark.slow) for name in ("values of its own", "causal"))],
)
def test_halves_of_a_batch(make):
    """With the weights wanted, the batch runs as a whole."""
    layer, x, other = layers.MultiHeadAttention(2, 3), drawn(0, 3, 120, FEATURES), drawn(1, 3, 110, FEATURES)
    given = {
        "itself": ((x, x), {}),
        "values of its own": ((x, other), {"key": 2 * other}),
        "causal": ((x, x), {"use_causal_mask": True}),
        "mask": ((x, other), {"value_mask": other[..., 0] > 0}),
    }
    inputs, options = given[make]
    whole = layer(*inputs, return_attention_scores=True, **options)[0]
    np.testing.assert_allclose(layer(*inputs, **options), whole, rtol=1e-4, atol=1e-5)
    if jax.default_backend() == "cpu":
        assert str(jax.make_jaxpr(lambda: layer(*inputs, **options))()).count("custom_vjp_call") == 2


@pytest.mark.parametrize("sizes", [(0, 3), (2, 0)], ids=["no examples", "no queries"])
def test_empty_arrays(sizes):
    query, value = np.ones((sizes[0], HEADS, sizes[1], FEATURES)), np.ones((sizes[0], HEADS, VALUES, FEATURES))
    assert jax.grad(lambda query: attention(query, value, value, None).sum())(query).shape == query.shape


@pytest.mark.slow
def test_the_gradient_of_a_gradient():
    arguments = [drawn(i, 1, 1, 2, 3) for i in range(3)]

    def penalty(function):
        return jax.grad(
            lambda query: jnp.sum(jax.grad(lambda q: jnp.sum(function(q, *arguments[1:], None)))(query) ** 2)
        )

    np.testing.assert_allclose(penalty(attention)(arguments[0]), penalty(formula)(arguments[0]), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "layer",
    [layers.MultiHeadAttention(2, 3), layers.GroupQueryAttention(3, num_query_heads=4, num_key_value_heads=2)],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_give_what_they_give_with_their_weights(layer):
    """Where the attention's weights are asked for, or dropped out, the formula is differentiated instead."""
    x = drawn(0, 2, 5, 6)
    layer(x, x)

    def loss(x, **options):
        output = layer(x, x, use_causal_mask=True, **options)
        return jnp.sum(jnp.sin(output[0] if options else output))

    np.testing.assert_allclose(
        jax.grad(loss)(x), jax.grad(lambda x: loss(x, return_attention_scores=True))(x), rtol=1e-4, atol=1e-6
    )


def lora():
    layer = layers.MultiHeadAttention(2, 3)
    layer.build((None, 40, 6), (None, 40, 6))
    for projection in (layer.query_dense, layer.value_dense):
        projection.enable_lora(2)
        projection.lora_kernel_b.assign(drawn(1, *projection.lora_kernel_b.shape))
    return layer


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: layers.MultiHeadAttention(2, 3, bias_initializer="uniform"), id="bias"),
        pytest.param(
            lambda: layers.MultiHeadAttention(2, 3, value_dim=4), id="another size of values", marks=pytest.mark.slow
        ),
        pytest.param(
            lambda: layers.GroupQueryAttention(3, num_query_heads=4, num_key_value_heads=2, use_bias=False),
            id="grouped",
            marks=pytest.mark.slow,
        ),
        pytest.param(lora, id="lora", marks=pytest.mark.slow),
    ],
)
def test_many_rows_are_projected_at_once(make):
    """One array as query and value, and two equal ones, which are projected one by one; half a batch is many, too."""
    layer, x = make(), drawn(0, 60, 40, 6)
    layer(x, x)

    def loss(weights, query, value):
        output, _ = layer.stateless_call(weights, layer.non_trainable_variables, query, value)
        return jnp.sum(jnp.sin(output)) / len(x)

    weights = [variable.value for variable in layer.trainable_variables]
    text = str(jax.make_jaxpr(lambda x: loss(weights, x, x))(x))
    assert "concatenate[dimension=1]" in text
    got = jax.value_and_grad(loss)(weights, x, x)
    wanted = jax.value_and_grad(loss)(weights, x, x.copy())
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5), got, wanted)
