"""Which form of a kernel runs, and what XLA is asked for."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minidl
from minidl import config, kernels, layers
from minidl.kernels import compiler, reference
from minidl.kernels.cpu import conv as cpu_conv
from tests.counting import compilations

IMAGES = np.random.default_rng(0).standard_normal((2, 6, 6, 3), dtype="float32")
WEIGHTS = np.ones((3, 3, 3, 4), "float32")


@pytest.fixture
def on_reference():
    config.set_kernels("reference")
    yield
    config.set_kernels("auto")


@pytest.fixture
def beside_a_gpu(monkeypatch):
    """A process whose default device is a GPU, as far as the choice can tell."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")


def convolution(x):
    return kernels.conv(x, WEIGHTS, [1, 1], [(0, 0)] * 2, [1, 1])


def is_reference(x=IMAGES):
    return "conv_general_dilated" in str(jax.make_jaxpr(convolution)(x))


def test_the_reference_runs_everywhere_if_it_is_chosen(on_reference):
    assert config.kernels() == "reference" and is_reference()
    assert kernels.compiler_options("train", True) == {}


def test_computations_on_the_cpu_of_a_machine_with_a_gpu_have_cpu_forms(beside_a_gpu):
    cpu = jax.devices("cpu")[0]
    assert kernels.form("conv") is reference.conv, "nothing says that it runs on the CPU"
    assert kernels.form("conv", jax.device_put(IMAGES, cpu)) is cpu_conv.conv
    with jax.default_device(cpu):
        assert not is_reference()
    with kernels.lowered_for("cpu"):
        assert not is_reference()
    model = minidl.Sequential([layers.Input((6, 6, 3)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert_has_patches(model)


def assert_has_patches(model):
    seen, patches = [], cpu_conv.patches_of
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cpu_conv, "patches_of", lambda *args: seen.append(1) or patches(*args))
        model.fit(IMAGES, np.zeros(2), verbose=0)
        assert seen, "the train step was traced for a GPU"
        seen.clear()
        model.predict(IMAGES, verbose=0)
        assert seen, "the forward pass was traced for a GPU"
        seen.clear()
        model(IMAGES)
        assert seen, "the call was traced for a GPU"


@pytest.mark.slow
def test_a_model_follows_the_choice(on_reference):
    """Programs that were compiled for one choice are not used for another."""
    config.set_kernels("auto")
    model = minidl.Sequential([layers.Input((6, 6, 3)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(IMAGES, np.zeros(2), verbose=0)
    want = model.predict(IMAGES, verbose=0), model(IMAGES), model.evaluate(IMAGES, np.zeros(2), verbose=0)
    config.set_kernels("reference")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cpu_conv, "patches_of", lambda *args: pytest.fail("the form of the CPU ran"))
        got = model.predict(IMAGES, verbose=0), model(IMAGES), model.evaluate(IMAGES, np.zeros(2), verbose=0)
        model.fit(IMAGES, np.zeros(2), verbose=0)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    config.set_kernels("auto")
    model.predict(IMAGES, verbose=0)
    with compilations() as compiled:
        model.predict(IMAGES, verbose=0)
    assert not compiled


@pytest.mark.slow
def test_an_unknown_choice_is_refused():
    with pytest.raises(ValueError, match=r"one of 'auto', 'reference', got 'fast'"):
        config.set_kernels("fast")
    environment = {**os.environ, "MINIDL_KERNELS": "fast"}
    done = subprocess.run([sys.executable, "-c", "import minidl"], env=environment, capture_output=True, text=True)
    assert "MINIDL_KERNELS must be one of 'auto', 'reference', got 'fast'" in done.stderr


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="only the CPU's forms have barriers")
@pytest.mark.parametrize("barrier", [compiler.keep_barrier, jax.lax.optimization_barrier])
def test_xla_keeps_the_barriers_that_must_be_kept(barrier):
    def function(x):
        return jnp.cos(barrier(jnp.sin(x))).sum()

    x = jnp.ones(1000)
    options = kernels.compiler_options("train", kernels.needs_barriers(jax.make_jaxpr(function)(x)))
    text = jax.jit(function, compiler_options=options).lower(x).compile().as_text()
    assert ("opt-barrier" in text) == (barrier is compiler.keep_barrier)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="options of XLA's CPU compiler")
@pytest.mark.parametrize("mode", ["test", "predict", None])
def test_no_sum_of_inference_takes_products_along(mode):
    """XLA joins a sum with all that it is computed from where no gradient needs it, in functions that are slow."""

    def classify(x, hidden, out):
        hidden = jax.nn.relu(kernels.matmul(x, hidden))
        return jax.nn.softmax(kernels.matmul(hidden, out)), jnp.mean(hidden, axis=1)

    arrays = jnp.ones((32, 64, 32)), jnp.ones((32, 32)), jnp.ones((32, 256))
    options = kernels.compiler_options(mode, False)
    text = jax.jit(classify, compiler_options=options).lower(*arrays).compile().as_text()
    functions = [function for function in text.split("\n\n") if not function.startswith("ENTRY")]
    assert " dot(" in text and " reduce(" in text
    assert not [function for function in functions if " dot(" in function and " reduce(" in function]


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="only the CPU's forms have barriers")
@pytest.mark.parametrize(
    ("layer", "shape", "needs"),
    [
        (layers.Conv2D(4, 3), (6, 6, 3), True),
        pytest.param(layers.ConvLSTM1D(2, 3), (4, 6, 3), True, marks=pytest.mark.slow),
        pytest.param(layers.Lambda(lambda x: minidl.ops.nn.conv(x, WEIGHTS)), (6, 6, 3), True, marks=pytest.mark.slow),
        pytest.param(layers.MaxPooling1D(2), (6, 3), True, marks=pytest.mark.slow),
        (layers.Dropout(0.5), (5,), True),
        (layers.Dense(3), (5,), False),
        pytest.param(layers.LSTM(3), (4, 5), False, marks=pytest.mark.slow),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_programs_keep_barriers_where_a_kernel_in_them_needs_it(layer, shape, needs, monkeypatch):
    asked = []
    options = compiler._options
    monkeypatch.setattr(
        compiler, "_options", lambda mode, keep, rare: asked.append((mode, keep)) or options(mode, keep, rare)
    )
    model = minidl.Sequential([layers.Input(shape), layers.Dense(shape[-1]), layer, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.zeros((2, *shape), "float32"), np.zeros(2), verbose=0)
    assert asked == [("train", needs)]


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="options of XLA's CPU compiler")
def test_programs_of_inference_have_its_options(monkeypatch):
    asked = []
    options = compiler._options
    monkeypatch.setattr(compiler, "_options", lambda *given: asked.append(given[0]) or options(*given))
    model = minidl.Sequential([layers.Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    model.predict(np.zeros((2, 3), "float32"), verbose=0)
    model.evaluate(np.zeros((2, 3), "float32"), np.zeros((2, 2)), verbose=0)
    model(np.zeros((2, 3), "float32"))
    assert asked == ["predict", "test", None]


def test_only_options_that_xla_lacks_are_left_out(monkeypatch):
    lacking = "xla_backend_optimization_level"
    are_known = compiler._are_known
    monkeypatch.setattr(compiler, "_are_known", lambda options: lacking not in options and are_known(options))
    known = compiler._known.__wrapped__()
    assert known >= {*compiler._LOOP, *compiler._BARRIERS} - {lacking}  # those for rare programs only JAX 0.10 has
    assert lacking not in known
    monkeypatch.setattr(compiler, "_known", lambda: known)
    kept = {*compiler._PRODUCTS, "xla_cpu_copy_insertion_use_region_analysis"}
    assert set(compiler._options("train", False, False)) == kept
    assert are_known({lacking: 2}) and not are_known({"xla_no_such_option": True, lacking: 2})
