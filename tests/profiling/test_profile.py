"""minidl.profile: FLOPs against derivations by hand, times that add up, memory, and a model that stays as it is."""

import json
import os
import random
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minidl as keras
from minidl import layers
from tests.profiling.models import (
    BLOCKS,
    HIDDEN,
    LENGTH,
    WIDTH,
    WORDS,
    classifier,
    convnet,
    language_model,
)

FLOAT = 4  # bytes

pytestmark = pytest.mark.slow  # many compilations, processes or terminals


@pytest.fixture(scope="module")
def profiles():
    """The profiles of the three models, made when they are asked for."""
    made = {}

    def get(make):
        if make not in made:
            model, x, y = make()
            made[make] = model, keras.profile(model, x, y, batch_size=32)
        return made[make]

    return get


def products(profile):
    return {part.name: part.product_flops for part in profile.parts if part.product_flops}


def test_flops_of_the_classifier(profiles):
    """A product (b, i) x (i, o) takes 2bio; its gradients 2bio for the weights and, but for the data, 2bio for x."""
    b = 32
    profile = profiles(classifier)[1]
    expected = {"first": 4 * b * 100 * 64, "second": 6 * b * 64 * 64, "last": 6 * b * 64 * 10}
    assert products(profile) == expected
    first, second = profile.layer("first"), profile.layer("second")
    # the bias and relu: one operation each for an element; backward: the sum for the gradient of the bias
    assert first.forward_flops == 2 * b * 100 * 64 + 2 * b * 64
    assert first.backward_flops == 2 * b * 100 * 64 + (b - 1) * 64
    assert second.forward_flops == 2 * b * 64 * 64 + 2 * b * 64
    assert sum(expected.values()) < profile.flops < 1.3 * sum(expected.values())
    assert profile.unknown == []


def test_flops_of_the_convnet(profiles):
    """A convolution takes 2 * rows * positions * window * channels in * channels out; padding counts as data does."""
    b = 32
    conv = 2 * b * (26 * 26) * (3 * 3) * 1 * 16  # 28 - 3 + 1 = 26
    strided = 2 * b * (7 * 7) * (3 * 3) * 16 * 32  # 26 / 2 = 13 pooled, and 13 / 2 rounded up
    last = 2 * b * (7 * 7 * 32) * 10
    assert products(profiles(convnet)[1]) == {"conv": 2 * conv, "strided": 3 * strided, "last": 3 * last}


def test_flops_of_the_language_model(profiles):
    tokens = 32 * LENGTH
    attention = 4 * 2 * tokens * WIDTH * WIDTH  # query, key, value, output
    attention += 2 * 2 * tokens * LENGTH * WIDTH  # scores, and sums of values
    expected = {"words": 3 * 2 * tokens * WIDTH * WORDS}
    for i in range(BLOCKS):
        expected[f"block_{i}/attention"] = 3 * attention
        expected[f"block_{i}/up"] = expected[f"block_{i}/down"] = 3 * 2 * tokens * WIDTH * HIDDEN
    assert products(profiles(language_model)[1]) == expected


@pytest.mark.parametrize("make", [classifier, convnet, language_model])
def test_shares_add_up_to_the_step(profiles, make):
    model, profile = profiles(make)
    assert sum(part.share for part in profile.parts) == pytest.approx(1)
    assert sum(part.seconds for part in profile.parts) == pytest.approx(profile.seconds)
    assert all(0 <= part.share < 1 for part in profile.parts)
    assert sum(part.share for part in profile.layers if part.product_flops) > 0.1
    assert profile.flops_per_second == profile.flops / profile.seconds


@pytest.mark.slow
@pytest.mark.parametrize("make", [classifier, convnet, language_model])
def test_operations_of_the_trace_add_up_to_the_step_that_is_not_traced(make):
    """A run may be slower than another, so it may take a few."""
    if os.getloadavg()[0] > (os.cpu_count() or 1):
        pytest.skip("the machine is busy: times say nothing")
    model, x, y = make()
    found = []
    while len(found) < 5 and not any(0.9 < value < 1.1 for value in found):
        found.append(keras.profile(model, x, y, batch_size=32).accounted)
    assert 0.9 < found[-1] < 1.1, found


