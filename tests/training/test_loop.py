"""The loop's pace, and what it costs to watch it."""

import re
import time

import numpy as np
import pytest

import minidl as keras
from minidl.training.pace import Pace
from minidl.training.runs import Prediction


class Clock:
    """A clock that the test turns."""

    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("minidl.training.pace.time", clock)
    return clock


def paced(clock, seconds_per_step, capacity=1000, seconds=None):
    """How many batches the pace asks for, chunk by chunk, when a step takes so long."""
    pace = Pace({} if seconds is None else seconds, "train", capacity)
    asked = []
    for _ in range(8):
        asked.append(min(pace.batches(), capacity))
        clock.now += asked[-1] * seconds_per_step
        pace.measured(asked[-1])
    return asked


def test_chunks_grow_to_the_wanted_time(clock):
    *growing, last = paced(clock, 1e-4)
    assert growing[:4] == [1, 16, 64, 256]
    assert last == pytest.approx(500, abs=1)


def test_slow_steps_come_one_by_one(clock):
    assert paced(clock, 0.5) == [1] * 8


def test_chunks_of_long_steps_have_a_few(clock):
    assert paced(clock, 0.01)[-1] == 16
    assert paced(clock, 0.06)[-1] == 4


def test_what_was_learnt_is_kept_and_the_first_chunk_is_short(clock):
    seconds = {}
    paced(clock, 1e-5, 128, seconds)
    assert paced(clock, 1e-5, 128, seconds) == [32] + [128] * 7


def test_one_slow_chunk_does_not_slow_the_rest(clock):
    seconds = {}
    paced(clock, 1e-4, 1000, seconds)
    pace = Pace(seconds, "train", 1000)
    pace.batches()
    clock.now += 30
    pace.measured(10)
    assert pace.batches() == pytest.approx(500, abs=1)


def test_the_bar_is_drawn_a_few_times_an_epoch_and_never_at_every_step(capsys):
    x, y = np.zeros((32 * 200, 4), "float32"), np.zeros((32 * 200, 1), "float32")
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    model.fit(x, y, epochs=3, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6  # where the output is not a terminal: a heading and a line for each epoch
    assert lines[-1].startswith("200/200") and f"loss: {model.history.history['loss'][-1]:.4f}" in lines[-1]


class Compilations(keras.callbacks.Callback):
    """What is told of compilation, and the times."""

    def __init__(self):
        super().__init__()
        self.begun, self.seconds = [], 0.0

    def on_compile_begin(self, mode, step):
        self.begun.append((mode, step))

    def on_compile_end(self, mode, seconds):
        self.seconds += seconds


def compiled_model(units, **settings):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units), keras.layers.Dense(1)])
    model.compile("sgd", "mse", **settings)
    return model


def rows(count):
    return np.ones((count, 3), "float32"), np.ones((count, 1), "float32")


@pytest.mark.slow
def test_callbacks_are_told_of_every_compilation_and_of_nothing_else():
    told, model = Compilations(), compiled_model(17)
    model.fit(*rows(70), validation_data=rows(32), epochs=2, verbose=0, callbacks=told)
    assert told.begun == [("train", 0), ("train", 2), ("test", 0)]  # the last batch of 6 rows comes after two
    model.fit(*rows(70), epochs=2, verbose=0, callbacks=told)
    assert len(told.begun) == 3
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    model.fit(*rows(64), verbose=0, callbacks=told)
    model.predict(rows(64)[0], verbose=0, callbacks=told)
    assert told.begun[3:] == [("train", 0), ("predict", 0)]


def test_a_model_of_the_same_structure_compiles_nothing():
    compiled_model(18).fit(*rows(64), verbose=0)
    told = Compilations()
    compiled_model(18).fit(*rows(64), verbose=0, callbacks=told)
    assert told.begun == []


@pytest.mark.slow
def test_eager_training_compiles_nothing():
    told = Compilations()
    compiled_model(19, run_eagerly=True).fit(*rows(64), verbose=0, callbacks=told)
    assert told.begun == []


def test_the_times_that_are_shown_add_up_to_the_time_that_was(capsys):
    """Compilation, and steps times the time of a step; the callback sleeps, so that steps have a known least time."""
    told = Compilations()
    sleeper = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(0.01))
    start = time.perf_counter()
    compiled_model(20).fit(*rows(20 * 32), verbose=2, callbacks=[told, sleeper])
    wall = time.perf_counter() - start
    (line,) = capsys.readouterr().out.splitlines()
    elapsed, step, unit = re.search(r" - ([\d.]+)s - ([\d.]+)(ms|s)/step", line).groups()
    seconds = float(step) * (0.001 if unit == "ms" else 1)
    assert seconds >= 0.01 and told.seconds + 20 * seconds <= wall
    assert told.seconds + 20 * seconds == pytest.approx(float(elapsed), abs=0.06)  # which has one decimal
    assert f"compiled in {told.seconds:.1f} s" in line or told.seconds < 0.1


def test_chunks_of_predict_have_room_for_wide_outputs(monkeypatch):
    """The capacity was that for the inputs, 128 batches here, whose outputs are 128 MB."""
    capacities, compute = [], Prediction.compute
    monkeypatch.setattr(
        Prediction, "compute", lambda run, chunk: capacities.append(len(chunk.batches[0])) or compute(run, chunk)
    )
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(8192)])
    x = np.ones((33 * 32, 1), "float32")
    assert model.predict(x, verbose=0).shape == (33 * 32, 8192)
    assert model.predict(iter(x.reshape(33, 32, 1)), verbose=0).shape == (33 * 32, 8192)
    assert set(capacities) == {4}  # of 4 MB


class Calls(keras.callbacks.Callback):
    """The hooks of predict that were called, with what they were given."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def on_predict_begin(self, logs=None):
        self.calls.append("begin")

    def on_predict_batch_begin(self, batch, logs=None):
        self.calls.append(("batch begins", batch))

    def on_predict_batch_end(self, batch, logs=None):
        self.calls.append(("batch ends", batch, {name: value.shape for name, value in logs.items()}))

    def on_predict_end(self, logs=None):
        self.calls.append("end")


def test_callbacks_of_predict_see_a_single_batch_as_they_see_many():
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
    x, single, streamed = np.ones((5, 3), "float32"), Calls(), Calls()
    outputs = model.predict(x, verbose=0, callbacks=[single])
    np.testing.assert_array_equal(outputs, model.predict(iter([x]), verbose=0, callbacks=[streamed]))
    assert single.calls == streamed.calls
    assert single.calls == ["begin", ("batch begins", 0), ("batch ends", 0, {"outputs": (5, 2)}), "end"]
