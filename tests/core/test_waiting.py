"""Waiting without sleep: until a result is ready, or for a short while."""

import itertools

import pytest

from minidl.core import waiting


class Result:
    """Is ready when it has been asked so often."""

    def __init__(self, often):
        self.often, self.asked = often, 0

    def is_ready(self):
        self.asked += 1
        return self.asked >= self.often


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A quarter of the time passes whenever the clock is read."""
    times = itertools.count(0, waiting.SECONDS / 4)
    monkeypatch.setattr(waiting, "perf_counter", lambda: next(times))


@pytest.mark.parametrize("often", [1, 3])
def test_a_result_that_is_ready_is_not_asked_again(often):
    result = Result(often)
    assert waiting.awake({"a": result}) == {"a": result}
    assert result.asked == often


def test_one_that_takes_longer_is_given_back_unready():
    result = Result(100)
    assert waiting.awake(result) is result
    assert result.asked == 4


def test_nothing_to_wait_for():
    assert waiting.awake((None, {})) == (None, {})
