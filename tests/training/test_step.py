"""The compiled steps: pure, compiled once, short on the stack, and the same bits each time."""

import collections
import pathlib
import sys
import threading

import jax
import numpy as np
import pytest

import minidl
from minidl import layers
from minidl.models import Sequential
from tests.counting import compilations, device_reads

PACKAGE = pathlib.Path(minidl.__file__).parent


def digits(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, 8)).astype("float32"), rng.integers(0, 3, rows)


def classifier(*middle):
    minidl.utils.set_random_seed(0)
    model = Sequential([layers.Dense(16, activation="relu", input_shape=(8,)), *middle, layers.Dense(3, "softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Probe(layers.Layer):
    """Notes, each time it is called, which of minidl's frames are above it."""

    def __init__(self):
        super().__init__()
        self.stacks = []

    def call(self, x):
        frame, stack = sys._getframe(1), []
        while frame:
            path = pathlib.Path(frame.f_code.co_filename)
            if path.is_relative_to(PACKAGE):
                stack.append((path.relative_to(PACKAGE).as_posix(), frame.f_code.co_name))
            frame = frame.f_back
        self.stacks.append(stack)
        return x


def in_sequential():
    probe = Probe()
    return probe, classifier(probe)


def in_functional():
    probe, inputs = Probe(), minidl.Input((8,))
    hidden = layers.Dense(16, activation="relu")(inputs)
    model = minidl.Model(inputs, layers.Dense(3, "softmax")(layers.add([probe(hidden), hidden])))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return probe, model


@pytest.mark.parametrize("make", [in_sequential, in_functional])
def test_from_fit_to_a_layer_are_at_most_seven_frames_in_six_files(make):
    """In the loop, as it runs: the train step is traced by the frame that then runs it."""
    probe, model = make()
    probe.stacks.clear()
    model.fit(*digits(), verbose=0)
    traced = [stack for stack in probe.stacks if ("training/step.py", "train") in stack]
    assert traced, "the step was traced outside of fit"
    for stack in traced:
        frames = stack[: stack.index(("training/trainer.py", "fit")) + 1]
        assert ("training/loop.py", "run_epoch") in frames
        assert len(frames) <= 7, frames
        assert len({path for path, _ in frames}) <= 6, frames


def test_fit_traces_the_model_once_for_each_shape_of_batch():
    probe = Probe()
    model = classifier(probe)
    x, y = digits(300)  # nine batches of 32 and one of 12
    model.fit(x, y, verbose=0)
    names = collections.Counter(stack[-1] for stack in probe.stacks)
    assert sum(("training/step.py", "train") in stack for stack in probe.stacks) == 2, names


def test_a_whole_fit_compiles_one_function_for_each_shape_of_batch():
    model = classifier()
    x, y = digits(300)
    with compilations() as compiled:
        model.fit(x, y, epochs=3, verbose=0)
    assert [name for name in compiled if "train" in name] == ["jit(_train_chunk)"] * 2
    assert len(compiled) == 2


@pytest.mark.slow
@pytest.mark.parametrize("call", ["fit", "evaluate", "predict"])
def test_the_shorter_last_batch_is_compiled_by_another_thread_meanwhile(call):
    x, y = digits(rows=70)
    model = classifier()
    args = {"fit": (x, y), "evaluate": (x, y), "predict": (x,)}[call]
    with compilations() as compiled, compilations(elsewhere=True) as ahead:
        getattr(model, call)(*args, verbose=0)
    mode = {"fit": "train", "evaluate": "test", "predict": "predict"}[call]
    assert [name for name in compiled if mode in name] == [f"jit(_{mode}_chunk)"] * 2
    assert ahead == [f"jit(_{mode}_chunk)"]
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]


@pytest.mark.slow
@pytest.mark.parametrize(("batches", "is_compiled_quickly"), [(60, True), (10, False)])
def test_the_last_batch_of_a_long_pass_is_compiled_quickly_and_computes_the_same(batches, is_compiled_quickly):
    x, y = digits(8 * batches + 3)
    whole, one_by_one = classifier(), classifier()
    whole.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    for start in range(0, len(x), 8):
        one_by_one.train_on_batch(x[start : start + 8], y[start : start + 8])
    rare = [is_rare for mode, _, is_rare in whole.compiled_steps._programs.chunks if mode == "train"]
    assert sorted(rare) == ([False, True] if is_compiled_quickly else [False])
    for got, expected in zip(whole.get_weights(), one_by_one.get_weights(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_a_second_fit_and_other_numbers_of_rows_compile_nothing():
    model = classifier()
    x, y = digits(1000)
    model.fit(x[:300], y[:300], epochs=2, validation_data=(x[:76], y[:76]), verbose=0)
    model.evaluate(x[:300], y[:300], verbose=0)
    model.predict(x[:300], verbose=0)
    model.optimizer.learning_rate = 1e-4
    with compilations() as compiled:
        model.fit(x[:300], y[:300], epochs=2, validation_data=(x[:76], y[:76]), verbose=0)
        model.fit(x[:172], y[:172], verbose=0)  # the same tail of 12 rows after fewer batches
        model.evaluate(x[:972], y[:972], verbose=0)
        model.predict(x[:652], verbose=0)
    assert compiled == []


def test_a_thousand_predictions_of_one_row_compile_nothing_and_keep_nothing():
    model = classifier()
    x, _ = digits()
    model.predict(x[:1], verbose=0)
    with compilations() as compiled:
        for _ in range(100):
            model.predict(x[:1], verbose=0)
        before = len(jax.live_arrays())
        for i in range(900):
            model.predict(x[i % 300 : i % 300 + 1], verbose=0)
    assert compiled == []
    assert len(jax.live_arrays()) <= before


def test_an_epoch_reads_the_device_once_a_chunk():
    model = classifier()
    x, y = digits(64 * 32)
    model.fit(x, y, epochs=6, verbose=0)  # the pace is found
    with device_reads() as reads:
        model.fit(x, y, epochs=1, verbose=0)
    assert len(reads) <= 6, reads  # 64 steps in a few chunks


def test_fit_keeps_no_arrays_of_earlier_epochs():
    model = classifier()
    x, y = digits(320)
    model.fit(x, y, epochs=2, verbose=0)
    before = len(jax.live_arrays())
    model.fit(x, y, epochs=10, verbose=0)
    assert len(jax.live_arrays()) <= before


@pytest.mark.parametrize("every_batch", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_same_seed_gives_the_same_bits(every_batch):
    def run():
        model = classifier(layers.Dropout(0.3, seed=1))
        callbacks = (
            [minidl.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)] if every_batch else []
        )
        history = model.fit(*digits(), epochs=3, validation_split=0.2, callbacks=callbacks, verbose=0)
        return history.history, model.get_weights()

    (first, first_weights), (second, second_weights) = run(), run()
    assert first == second
    for one, other in zip(first_weights, second_weights):
        np.testing.assert_array_equal(one, other)


def test_chunks_of_any_length_give_the_same_bits():
    def run(*callbacks):
        model = classifier(layers.Dropout(0.3, seed=1))
        model.fit(*digits(), epochs=2, callbacks=list(callbacks), verbose=0)
        return model.get_weights()

    in_chunks = run()
    batch_by_batch = run(minidl.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None))
    for one, other in zip(in_chunks, batch_by_batch):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_the_train_step_is_pure_and_equals_fit():
    x, y = digits(64)
    fitted, own = classifier(layers.Dropout(0.3, seed=1)), classifier(layers.Dropout(0.3, seed=1))
    fitted.fit(x, y, batch_size=32, epochs=1, shuffle=False, verbose=0)
    steps = own.prepare(x[:32], y[:32])
    before = [weight.numpy() for weight in own.weights]
    state = steps.state()
    for rows in (slice(0, 32), slice(32, 64)):
        state = steps.train_step(state, (x[rows], y[rows].astype("int32"), None))
    for weight, value in zip(own.weights, before):
        np.testing.assert_array_equal(weight.numpy(), value)
    steps.put(state)
    for one, other in zip(fitted.get_weights(), own.get_weights()):
        np.testing.assert_array_equal(one, other)
    assert {name: float(value) for name, value in steps.results(state).items()} == pytest.approx(
        {name: values[0] for name, values in fitted.history.history.items()}, rel=1e-6
    )


def test_arrays_that_a_user_holds_survive_training():
    model = classifier()
    x, y = digits()
    kernel = model.layers[0].kernel
    held, view, mine = kernel.value, np.asarray(kernel.value), jax.numpy.ones(kernel.shape)
    copy = view.copy()
    model.fit(x, y, verbose=0)
    kernel.assign(mine)
    model.fit(x, y, verbose=0)
    held_later = kernel.value
    later = np.array(held_later)
    model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(held, copy)
    np.testing.assert_array_equal(view, copy)
    np.testing.assert_array_equal(mine, np.ones(kernel.shape))
    np.testing.assert_array_equal(held_later, later)
    assert not np.array_equal(kernel.numpy(), later)


@pytest.mark.slow
def test_freezing_a_layer_after_compile_takes_effect():
    model = classifier()
    x, y = digits()
    model.fit(x, y, verbose=0)
    model.layers[0].trainable = False
    frozen, free = (layer.get_weights()[0] for layer in (model.layers[0], model.layers[-1]))
    model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], frozen)
    assert not np.array_equal(model.layers[-1].get_weights()[0], free)


def test_an_error_in_a_layer_leaves_the_model_usable():
    class Fragile(layers.Layer):
        broken = False

        def call(self, x):
            if self.broken:
                raise RuntimeError("on purpose")
            return x

    fragile = Fragile()
    model = classifier(fragile)
    x, y = digits()
    fragile.broken = True
    with pytest.raises(RuntimeError, match="on purpose"):
        model.fit(x, y, verbose=0)
    fragile.broken = False
    assert all(isinstance(variable.numpy(), np.ndarray) for variable in model.variables)
    model.fit(x, y, verbose=0)


@pytest.mark.slow
def test_run_eagerly_shows_values_and_gives_the_same_numbers():
    seen = []

    class Spy(layers.Layer):
        def call(self, x):
            if not isinstance(x, jax.core.Tracer):
                seen.append(np.asarray(x).mean())
            return x

    x, y = digits(8)
    eager, compiled = classifier(Spy()), classifier()
    eager.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=True)
    compiled.fit(x, y, shuffle=False, verbose=0)
    eager.fit(x, y, shuffle=False, verbose=0)
    eager.evaluate(x, y, verbose=0)
    assert seen
    for one, other in zip(eager.get_weights(), compiled.get_weights()):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