def test_memory(profiles):
    model, profile = profiles(classifier)
    weights = FLOAT * (100 * 64 + 64 + 64 * 64 + 64 + 64 * 10 + 10)
    assert profile.memory.weights == weights == FLOAT * sum(part.parameters for part in profile.layers)
    assert profile.memory.optimizer == 2 * weights + 2 * FLOAT  # Adam: two moments; the step and the learning rate
    assert profile.memory.batches == 2 * 128 * 32 * (100 * FLOAT + 4)  # chunks of 128 batches, and labels
    assert profile.memory.temporaries > 32 * 64 * FLOAT
    assert profile.memory.needed < profile.memory.available and profile.fits is True


def test_bytes_are_those_of_the_compiled_program(profiles):
    """The weights of a layer are read forward and written by the update, so each layer moves more than these."""
    model, profile = profiles(classifier)
    first = profile.layer("first")
    assert first.bytes >= FLOAT * (32 * 100 + 32 * 64 + first.parameters)
    moments = 2 * profile.memory.weights  # read and written, as are the weights
    assert profile.layer("optimizer").bytes > 2 * moments


def test_what_does_not_fit_is_not_run(monkeypatch):
    from minidl.profiling import machine

    monkeypatch.setattr(machine, "free_memory", lambda device: 10_000)
    model, x, y = classifier()
    profile = keras.profile(model, x, y)
    assert profile.fits is False and profile.seconds is None and profile.layer("first").share is None
    assert "IT DOES NOT FIT" in str(profile) and "not measured" in str(profile)
    assert profile.layer("first").flops and profile.memory.temporaries


def state_of(model):
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return [np.asarray(variable.value) for variable in variables], random.getstate(), np.random.get_state()[1:3]


def test_a_model_is_as_it_was():
    model, x, y = convnet()
    model.fit(x, y, verbose=0)
    steps, before = model.compiled_steps, state_of(model)
    attributes = {id(layer): set(vars(layer)) for layer in (*model._flatten_layers(), model.optimizer, *model.metrics)}
    keras.profile(model, x, y, batch_size=16)
    after = state_of(model)
    assert model.compiled_steps is steps
    assert all(np.array_equal(one, other) for one, other in zip(before[0], after[0], strict=True))
    assert before[1] == after[1] and np.array_equal(before[2][0], after[2][0]) and before[2][1] == after[2][1]
    for owner in (*model._flatten_layers(), model.optimizer, *model.metrics):
        assert set(vars(owner)) == attributes[id(owner)], owner


@pytest.mark.parametrize("is_lazy", [False, True])
def test_fit_computes_the_same_after_a_profile(is_lazy):
    """Also when the profile builds the model, its optimizer, losses and metrics."""
    x, y = np.random.default_rng(0).random((50, 6)), np.arange(50) % 3

    def run(profiled):
        keras.utils.set_random_seed(4)
        first = [] if is_lazy else [layers.Input((6,))]
        inner = [layers.Dense(8, activation="relu"), layers.Dropout(0.5), layers.Dense(3, activation="softmax")]
        model = keras.Sequential([*first, *inner])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        if profiled:
            keras.profile(model, x, y, batch_size=8)
            assert model.metrics_names == ["loss"]
        return model.fit(x, y, epochs=2, batch_size=8, verbose=0).history, model.get_weights()

    (history, weights), (expected, expected_weights) = run(True), run(False)
    assert history == expected
    assert all(map(np.array_equal, weights, expected_weights))


def test_names_are_those_of_the_model_where_programs_are_shared():
    """The second model of a structure runs the program of the first, in which its names do not occur."""

    def make(name):
        model = keras.Sequential([layers.Input((4,)), layers.Dense(3, name=name)])
        model.compile("sgd", "mse")
        model.fit(np.ones((8, 4)), np.ones((8, 3)), verbose=0)
        return model

    one, other = make("one"), make("other")
    assert one.compiled_steps._programs is other.compiled_steps._programs
    profile = keras.profile(other, np.ones((8, 4)), np.ones((8, 3)))
    assert profile.layer("other").product_flops == 2 * 2 * 8 * 4 * 3
    assert "dot_general" in profile.jaxpr("other")
    assert "/other" in profile.hlo("other") and "/one/" not in profile.hlo("other")


