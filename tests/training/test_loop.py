"""The loop's pace, and what it costs to watch it."""

import numpy as np
import pytest

import minidl as keras
from minidl.training.pace import Pace


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
