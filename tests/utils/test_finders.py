"""find_learning_rate and find_batch_size: what they suggest, and that the model is as before."""

import jax
import numpy as np
import pytest

import minidl
from minidl.utils import find_batch_size, find_learning_rate, finders


def quadratic():
    """Half the squared error of one weight: gradient descent converges below a rate of 2 and diverges above."""
    model = minidl.Sequential([minidl.Input((1,)), minidl.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(minidl.optimizers.SGD(0.5), lambda y, p: 0.5 * (y - p) ** 2)
    return model, np.ones((64, 1), "float32"), np.ones((64, 1), "float32")


def test_the_suggested_rate_is_within_where_descent_converges_and_the_model_is_as_before():
    model, x, y = quadratic()
    found = find_learning_rate(model, x, y, lowest=1e-4, highest=100.0, steps=60)
    assert 0.02 < found.suggestion < 2.0
    assert found.tried[0] == pytest.approx(1e-4) and len(found.tried) == len(found.results)
    assert 2.0 < found.tried[-1] < 100.0  # it stopped when the loss diverged
    assert float(model.optimizer.learning_rate) == 0.5 and model.optimizer.iterations == 0
    np.testing.assert_array_equal(model.get_weights()[0], [[0.0]])
    assert getattr(model.history, "history", {}) == {}


def test_the_curve_is_smoothed_without_a_bias_of_the_start():
    assert finders._smoothed([2.0, 2.0, 2.0]) == pytest.approx([2.0, 2.0, 2.0])
    first, second = finders._smoothed([1.0, 0.0])
    assert first == pytest.approx(1.0) and second == pytest.approx(0.09 / 0.19)


def test_rates_that_cannot_be_searched_are_refused():
    model, x, y = quadratic()
    with pytest.raises(ValueError, match="give 0 < lowest < highest"):
        find_learning_rate(model, x, y, lowest=1.0, highest=0.1)
    with pytest.raises(ValueError, match=r"the loss did not fall: .*Give a smaller `lowest`"):
        find_learning_rate(model, x, y, lowest=10.0, highest=100.0)


def test_the_least_size_that_is_fast_enough_is_suggested(monkeypatch):
    model, x, y = quadratic()
    times = {8: 8.0, 16: 4.0, 32: 2.1, 64: 2.0}  # for all 64 examples
    monkeypatch.setattr(finders, "_seconds", lambda model, x, y, batch_size: times[batch_size] * len(x) / 64)
    found = find_batch_size(model, x, y, sizes=[8, 16, 32, 64, 128])
    assert found.tried == [8, 16, 32, 64] and found.suggestion == 32
    assert found.results == pytest.approx([8.0, 16.0, 64 / 2.1, 32.0])


def test_sizes_end_where_memory_does(monkeypatch):
    model, x, y = quadratic()

    def seconds(model, x, y, batch_size):
        if batch_size > 16:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes")
        return 1.0

    monkeypatch.setattr(finders, "_seconds", seconds)
    assert find_batch_size(model, x, y, sizes=[8, 16, 32, 64]).tried == [8, 16]
    with pytest.raises(jax.errors.JaxRuntimeError):
        find_batch_size(model, x, y, sizes=[32])


def test_a_real_search_for_the_size_leaves_the_model_as_before():
    model, x, y = quadratic()
    found = find_batch_size(model, x, y, sizes=[16, 64])
    assert found.suggestion in (16, 64) and all(speed > 0 for speed in found.results)
    np.testing.assert_array_equal(model.get_weights()[0], [[0.0]])
    with pytest.raises(ValueError, match="there are 64 examples, fewer than the least size"):
        find_batch_size(model, x, y, sizes=[128])


def test_the_plot_marks_the_suggestion(tmp_path):
    pytest.importorskip("matplotlib")
    found = finders.SearchResult(0.1, [0.01, 0.1, 1.0], [3.0, 2.0, 4.0], ("learning rate", "loss"))
    (axes,) = found.plot(tmp_path / "found.png").axes
    assert list(axes.lines[0].get_ydata()) == [3.0, 2.0, 4.0] and set(axes.lines[1].get_xdata()) == {0.1}
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "learning rate"
    assert (tmp_path / "found.png").stat().st_size > 1000