def test_jaxpr_and_hlo_by_name(profiles):
    profile = profiles(convnet)[1]
    assert "conv_general_dilated" in profile.jaxpr("conv") or "dot_general" in profile.jaxpr("conv")
    assert "rsqrt" in profile.jaxpr("norm") and "rsqrt" not in profile.jaxpr("last")
    assert "sqrt" in profile.jaxpr("optimizer")
    for name in ("conv", "strided", "norm", "last"):
        lines = [line for line in profile.hlo(name).splitlines() if not line.startswith("    ")]
        assert lines and any(f"/{name}/" in line for line in profile.hlo(name).splitlines())
    assert "[optimizer]" in profile.hlo("optimizer")
    with pytest.raises(ValueError, match="no layer 'convolution'. There are convnet, conv, pool"):
        profile.hlo("convolution")


def test_shared_layers_nested_models_several_inputs_and_outputs():
    inner = keras.Sequential([layers.Input((8,)), layers.Dense(16, name="wide"), layers.Dense(4, name="out")])
    a, b = layers.Input((8,), name="a"), layers.Input((8,), name="b")
    shared, encoded = layers.Dense(3, name="shared"), (inner(a), inner(b))
    joined = layers.Concatenate(name="joined")([shared(encoded[0]), shared(encoded[1])])
    p = layers.Dense(1, name="p")(joined)
    model = keras.Model({"a": a, "b": b}, {"p": p, "q": layers.Dense(2, name="q")(encoded[0])})
    model.compile("sgd", {"p": "mse", "q": "mse"}, metrics={"p": ["mae"]})
    x = {name: np.ones((32, 8)) for name in "ab"}
    profile = keras.profile(model, x, {"p": np.ones((32, 1)), "q": np.ones((32, 2))}, batch_size=16)
    size, name = 16, inner.name
    assert products(profile) == {
        f"{name}/wide": 2 * (4 * size * 8 * 16),  # called twice
        f"{name}/out": 2 * (6 * size * 16 * 4),
        "shared": 2 * (6 * size * 4 * 3),
        "p": 6 * size * 6 * 1,
        "q": 6 * size * 4 * 2,
    }
    assert [part.name for part in profile.layers].count("shared") == 1
    assert profile.layer("joined").output == (16, 6) and profile.layer("wide").depth == 1
    assert sum(part.parameters for part in profile.layers) == model.count_params()


class Stack(keras.Model):
    """Layers in a list, one of them used twice, operations of its own, and a train_step."""

    def __init__(self):
        super().__init__(name="stack")
        self.parts = [layers.Dense(8, name="a"), layers.Dense(8, name="b")]
        self.last = layers.Dense(1, name="last")

    def call(self, x):
        for part in [*self.parts, self.parts[0]]:
            x = part(x)
        return jnp.tanh(self.last(x))

    def train_step(self, state, data):
        return super().train_step(state, data)


def test_a_subclass_that_is_not_built_with_a_generator():
    model = Stack()
    model.compile("adam", "mse", metrics=["mae"])

    def batches():
        while True:
            yield np.ones((16, 8)), np.ones((16, 1))

    profile = keras.profile(model, batches())
    own = profile.layer("stack")
    assert profile.batch_size == 16 and 16 <= own.forward_flops <= 32 and own.type == "Stack"
    # the first of the three is applied to the data
    assert products(profile) == {"a": (4 + 6) * 16 * 64, "b": 6 * 16 * 64, "last": 6 * 16 * 8}
    assert profile.layer("optimizer").bytes > 0 and profile.layer("loss").flops > 0


def test_a_loop_counts_as_often_as_it_runs():
    b, length, features, units = 32, 12, 5, 8
    model = keras.Sequential([layers.Input((length, features)), layers.LSTM(units, name="lstm"), layers.Dense(1)])
    model.compile("sgd", "mse")
    profile = keras.profile(model, np.ones((64, length, features)), np.ones((64, 1)))
    given, recurrent = 2 * b * length * features * 4 * units, 2 * b * length * units * 4 * units
    assert profile.layer("lstm").product_flops == 2 * given + 3 * recurrent
    assert profile.layer("lstm").share > 0.3


def test_frozen_layers_have_no_backward_pass():
    model, x, y = classifier()
    model.get_layer("first").trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    first = keras.profile(model, x, y).layer("first")
    assert first.backward_flops == 0 and first.product_flops == 2 * 32 * 100 * 64


