"""Every form of every kernel against the reference: values, gradients, dtypes, shapes, forward mode where promised."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl import kernels
from minidl.kernels import _FORMS, reference
from tests.references import COMPILE_FAST

TOLERANCES = {"float32": 2e-5, "float16": 2e-2, "bfloat16": 1e-1}  # of the largest value


@dataclasses.dataclass
class Case:
    """A call of a kernel: `call(kernel, *arrays)`, with arrays of some shapes that it is differentiated by."""

    kernel: str
    name: str
    shapes: list[tuple[int, ...]]
    call: Callable[..., Any]
    forward: bool = True

    def __str__(self):
        return f"{self.kernel}, {self.name}"


def product_cases():
    def call(kernel, x, weights):
        return kernel(x, weights)

    for name, shapes in {
        "wide": [(32, 20), (20, 24)],
        "narrow": [(32, 20), (20, 5)],
        "large": [(300, 80), (80, 64)],
        "one row": [(1, 3), (3, 1)],
        "a sequence": [(4, 6, 5), (5, 3)],
        "a vector": [(5,), (5, 3)],
        "no rows": [(0, 5), (5, 3)],
    }.items():
        yield Case("matmul", name, shapes, call)
    for name, x in {"few rows": (3, 5, 4), "many rows": (2, 513, 4), "no rows": (0, 5, 4)}.items():
        yield Case("matmul_each", name, [x, (4, 3), (4, 7)], lambda kernel, x, a, b: kernel(x, [a, b]))


def convolution_cases():
    def conv(strides, padding, dilation=None, **options):
        dilation = dilation or [1] * len(strides)
        return lambda kernel, x, weights, bias: kernel(x, weights, strides, padding, dilation, bias=bias, **options)

    none, one = [(0, 0)] * 2, [(1, 1)] * 2
    for name, x, weights, call in [
        ("few places", (2, 5, 6, 1), (3, 2, 1, 4), conv([1, 1], none)),
        ("many places", (2, 7, 6, 4), (3, 2, 4, 4), conv([2, 1], [(1, 0), (0, 2)])),
        ("dilated", (2, 9, 8, 3), (3, 3, 3, 2), conv([1, 1], one, [2, 3])),
        ("few places, many filters", (2, 5, 6, 3), (3, 2, 3, 32), conv([2, 1], one)),
        ("groups", (2, 5, 6, 4), (3, 2, 2, 4), conv([1, 1], one, groups=2)),
        ("groups of one channel", (2, 5, 6, 3), (3, 2, 1, 6), conv([2, 1], one, groups=3)),
        ("many groups", (2, 3, 4, 66), (2, 2, 2, 66), conv([1, 2], one, groups=33)),
        ("three axes, groups of one channel", (1, 3, 4, 3, 2), (2, 1, 2, 1, 4), conv([1] * 3, [(0, 1)] * 3, groups=2)),
        ("channels first", (2, 3, 7, 6), (3, 2, 3, 4), conv([2, 1], one, channels_last=False)),
        ("one axis", (3, 11, 2), (4, 2, 5), conv([3], [(3, 0)])),
        ("three axes", (1, 4, 5, 6, 2), (2, 1, 3, 2, 3), conv([1, 2, 1], [(0, 1)] * 3)),
        ("three axes, strides", (2, 7, 5, 4, 2), (3, 2, 2, 2, 3), conv([2, 1, 2], [(1, 2), (0, 0), (1, 0)], [2, 1, 1])),
        ("three axes, many channels", (1, 4, 3, 3, 8), (2, 2, 1, 8, 3), conv([1, 1, 1], [(0, 1)] * 3)),
        ("three axes, groups", (1, 3, 3, 3, 4), (2, 1, 2, 2, 4), conv([1, 1, 1], [(0, 0)] * 3, groups=2)),
        ("three axes, no volumes", (0, 3, 3, 3, 2), (2, 2, 2, 2, 3), conv([1, 1, 1], [(0, 0)] * 3)),
        ("one row", (1, 1, 1, 1), (1, 1, 1, 1), conv([1, 1], none)),
        ("an empty batch", (0, 5, 6, 2), (3, 2, 2, 4), conv([1, 1], none)),
        ("many channels", (2, 7, 6, 8), (3, 2, 8, 3), conv([1, 1], none)),
        ("many channels, strides", (2, 8, 6, 9), (3, 2, 9, 2), conv([2, 3], [(2, 0), (0, 4)])),
        ("many channels, dilated", (2, 9, 8, 8), (3, 3, 8, 2), conv([2, 1], one, [2, 3])),
        ("many channels, wide padding", (2, 4, 4, 8), (2, 2, 8, 2), conv([1, 1], [(3, 2), (0, 5)])),
        ("many channels, one axis", (3, 11, 8), (4, 8, 5), conv([3], [(3, 0)])),
        ("many channels, few rows", (2, 3, 6, 8), (3, 2, 8, 4), conv([1, 1], one)),
        ("many channels, no images", (0, 5, 6, 8), (3, 2, 8, 4), conv([1, 1], none)),
        ("no overlap", (2, 7, 9, 3), (2, 3, 3, 4), conv([2, 4], [(1, 0), (0, 2)])),
        ("no overlap, wide padding", (2, 4, 4, 8), (2, 2, 8, 2), conv([3, 2], [(3, 2), (0, 5)])),
        ("no overlap, dilated", (2, 9, 8, 8), (2, 2, 8, 3), conv([4, 3], one, [3, 2])),
        ("no overlap, one axis", (3, 11, 2), (3, 2, 5), conv([4], [(0, 0)])),
        ("no overlap, three axes", (1, 4, 5, 6, 2), (2, 1, 3, 2, 3), conv([2, 2, 3], [(0, 1)] * 3)),
        ("no overlap, no images", (0, 5, 6, 2), (2, 2, 2, 4), conv([2, 2], none)),
        ("many images", (64, 5, 4, 8), (3, 2, 8, 2), conv([2, 1], [(1, 0), (0, 1)])),
        ("two columns at a time", (2, 5, 8, 3), (3, 3, 3, 5), conv([1, 1], one)),
        ("two columns, wide padding", (2, 4, 4, 3), (2, 3, 3, 5), conv([3, 1], [(1, 2), (0, 4)])),
        ("two columns, dilated rows", (2, 9, 6, 3), (3, 3, 3, 5), conv([1, 1], one, [2, 1])),
        ("four columns", (2, 5, 8, 2), (3, 5, 2, 3), conv([1, 1], [(1, 1), (2, 2)])),
        ("four columns, large window", (2, 7, 8, 1), (5, 5, 1, 3), conv([1, 1], [(2, 2)] * 2)),
        ("strides, large window", (2, 9, 10, 2), (7, 7, 2, 3), conv([2, 2], [(1, 2)] * 2)),
        ("four columns, one axis", (3, 12, 2), (5, 2, 5), conv([1], [(2, 2)])),
        ("four columns, no images", (0, 5, 8, 2), (3, 5, 2, 3), conv([1, 1], [(1, 1), (2, 2)])),
        ("many channels, two columns", (2, 5, 6, 8), (3, 3, 8, 3), conv([1, 1], one)),
        ("many channels, two columns, one axis", (3, 10, 8), (4, 8, 5), conv([1], [(3, 0)])),
    ]:
        yield Case("conv", name, [x, weights, weights[-1:]], call)

    def transposed(strides, padding, dilation=None, **options):
        dilation = dilation or [1] * len(strides)
        return lambda kernel, x, weights: kernel(x, weights, strides, padding, dilation, **options)

    yield Case("conv_transpose", "strides", [(2, 4, 3, 2), (3, 2, 5, 2)], transposed([2, 3], [(2, 2), (1, 2)]))
    yield Case("conv_transpose", "cropped", [(2, 4, 3, 2), (3, 2, 5, 2)], transposed([2, 3], [(0, 1), (0, 0)]))
    yield Case("conv_transpose", "many images", [(64, 3, 3, 2), (2, 2, 2, 2)], transposed([2, 2], [(1, 1), (1, 1)]))
    disjoint = [(2, 4, 3, 2), (2, 2, 5, 2)]
    yield Case("conv_transpose", "no overlap", disjoint, transposed([2, 3], [(1, 1), (0, 2)]))
    yield Case("conv_transpose", "no overlap, wide padding", disjoint, transposed([2, 2], [(3, 2), (1, 4)]))
    yield Case("conv_transpose", "no overlap, dilated", disjoint, transposed([5, 4], [(2, 3), (4, 0)], [3, 2]))
    yield Case("conv_transpose", "no overlap, no images", [(0, 4, 3, 2), (2, 2, 5, 2)], transposed([2, 2], none))
    yield Case("conv_transpose", "three axes", [(1, 2, 3, 2, 2), (2, 2, 2, 1, 2)], transposed([2] * 3, [(1, 1)] * 3))
    first = transposed([2], [(2, 2)], channels_last=False)
    yield Case("conv_transpose", "channels first", [(2, 2, 5), (3, 4, 2)], first)

    def depthwise(strides, padding, dilation, **options):
        return lambda kernel, x, weights: kernel(x, weights, strides, padding, dilation, **options)

    shapes = [(2, 7, 6, 3), (3, 2, 3, 2)]
    yield Case("depthwise_conv", "strides", shapes, depthwise([2, 1], one, [1, 1]))
    yield Case("depthwise_conv", "dilated", shapes, depthwise([1, 1], none, [2, 1]))
    shapes = [(2, 3, 7, 6), (3, 2, 3, 1)]
    yield Case("depthwise_conv", "channels first", shapes, depthwise([1, 1], none, [1, 1], channels_last=False))


def pooling_cases():
    for name, x, window, strides, padding, last in [
        ("side by side", (2, 6, 8, 3), (2, 2), (2, 2), [(0, 0)] * 2, True),
        ("with a rest", (2, 7, 9, 3), (2, 3), (2, 3), [(0, 0)] * 2, True),
        ("overlapping", (2, 7, 9, 3), (3, 3), (2, 1), [(1, 1), (0, 1)], True),
        ("overlapping, one axis", (2, 9, 3), (3,), (2,), [(1, 1)], True),
        ("overlapping, three axes", (1, 4, 5, 6, 2), (2, 2, 2), (1, 1, 2), [(0, 1)] * 3, True),
        ("padded", (2, 5, 5, 3), (2, 2), (2, 2), [(0, 1)] * 2, True),
        ("far apart", (2, 8, 9, 3), (2, 2), (3, 4), [(0, 0)] * 2, True),
        ("one axis", (2, 9, 3), (3,), (3,), [(0, 0)], True),
        ("three axes", (1, 4, 5, 6, 2), (2, 2, 2), (2, 2, 2), [(0, 0)] * 3, True),
        ("channels first", (2, 3, 6, 8), (2, 2), (2, 2), [(0, 0)] * 2, False),
        ("an empty batch", (0, 4, 4, 1), (2, 2), (2, 2), [(0, 0)] * 2, True),
    ]:
        # The reference cannot be differentiated forwards: XLA's windows have no such derivative.
        arguments = window, strides, padding, last
        for kernel in ("max_pool", "average_pool"):
            yield Case(kernel, name, [x], lambda kernel, x, a=arguments: kernel(x, *a), forward=False)


def recurrence_cases():
    units, features = 5, 4
    for name, gates, count in (("lstm", 4, 2), ("gru", 3, 1)):
        for whole in (True, False):
            for steps, batch in ((6, 3), (37, 2), (1, 1), (0, 2)):

                def call(kernel, x, weights, recurrent, one, other, *states, whole=whole):
                    return kernel(lambda part: part @ weights, x, list(states), recurrent, (one, other), whole)

                gate = (gates * units,)
                shapes = [(steps, batch, features), (features, *gate), (units, *gate), gate, gate]
                if steps or whole:
                    what = f"{steps} steps, {'all outputs' if whole else 'the last output'}"
                    yield Case(name, what, shapes + [(batch, units)] * count, call, forward=False)

    def along(kernel, linear, options, projected, state, *kernels, bias, masked=False, dropout=False):
        def step(x, states, products):
            inner = states[0]
            for product in products:  # each is of what the one before gave, as in GRU(reset_after=False)
                inner = jnp.tanh(x + product(inner))
            return inner, [inner]

        mask = np.arange(projected.shape[0])[:, None] != [[1, 2]] if masked else None
        drawn = [2.0 * (np.arange(state.size).reshape(state.shape) % 3 != i) for i in range(len(kernels))]
        biases = [bias * i for i in range(1, 1 + len(kernels))]
        dropout = [d.astype(state.dtype) for d in drawn] if dropout else None
        return kernel(step, linear, options, projected, [state], list(kernels), biases, dropout, mask)

    for name, options, masked in [
        ("plain", (False, False, False), False),
        ("backwards, with a mask", (True, False, False), True),
        ("unrolled, zero for masked", (False, True, True), True),
    ]:

        def call(kernel, projected, state, weights, bias, options=options, masked=masked):
            return along(kernel, jnp.matmul, options, projected, state, weights, bias=bias, masked=masked)

        def more(kernel, projected, state, one, other, bias, options=options, masked=masked):
            return along(kernel, jnp.matmul, options, projected, state, one, other, bias=bias, masked=masked)

        def dropped(kernel, projected, state, *arrays, options=options, masked=masked):
            *kernels, bias = arrays
            more = {"bias": bias, "masked": masked, "dropout": True}
            return along(kernel, jnp.matmul, options, projected, state, *kernels, **more)

        shapes = [(4, 2, 3), (2, 3), (3, 3)]
        yield Case("recurrence", name, [*shapes, (3,)], call, forward=False)
        yield Case("recurrence", f"{name}, two products", [*shapes, (3, 3), (3,)], more, forward=False)
        yield Case("recurrence", f"{name}, dropout", [*shapes, (3, 3), (3,)], dropped, forward=False)

    def images(kernel, projected, state, one, other, bias):
        linear = lambda x, w: reference.conv(x, w, [1], [(1, 1)], [1])  # noqa: E731
        return along(kernel, linear, (True, False, False), projected, state, one, other, bias=bias, dropout=True)

    shapes = [(4, 2, 5, 3), (2, 5, 3), (3, 3, 3), (3, 3, 3), ()]
    yield Case("recurrence", "convolutions, dropout", shapes, images, forward=False)
    shapes = [(4, 2, 5, 3), (3, 6)]
    yield Case("each_time", "a product", shapes, lambda kernel, x, w: kernel(lambda images: images @ w, x))


def attention_cases():
    mask = np.tril(np.ones((4, 6), bool))[None, None]
    nowhere = mask & (np.arange(4) != 2)[:, None]
    for name, where in {"no mask": None, "causal": mask, "masked everywhere in a row": nowhere}.items():
        shapes = [(2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 7)]
        yield Case("attention", name, shapes, lambda kernel, q, k, v, mask=where: kernel(q, k, v, mask), forward=False)
    shapes = [(0, 3, 4, 5), (0, 3, 6, 5), (0, 3, 6, 7)]
    yield Case("attention", "an empty batch", shapes, lambda kernel, q, k, v: kernel(q, k, v, None), forward=False)

    def segments(work, with_mask):
        def call(kernel, query, value):
            mask = np.ones((query.shape[0], 4), bool) if with_mask else None
            parts = lambda q, k, v, m: jnp.sin(q) * k + (v if m is None else jnp.where(m[..., None], v, 0))  # noqa: E731
            return kernel(parts, work, query, value, value, mask)

        return call

    for rows in (5, 2, 1, 0):
        for work in (1, 2**20):
            yield Case("batch_segments", f"{rows} rows, {work}", [(rows, 4, 3)] * 2, segments(work, rows == 5))


def normalization_cases():
    def over(axes):
        return lambda kernel, x, gamma, beta: kernel(x, gamma, beta, axes, 1e-3)

    yield Case("normalize", "of a layer", [(4, 3, 8), (1, 1, 8), (1, 1, 8)], over((2,)))
    yield Case("normalize", "of a batch", [(4, 3, 8), (1, 1, 8), (1, 1, 8)], over((0, 1)))
    yield Case("normalize", "of groups", [(4, 6, 2, 5), (1, 1, 2, 5), (1, 1, 2, 5)], over((1, 3)))
    yield Case("normalize", "of one row", [(1, 7), (1, 7), (1, 7)], over((0,)))


CASES = [
    *product_cases(),
    *convolution_cases(),
    Case("materialized", "sliced", [(2, 7, 3)], lambda kernel, x: kernel(jnp.tanh(x))[:, 1:] * kernel(x)[:, :-1]),
    *pooling_cases(),
    *recurrence_cases(),
    *attention_cases(),
    *normalization_cases(),
]
FORMS = [(platform, case) for case in CASES for platform in _FORMS if case.kernel in _FORMS[platform]]
DRAWS = {
    "uniform": lambda kernel, key: [kernel(key, (300, 7)), kernel(key, (), -0.3, 1.7), kernel(key, (2, 0, 3))],
    "normal": lambda kernel, key: [kernel(key, (300, 7)), kernel(key, ())],
    "bernoulli": lambda kernel, key: [kernel(key, 0.3, (300, 7)), kernel(key, 1.0, (3,)), kernel(key, 0.5, (0,))],
}
DECISIONS = {"is_carried_transposed"}  # which change no values: the tests of the training loop hold them


def arrays_of(case, dtype):
    random = np.random.default_rng(0)
    return [jnp.asarray(random.standard_normal(shape, dtype="float32"), dtype) for shape in case.shapes]


def assert_close(got, want, tolerance):
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        one, other = np.asarray(one, "float64"), np.asarray(other, "float64")
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * max(1, np.abs(other).max(initial=0)))


def is_quick(case):
    """Whether it is the first of its kernel."""
    return case.name in [other.name for other in CASES if other.kernel == case.kernel][:1]


def test_every_form_has_cases():
    listed = {case.kernel for case in CASES} | DRAWS.keys() | DECISIONS
    assert listed == {name for forms in _FORMS.values() for name in forms}
    assert all(hasattr(reference, name) and name in kernels.__all__ for name in listed)


@pytest.mark.parametrize(
    "dtype", ["float32", *(pytest.param(d, marks=pytest.mark.slow) for d in ("float16", "bfloat16"))]
)
@pytest.mark.parametrize(
    "platform, case",
    [pytest.param(*form, marks=() if is_quick(form[1]) else pytest.mark.slow) for form in FORMS],
    ids=str,
)
def test_values_and_gradients(platform, case, dtype):
    """The gradient of a sum with weights of its own for each output; in one program each, as layers are run."""
    ours, theirs = _FORMS[platform][case.kernel], getattr(reference, case.kernel)

    def both(kernel):
        def loss(*arrays):
            outputs = case.call(kernel, *arrays)
            leaves = [leaf.astype("float32") for leaf in jax.tree.leaves(outputs)]
            return sum(jnp.sum(leaf * jnp.cos(jnp.arange(leaf.size).reshape(leaf.shape))) for leaf in leaves), outputs

        places = tuple(range(len(case.shapes)))
        return jax.jit(jax.value_and_grad(loss, places, has_aux=True), compiler_options=COMPILE_FAST)

    arrays = arrays_of(case, dtype)
    (_, got), gradients = both(ours)(*arrays)
    (_, want), wanted = both(theirs)(*arrays)
    assert_close(got, want, TOLERANCES[dtype])
    assert_close(gradients, wanted, TOLERANCES[dtype] * (1 if dtype == "float32" else 2))


@pytest.mark.slow
@pytest.mark.parametrize("platform, case", [form for form in FORMS if form[1].forward], ids=str)
def test_forward_mode(platform, case):
    arrays = arrays_of(case, "float32")
    tangents = arrays_of(case, "float32")[::-1]
    tangents = [jnp.resize(tangent, array.shape) if array.size else array for tangent, array in zip(tangents, arrays)]
    forms = _FORMS[platform][case.kernel], getattr(reference, case.kernel)
    got, want = (jax.jvp(functools.partial(case.call, form), arrays, tangents) for form in forms)
    assert_close(got, want, TOLERANCES["float32"])


@pytest.mark.slow
@pytest.mark.parametrize("platform, name", [(p, name) for name in DRAWS for p in _FORMS if name in _FORMS[p]])
def test_draws_have_the_same_bits(platform, name):
    for key in np.array([[0, 0], [2**32 - 1, 5], [9, 2**31]], "uint32"):
        got, want = DRAWS[name](_FORMS[platform][name], key), DRAWS[name](getattr(reference, name), key)
        for one, other in zip(got, want, strict=True):
            assert one.dtype == other.dtype
            assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
    assert math.prod(DRAWS[name](getattr(reference, name), key)[0].shape) > 1000
