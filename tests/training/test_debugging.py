"""How a user looks into a compiled `fit`, and what is left of a training that an error ended."""

import bdb
import io
import itertools
import sys

import jax
import numpy as np
import pytest

import minidl as keras
from minidl import layers

BATCHES = [
    (x, x.sum(axis=1, keepdims=True)) for x in np.random.default_rng(0).normal(size=(40, 4, 3)).astype("float32")
]
X, Y = map(np.concatenate, zip(*BATCHES))


def model(*more, **how):
    made = keras.Sequential([layers.Input((3,)), *more, layers.Dense(1, kernel_initializer="ones")])
    made.compile(keras.optimizers.SGD(0.01), "mse", **how)
    return made


class Root(layers.Layer):
    """NaN for what is below zero."""

    def call(self, x):
        return keras.ops.sqrt(x) + 1


@pytest.fixture
def debug_nans():
    with jax.debug_nans(True):
        yield


@pytest.mark.slow
@pytest.mark.parametrize("how", [{}, {"run_eagerly": True}], ids=["compiled", "eager"])
@pytest.mark.parametrize("call", ["fit", "evaluate", "predict"])
def test_debug_nans_shows_the_line_of_the_layer(debug_nans, call, how):
    made = model(Root(), **how)
    data = (X,) if call == "predict" else (X, Y)
    with pytest.raises(FloatingPointError, match="encountered in sqrt") as caught:
        getattr(made, call)(*data, batch_size=4, verbose=0)
    assert "call" in [entry.name for entry in caught.traceback if str(entry.path) == __file__]
    assert caught.value.__notes__[0].startswith("Raised in Root 'root")


def test_debug_nans_in_the_middle_of_a_fit_keeps_the_weights(debug_nans):
    made, x = model(Root()), np.abs(X)
    made.fit(x, Y, batch_size=4, verbose=0)
    before = made.get_weights()
    x[:4] *= -1
    with pytest.raises(FloatingPointError):
        made.fit(x, Y, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_array_equal(made.get_weights()[0], before[0])
    made.fit(np.abs(x), Y, batch_size=4, verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("how", [{}, {"run_eagerly": True}], ids=["compiled", "eager"])
def test_debug_print_shows_every_batch(capfd, how):
    class Printing(layers.Layer):
        def call(self, x):
            jax.debug.print("sum {}", x.sum(), ordered=False)
            return x

    model(Printing(), **how).fit(X, Y, batch_size=4, shuffle=False, verbose=0)
    jax.effects_barrier()
    lines = [line.split() for line in capfd.readouterr().out.splitlines()]
    shown = [float(number) for word, number in lines if word == "sum"]
    np.testing.assert_allclose(sorted(shown), sorted(x.sum() for x, _ in BATCHES), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_jax_breakpoints_stop_in_a_compiled_fit():
    out = io.StringIO()

    class Stopping(layers.Layer):
        def call(self, x):
            total = x.sum()  # noqa: F841
            jax.debug.breakpoint(stdin=io.StringIO("p total\nc\n"), stdout=out, backend="cli")
            return x

    model(Stopping()).fit(X[:4], Y[:4], batch_size=4, shuffle=False, verbose=0)
    jax.effects_barrier()
    assert str(X[:4].sum())[:4] in out.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("how", [{}, {"run_eagerly": True}], ids=["compiled", "eager"])
def test_breakpoints_stop_at_the_user_s_line_with_values_where_it_runs_eagerly(monkeypatch, how):
    """A hook in the place of pdb. Compiled, the layer is traced once; eagerly, it runs for every batch."""
    stops = []
    monkeypatch.setattr(sys, "breakpointhook", lambda: stops.append(sys._getframe(1)))

    class Stopping(layers.Layer):
        def call(self, x):
            breakpoint()
            return x

    made = model(Stopping(), **how)
    stops.clear()  # of the shape
    made.fit(X, Y, batch_size=4, verbose=0)
    assert {frame.f_code.co_filename for frame in stops} == {__file__}
    traced = [isinstance(frame.f_locals["x"], jax.core.Tracer) for frame in stops]
    assert traced == [False] * 40 if how else traced == [True]


@pytest.mark.slow
@pytest.mark.parametrize("how", [{}, {"run_eagerly": True}], ids=["compiled", "eager"])
def test_a_debugger_that_is_left_keeps_the_weights(monkeypatch, how):
    def leave():
        raise bdb.BdbQuit

    class Stopping(layers.Layer):
        def call(self, x):
            breakpoint()
            return x

    monkeypatch.setattr(sys, "breakpointhook", lambda: None)
    made = model(Stopping(), **how)
    monkeypatch.setattr(sys, "breakpointhook", leave)
    with pytest.raises(bdb.BdbQuit):
        made.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(made.get_weights()[0], np.ones((3, 1)))
    monkeypatch.setattr(sys, "breakpointhook", lambda: None)
    made.fit(X, Y, verbose=0)
    assert made.optimizer.iterations == 5


class Sequence(keras.utils.PyDataset):
    def __init__(self, count, **settings):
        super().__init__(**settings)
        self.count = count

    def __len__(self):
        return len(BATCHES)

    def __getitem__(self, index):
        if index == self.count:
            raise OSError("a file is missing")
        return BATCHES[index]


def generator(count):
    yield from BATCHES[:count]
    raise OSError("a file is missing")


SOURCES = {
    "generator": generator,
    "PyDataset": Sequence,
    "PyDataset with threads": lambda count: Sequence(count, workers=2, max_queue_size=4),
    "Dataset": lambda count: keras.data.Dataset.from_generator(lambda: generator(count)),
}


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 5, 37])
@pytest.mark.parametrize("source", SOURCES)
def test_all_batches_before_an_error_of_the_data_are_trained_on(source, count):
    """As in Keras, which trains on a batch before it takes the next one."""
    expected, made = model(), model()
    for batch in BATCHES[:count]:
        expected.train_on_batch(*batch)
    with pytest.raises(OSError, match="a file is missing") as caught:
        made.fit(SOURCES[source](count), shuffle=False, verbose=0)
    assert caught.traceback[-1].frame.code.path.name == "test_debugging.py"
    assert made.optimizer.iterations == count
    np.testing.assert_allclose(made.get_weights()[0], expected.get_weights()[0], rtol=1e-6)
    made.fit(iter(BATCHES), verbose=0)


def test_an_error_of_the_data_comes_after_the_hooks_of_the_batches_before():
    seen = []
    callback = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    with pytest.raises(OSError, match="a file is missing"):
        model().fit(generator(5), verbose=0, callbacks=[callback])
    assert seen == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("hook, trained", [("on_train_batch_begin", 7), ("on_train_batch_end", 8)])
def test_an_error_of_a_callback_keeps_the_weights_of_the_batches_before(hook, trained):
    def fail(batch, logs=None):
        if batch == 7:
            raise KeyError("val_loss")

    expected, made = model(), model()
    for batch in BATCHES[:trained]:
        expected.train_on_batch(*batch)
    with pytest.raises(KeyError, match="val_loss"):
        made.fit(itertools.cycle(BATCHES), verbose=0, callbacks=[keras.callbacks.LambdaCallback(**{hook: fail})])
    assert made.optimizer.iterations == trained
    np.testing.assert_allclose(made.get_weights()[0], expected.get_weights()[0], rtol=1e-6)
