"""Convolution and pooling: what the comparison with the reference does not show."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl import Sequential, kernels, layers
from minidl.kernels import reference
from minidl.kernels.compiler import jaxprs
from minidl.kernels.cpu import conv as cpu_conv
from minidl.kernels.cpu import kernel_gradient
from minidl.kernels.cpu.geometry import Geometry
from minidl.kernels.cpu.products import products


def images(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")


def test_gradient_of_equal_maxima_goes_to_the_first():
    x = jnp.array([[1.0, 1.0], [0.0, 1.0]])[None, ..., None]
    gradient = jax.grad(lambda x: kernels.max_pool(x, (2, 2), (2, 2), [(0, 0)] * 2).sum())(x)
    np.testing.assert_array_equal(gradient[0, ..., 0], [[1, 0], [0, 0]])


@pytest.mark.parametrize("pool", [kernels.average_pool, kernels.max_pool])
def test_blocks_that_are_flattened_are_pooled_in_their_own_shape(pool, fast_forms):
    """Loops over a flat array have no vector instructions."""

    def flat(x):
        return pool(jnp.tanh(x), (2, 2), (2, 2), [(0, 0), (0, 0)]).reshape(len(x), -1)

    x = jnp.ones((4, 8, 6, 3))
    options = kernels.compiler_options("predict", kernels.needs_barriers(jax.jit(flat).trace(x).jaxpr))
    program = jax.jit(flat, compiler_options=options).lower(x).compile().as_text()
    assert re.search(r"= f32\[4,4,3,3\]\S* fusion\(", program)


@pytest.mark.slow
def test_max_pool_of_many_places():
    """More places than the number of one can count in eight bits."""
    x = images(1, 26, 12, 1)
    gradient = jax.grad(lambda x: kernels.max_pool(x, (13, 12), (13, 12), [(0, 0)] * 2).sum())(x)
    assert gradient.sum() == 2 and gradient.ravel()[x[:, :13].argmax()] == 1


def test_max_pool_forward_mode_integers_and_nan():
    x, d_x = images(2, 4, 4, 1), images(2, 4, 4, 1, seed=1)
    pool = lambda x: kernels.max_pool(x, (2, 2), (2, 2), [(0, 0)] * 2)  # noqa: E731
    _, got = jax.jvp(pool, (x,), (d_x,))
    _, want = jax.jvp(lambda x: jnp.max(x.reshape(2, 2, 2, 2, 2), (2, 4))[..., None], (x,), (d_x,))
    np.testing.assert_allclose(got, want, rtol=1e-6)
    np.testing.assert_array_equal(pool(np.arange(16).reshape(1, 4, 4, 1)).ravel(), [5, 7, 13, 15])
    assert np.isnan(pool(np.full((1, 2, 2, 1), [[[[np.nan], [1]], [[2], [3]]]], "float32"))).all()


def test_derivatives_of_a_pool_whose_windows_overlap(fast_forms):
    """Of first and second order, in both modes and for each example, from those of pairwise choices."""
    x, towards = images(2, 6, 5, 3), images(2, 6, 5, 3, seed=1)
    inside = [(slice(None), slice(i, i + 4), slice(j, j + 3)) for i in range(3) for j in range(3)]
    choices = lambda x: functools.reduce(lambda a, b: jnp.where(b > a, b, a), [x[one] for one in inside])  # noqa: E731
    with kernels.lowered_for("cpu"):
        for found, wanted in zip(derivatives(pool_of_three, x, towards), derivatives(choices, x, towards), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
        gradient = str(jax.make_jaxpr(jax.grad(lambda x: pool_of_three(x).sum()))(x))
        assert gradient.count("= pad") == 2, "of the gradient and of the positions, once for all places"


def pool_of_three(x):
    return kernels.max_pool(x, (3, 3), (1, 1), [(0, 0)] * 2)


def derivatives(pool, x, towards):
    loss = lambda x: jnp.sum(jnp.sin(pool(x)) ** 2)  # noqa: E731
    yield jax.grad(loss)(x)
    yield jax.jvp(pool, (x,), (towards,))[1]
    yield jax.vmap(lambda one: jax.grad(loss)(one[None]))(x)
    yield jax.jvp(jax.grad(loss), (x,), (towards,))[1]
    yield jax.grad(lambda x: jnp.sum(jax.grad(loss)(x) ** 2))(x)


@pytest.mark.slow
@pytest.mark.parametrize("channels_last", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("channels, groups", [(1, 1), (4, 1), (4, 2)], ids=["few places", "many places", "groups"])
def test_conv_with_bias(channels, groups, channels_last):
    """The bias of few places is one more of them: its gradient is still the sum of the output's."""
    x, kernel, bias = images(2, 5, 6, channels), images(3, 2, channels // groups, 4, seed=1), images(4, seed=2)
    x = x if channels_last else np.moveaxis(x, -1, 1)
    ours = functools.partial(kernels.conv, strides=(1, 1), padding=[(0, 0), (1, 0)], dilation=(1, 1), groups=groups)
    options = {"channels_last": channels_last}
    plain, pull_plain = jax.vjp(lambda x, kernel: ours(x, kernel, **options), x, kernel)
    got, pull = jax.vjp(lambda x, kernel, bias: ours(x, kernel, bias=bias, **options), x, kernel, bias)
    axis = 3 if channels_last else 1
    np.testing.assert_allclose(
        got, plain + bias.reshape([-1 if i == axis else 1 for i in range(4)]), rtol=1e-5, atol=1e-5
    )
    gradient = images(*got.shape, seed=3)
    *others, of_bias = pull(gradient)
    np.testing.assert_allclose(of_bias, gradient.sum(axis=tuple({0, 1, 2, 3} - {axis})), rtol=1e-4, atol=1e-4)
    for one, other in zip(others, pull_plain(gradient), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", [layers.Conv1D(1, 2), layers.Dropout(0.5)], ids=lambda layer: layer.name)
def test_a_tiny_model_trains(layer):
    """Its whole loop becomes one function, in which XLA could not compile a barrier."""
    model = Sequential([layer, layers.Flatten(), layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert np.isfinite(model.fit(np.ones((1, 3, 1), "float32"), np.array([1]), verbose=0).history["loss"][0])


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(3, 3, padding="same"),
        layers.Conv2D(3, 3, strides=2, dilation_rate=1),
        layers.Conv2D(3, 2, dilation_rate=2),
        layers.Conv2DTranspose(3, 3, strides=2, padding="same"),
    ],
    ids=["same", "strides", "dilated", "transposed"],
)
def test_convolutions_in_a_loop_are_in_the_order_that_xla_computes_fast(layer, fast_forms, monkeypatch):
    """Others, which JAX's own gradients have, are computed up to eighty times slower inside a loop."""
    monkeypatch.setattr(cpu_conv, "_MANY_KEPT", 0)  # or strides are a product
    layer.build((None, 9, 9, 8))
    weights = [variable.value for variable in layer.trainable_variables]
    x = images(2, 9, 9, 8)

    def step(_, carry):
        gradients = jax.grad(lambda x, weights: (layer.stateless_call(weights, [], x)[0] ** 2).sum(), (0, 1))(*carry)
        return jax.tree.map(lambda value, gradient: value - gradient, carry, gradients)

    with kernels.lowered_for("cpu"):
        options = kernels.compiler_options("train", True)
        loop = jax.jit(lambda x, weights: jax.lax.fori_loop(0, 3, step, (x, weights)), compiler_options=options)
        text = loop.lower(x, weights).compile().as_text()
    orders = re.findall(r"convolution\(.*dim_labels=(\w+->\w+)", text)
    assert orders == ["b01f_01io->b01f"] * 2  # the gradient of the kernel is a product


def test_equal_convolutions_of_a_model_are_traced_once():
    traced = []

    def outputs(x, kernel, geometry):
        traced.append(x.shape)
        return x * kernel

    product, _, _ = products("counted", outputs, outputs, outputs)
    x, kernel = images(2, 5, 4, 3), images(1, 1, 3)
    geometry = Geometry.of(x, (1, 1), (1, 1), [(0, 0)] * 2)
    model = jax.jit(lambda x, y: [product(x, kernel, geometry) for _ in range(3)] + [product(y, kernel, geometry)])
    model.lower(x, x[:1])
    assert traced == [(2, 5, 4, 3), (1, 5, 4, 3)]


@pytest.mark.parametrize(
    "strides, copied",
    [((1, 1), 7 * 5 * 3 * 2 * 4), ((2, 1), 7 * 5 * 2 * 8 + 4 * 5 * 3 * 2 * 8)],
    ids=["gradients", "inputs by rows"],
)
def test_the_gradient_of_a_kernel_is_summed_over_groups_of_images_where_it_is_large(strides, copied, monkeypatch):
    x, g = images(6, 7, 5, 8), images(6, 7, 5, 4, seed=2)[:, :: strides[0]]
    geometry = Geometry.of(x, (3, 2), strides, [(1, 1), (0, 1)], (1, 1))
    whole = kernel_gradient.kernel_gradient(x, g, geometry)
    monkeypatch.setattr(kernel_gradient, "_MANY", 2 * copied)  # of two images
    traced = jax.make_jaxpr(lambda x, g: kernel_gradient.kernel_gradient(x, g, geometry))(x, g)
    (loop,) = [equation for equation in traced.eqns if equation.primitive.name == "scan"]
    assert loop.params["length"] == 3
    np.testing.assert_allclose(kernel_gradient.kernel_gradient(x, g, geometry), whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "sizes, channels, filters, strides, name",
    [
        ((6, 5), 4, 4, (1, 1), "_by_both"),
        ((6, 5), 4, 4, (1, 2), "_by_both"),
        ((2, 5), 4, 4, (1, 1), "_by_inputs"),
        ((6, 5), 9, 2, (1, 1), "_by_gradients"),
        ((6, 5), 4, 4, (2, 1), "_by_rows"),
    ],
)
def test_the_gradient_of_a_kernel_is_of_the_fewest_copies_and_equal_in_each_form(
    sizes, channels, filters, strides, name
):
    x, pads = images(2, *sizes, channels), [(1, 1), (0, 2)]
    geometry = Geometry.of(x, (3, 3), strides, pads)
    kernel, g = images(3, 3, channels, filters, seed=1), images(2, *geometry.positions, filters, seed=2)
    (wanted,) = jax.vjp(lambda kernel: reference.conv(x, kernel, strides, pads, (1, 1)), kernel)[1](g)
    assert kernel_gradient.fastest(x, g, geometry).of.__name__ == name
    for form in kernel_gradient.forms(x, g, geometry):
        np.testing.assert_allclose(form.of(x, g, geometry), wanted, rtol=1e-4, atol=1e-4)


def test_convolutions_run_on_all_threads(fast_forms):
    """XLA's second library for products computes convolutions of this size on one thread, in twice the time."""
    x, kernel = images(32, 16, 16, 64), images(3, 3, 64, 64)
    with kernels.lowered_for("cpu"):
        options = kernels.compiler_options("train", False)
        conv = functools.partial(kernels.conv, strides=(1, 1), padding=[(1, 1)] * 2, dilation=(1, 1))
        text = jax.jit(conv, compiler_options=options).lower(x, kernel).compile().as_text()
    lines = [line for line in text.splitlines() if "conv" in line.partition("metadata")[2]]
    assert lines and not [line for line in lines if "__ynn_fusion" in line]


def test_patches_are_made_of_large_windows_only_where_a_gradient_needs_them(fast_forms):
    """Without gradients, XLA's convolution of few channels is as fast or faster; a window of 7 x 7 takes a third."""
    x, kernel = images(2, 8, 8, 3), images(5, 5, 3, 32)
    conv = functools.partial(kernels.conv, strides=(1, 1), padding=[(1, 1)] * 2, dilation=(1, 1))
    stacks = lambda function: str(jax.make_jaxpr(function)(x, kernel)).count("= stack")  # noqa: E731
    with kernels.lowered_for("cpu"):
        assert stacks(conv) == 0 and stacks(lambda x, kernel: conv(x, kernel[:4])) == 2
        assert stacks(jax.grad(lambda x, kernel: conv(x, kernel).sum(), 1)) == 2


@pytest.mark.parametrize("channels, features", [(1, 9 + 1), (3, 27)])
def test_the_bias_is_a_column_of_the_patches_of_one_channel(channels, features, fast_forms):
    """The copy of rows of 28 numbers takes longer than a second pass over the outputs' gradient."""
    x, kernel, bias = images(2, 9, 9, channels), images(3, 3, channels, 32), images(32)
    with kernels.lowered_for("cpu"):
        traced = jax.make_jaxpr(lambda bias: kernels.conv(x, kernel, (1, 1), [(1, 1)] * 2, (1, 1), bias=bias))(bias)
    product = next(equation for equation in every_equation(traced.jaxpr) if equation.primitive.name == "dot_general")
    assert product.invars[0].aval.shape[-1] == features


def test_strides_are_a_product_in_training_if_its_patches_may_be_kept(fast_forms, monkeypatch):
    """It is up to twice as fast there, and slower in inference."""
    x, kernel = images(2, 9, 9, 8), images(3, 3, 8, 4)

    def convolutions(function):
        equations = every_equation(jax.make_jaxpr(function)(x, kernel).jaxpr)
        return sum(equation.primitive.name == "conv_general_dilated" for equation in equations)

    def loss(x, kernel):
        return jnp.sum(kernels.conv(x, kernel, (2, 2), [(0, 0)] * 2, (1, 1)) ** 2)

    with kernels.lowered_for("cpu"):
        assert convolutions(loss) == 1 and convolutions(jax.grad(loss, (0, 1))) == 0
        monkeypatch.setattr(cpu_conv, "_MANY_KEPT", 2 * 4 * 4 * 9 * 8 - 1)
        assert convolutions(jax.grad(loss, (0, 1))) == 2


@pytest.mark.parametrize(
    "window, filters, product", [(5, 6, (7 * 40, 24)), (3, 16, (14 * 12, 32)), (3, 32, (28 * 9, 32))]
)
def test_neighbouring_positions_of_few_filters_are_computed_at_a_time(window, filters, product, fast_forms):
    """Four, two or one of them: rows of the product, and the features that it sums times its columns."""
    x, kernel, edge = images(1, 28, 28, 1), images(window, window, 1, filters), window // 2
    conv = functools.partial(kernels.conv, strides=(1, 1), padding=[(edge, edge)] * 2, dilation=(1, 1))
    with kernels.lowered_for("cpu"):
        traced = jax.make_jaxpr(jax.grad(lambda kernel: jnp.sum(conv(x, kernel) ** 2)))(kernel)
    first = next(equation for equation in every_equation(traced.jaxpr) if equation.primitive.name == "dot_general")
    (rows, features), (_, columns) = (variable.aval.shape for variable in first.invars)
    assert (rows // 28 * features, columns) == product


def every_equation(jaxpr):
    return [equation for one in jaxprs(jaxpr) for equation in one.eqns]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, weights",
    [
        ("conv", (3, 2, 8, 2)),
        pytest.param("conv", (3, 4, 3, 4), marks=pytest.mark.slow),
        pytest.param("conv", (5, 5, 3, 4), marks=pytest.mark.slow),
        pytest.param("conv", (3, 4, 8, 12), marks=pytest.mark.slow),
        pytest.param("conv_transpose", (3, 2, 2, 8), marks=pytest.mark.slow),
        pytest.param("depthwise_conv", (3, 2, 8, 2), marks=pytest.mark.slow),
    ],
)
def test_gradients_of_each_example_and_second_derivatives(name, weights):
    channels = weights[3 if name == "conv_transpose" else 2]
    x, kernel, towards = images(2, 5, 4, channels), images(*weights, seed=1), images(*weights, seed=2)
    apply = lambda x, kernel: getattr(kernels, name)(x, kernel, (2, 1), [(1, 1), (0, 1)], (1, 1))  # noqa: E731
    loss = lambda x, kernel: jnp.sum(jnp.sin(apply(x, kernel)))  # noqa: E731
    gradient = lambda kernel: jax.grad(loss, 1)(x, kernel)  # noqa: E731

    def results():
        return [
            jax.vmap(lambda one: jax.grad(loss, 1)(one[None], kernel))(x),
            jax.vmap(lambda one: jax.grad(loss)(one[None], kernel))(x),
            jax.jvp(gradient, (kernel,), (towards,))[1],
            jax.grad(lambda kernel: jnp.sum(gradient(kernel) ** 2))(kernel),
            jax.grad(lambda x: jnp.sum(jax.grad(loss)(x, kernel) ** 2))(x),
        ]

    with kernels.lowered_for("any"):
        wanted = results()
    with kernels.lowered_for("cpu"):
        found = results()
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5 * np.abs(other).max())