def test_layers_that_are_random_in_inference_draw_for_every_batch():
    class AlwaysDropout(minidl.Layer):
        def __init__(self):
            super().__init__()
            self.seed_generator = minidl.random.SeedGenerator(7)

        def call(self, x):
            return minidl.random.dropout(x, 0.5, seed=self.seed_generator)

    x = np.ones((8, 5), "float32")
    inputs = minidl.Input((5,))
    model = minidl.Model(inputs, AlwaysDropout()(inputs))
    batches = [minidl.random.dropout(x[:4], 0.5, seed=np.array([7, i], "uint32")) for i in range(5)]
    np.testing.assert_array_equal(model.predict(x, batch_size=4, verbose=0), np.concatenate(batches[:2]))
    np.testing.assert_array_equal(model.predict(x, batch_size=4, verbose=0), np.concatenate(batches[2:4]))
    np.testing.assert_array_equal(model.predict_on_batch(x[:4]), batches[4])


@pytest.mark.slow
@pytest.mark.parametrize("call", ["fit", "evaluate", "predict"])
def test_a_model_that_runs_eagerly_is_given_values(call):
    seen = []

    class Seen(layers.Layer):
        def call(self, x):
            seen.append(isinstance(x, jax.core.Tracer))
            return x

    model = Sequential([layers.Input((8,)), Seen(), layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    x, y = np.ones((4, 8), "float32"), np.ones((4, 1), "float32")
    seen.clear()
    getattr(model, call)(x, verbose=0, **({} if call == "predict" else {"y": y}))
    assert seen == [False]


def branching_model(with_shape, **how):
    class Branching(layers.Layer):
        def call(self, x):
            return x if x.sum() > 0 else -x

    if with_shape:
        Branching.compute_output_shape = lambda self, input_shape: input_shape

    def loss(y_true, y_pred):
        difference = minidl.ops.mean((y_true - y_pred) ** 2)
        return difference if difference > 1 else 2 * difference

    model = Sequential([layers.Input((3,)), Branching(), layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", loss, **how)
    return model


@pytest.mark.slow
def test_the_advice_for_a_branch_on_a_tensor_is_right():
    """The model predicts the absolute sum of a row, 3, so that the loss is (3 - 6)**2, or 2 * (3 - 3.5)**2."""
    with pytest.raises(jax.errors.TracerBoolConversionError, match="compute_output_shape in the layer"):
        branching_model(with_shape=False, run_eagerly=True)
    x = np.ones((4, 3), "float32")
    model = branching_model(with_shape=True)
    assert float(model(-x)[0, 0]) == 3.0  # a call on its own has values
    for call in (lambda: model.fit(x, x[:, :1]), lambda: model.predict(x)):
        with pytest.raises(jax.errors.TracerBoolConversionError, match="run_eagerly=True"):
            call()
    model = branching_model(with_shape=True, run_eagerly=True)
    np.testing.assert_array_equal(model.predict(-x, batch_size=3, verbose=0), np.full((4, 1), 3.0))
    assert model.evaluate(-x, np.full((4, 1), 6.0), verbose=0) == 9.0
    assert model.evaluate(-x, np.full((4, 1), 3.5), verbose=0) == 0.5
    assert model.fit(-x, np.full((4, 1), 6.0), verbose=0).history["loss"] == [9.0]


@pytest.mark.parametrize("call", ["predict", "evaluate"])
def test_what_only_some_eager_batches_change_is_kept(call):
    """Of the calls for four batches the first and the third are counted."""

    class Odd(layers.Layer):
        def build(self, shape):
            self.counted = self.add_weight(shape=(), initializer="zeros", trainable=False)
            self.calls = 0

        def call(self, x):
            self.calls += 1
            if self.calls % 2:
                self.counted.assign(self.counted + 1)
            return x

    model = Sequential([minidl.Input((1,)), odd := Odd()])
    model.compile(loss="mse", run_eagerly=True)
    x = np.ones((128, 1), "float32")
    odd.calls = 0
    odd.counted.assign(0)
    model.predict(x, verbose=0) if call == "predict" else model.evaluate(x, x, verbose=0)
    assert odd.calls == 4 and odd.counted.numpy() == 2