def test_mixed_precision():
    model = keras.Sequential([layers.Input((8,)), layers.Dense(4, dtype="mixed_bfloat16", name="half")])
    model.compile("adam", "mse")
    profile = keras.profile(model, np.ones((32, 8)), np.ones((32, 4)))
    assert "bf16" in profile.hlo("half") and profile.layer("half").product_flops == 4 * 32 * 8 * 4


def test_variables_outside_of_the_model():
    scale = keras.Variable(2.0)
    model = keras.Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile("sgd", lambda y, p: jnp.mean((y - scale.value * p) ** 2))
    assert keras.profile(model, np.ones((8, 3)), np.ones((8, 1))).seconds > 0


@pytest.mark.parametrize(
    ("make", "given", "error", "message"),
    [
        (lambda: None, {}, TypeError, "expected a model, got a NoneType"),
        (lambda: keras.Sequential([layers.Dense(1)]), {}, ValueError, "is not compiled"),
        (classifier, {"batch_size": 0}, ValueError, "batch_size must be a positive integer"),
        (classifier, {"y": np.zeros(3)}, ValueError, "profile: the arrays have different numbers of rows"),
        (classifier, {"y": np.arange(128) % 11}, ValueError, "profile: y has integer labels from 0 to 10"),
        (classifier, {"y": None}, ValueError, "profile: y is None"),
        (classifier, {"batchsize": 3}, TypeError, "unknown argument 'batchsize'. Did you mean 'batch_size'"),
    ],
)
def test_wrong_input(make, given, error, message):
    made = make()
    model, x, y = made if isinstance(made, tuple) else (made, np.ones((4, 3)), np.ones((4, 1)))
    with pytest.raises(error, match=message):
        keras.profile(model, x, **{"y": y, **given})


def test_a_model_that_runs_eagerly():
    model, x, y = classifier()
    model.run_eagerly = True
    with pytest.raises(ValueError, match="run_eagerly=True"):
        keras.profile(model, x, y)


def test_text_fits_a_terminal(profiles):
    profile = profiles(language_model)[1]
    text = str(profile)
    assert repr(profile) == text
    assert max(map(len, text.splitlines())) < 80
    assert "  attention (MultiHeadAt…" in text and "it fits" in text
    rows = [line for line in text.splitlines() if "%" in line and "(" in line]
    assert len(rows) >= len(profile.layers) - 1


def test_html_is_escaped_and_has_each_layer():
    model = keras.Sequential([layers.Input((4,)), layers.Dense(3, name="a<b>")])
    model.compile("sgd", "mse")
    page = keras.profile(model, np.ones((8, 4)), np.ones((8, 3)))._repr_html_()
    assert "a&lt;b&gt; (Dense)" in page and "<b>" not in page and "\x1b" not in page
    assert page.count("<tr>") == page.count("</tr>") >= 7


def test_plain_data(profiles):
    model, profile = profiles(classifier)
    data = json.loads(json.dumps(profile.to_dict()))
    assert data["layers"][1]["name"] == "first" and data["layers"][1]["output"] == [32, 64]
    assert data["flops"] == profile.flops and data["memory"]["fits"] is True
    assert set(data["compile_seconds"]) == {"trace", "lower", "compile"}


def test_while_another_thread_predicts():
    model, x, y = classifier()
    stop, errors = threading.Event(), []

    def predict():
        while not stop.is_set():
            try:
                model.predict(x, verbose=0)
            except Exception as error:  # noqa: BLE001 - reported below
                errors.append(error)

    thread = threading.Thread(target=predict)
    thread.start()
    try:
        profile = keras.profile(model, x, y)
    finally:
        stop.set()
        thread.join()
    assert not errors and profile.seconds > 0


def test_a_cache_of_programs_on_disk_does_not_give_the_names_of_another_model(tmp_path):
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    keras.config.enable_compilation_cache(tmp_path / "cache")
    try:
        for name in ("one", "other"):
            model = keras.Sequential([layers.Input((5,)), layers.Dense(3, name=name)])
            model.compile("sgd", "mse")
            profile = keras.profile(model, np.ones((8, 5)), np.ones((8, 3)))
            assert f"/{name}/" in profile.hlo(name)
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
    assert jax.config.jax_compilation_cache_include_metadata_in_key is False
