"""Models are pickled and copied at any time, as their own files."""

import concurrent.futures
import copy
import multiprocessing
import pickle

import numpy as np
import pytest

import minidl
from minidl import layers

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")


class Doubled(layers.Dense):
    """A class of the caller's, which is not registered."""

    def call(self, x):
        return 2 * super().call(x)


def penalty(y, p):
    return minidl.ops.mean(minidl.ops.abs(y - p), axis=-1)


def trained():
    model = minidl.Sequential([layers.Input((3,)), Doubled(4), layers.Dropout(0.5), layers.Dense(1)])
    model.compile("adam", penalty, metrics=["mae"])
    model.fit(X, X[:, :1], verbose=0)
    model.predict(X, verbose=0)
    model(X)
    return model


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, *[lambda m, p=p: pickle.loads(pickle.dumps(m, p)) for p in range(2, 6)]]
)
def test_a_trained_model_goes_on_as_it_was(again):
    model = trained()
    other = again(model)
    np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
    assert int(other.optimizer.iterations) == 1 and other.layers[0] is not model.layers[0]


def test_an_unbuilt_model_and_one_in_the_middle_of_fit():
    assert not pickle.loads(pickle.dumps(minidl.Sequential([layers.Dense(1)]))).built
    model, pickled = trained(), []
    keep = minidl.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: pickled.append(pickle.dumps(model)))
    model.fit(X, X[:, :1], verbose=0, callbacks=[keep])
    for got, want in zip(pickle.loads(pickled[0]).get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_damaged_file_in_a_pickle_is_refused():
    restored, (data, custom) = trained().__reduce__()
    with pytest.raises(minidl.saving.LoadError):
        restored(data[: len(data) // 2], custom)


class Factor:
    def __init__(self, value):
        self.value = value


class Scaled(minidl.Model):
    """A model with an argument that is not plain data, without get_config."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor
        self.inner = minidl.Sequential([layers.Dense(1)])

    def call(self, x):
        return self.inner(x) * self.factor.value


@pytest.mark.slow
@pytest.mark.parametrize("state", ["new", "compiled", "trained"])
def test_a_model_without_a_config_is_copied_in_the_process_and_refused_in_a_pickle(state):
    model = Scaled(Factor(2.0))
    if state != "new":
        model.compile("adam", "mse", metrics=["mae"])
    if state == "trained":
        model.fit(X, X[:, :1], verbose=0)
        model.predict(X, verbose=0)
    other = copy.deepcopy(model)
    assert other.inner is not model.inner and other.factor is not model.factor
    if state == "trained":
        before = model.get_weights()
        np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
        history = other.fit(X, X[:, :1], shuffle=False, verbose=0).history
        for got, want in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(got, want)
        assert model.fit(X, X[:, :1], shuffle=False, verbose=0).history == history
    with pytest.raises(NotImplementedError, match="write get_config"):
        pickle.dumps(model)


@pytest.mark.slow
@pytest.mark.parametrize("again", [copy.deepcopy, lambda part: pickle.loads(pickle.dumps(part))])
@pytest.mark.parametrize("is_trained", [False, True])
def test_parts_of_a_model_are_copied(again, is_trained):
    model = minidl.Sequential([layers.Input((3,)), layers.Dense(4), layers.Dropout(0.5), layers.Dense(1)])
    model.compile("adam", minidl.losses.MeanSquaredError(), metrics=[minidl.metrics.MeanAbsoluteError(name="mae")])
    if is_trained:
        model.fit(X, X[:, :1], verbose=0)
    layer = again(model.layers[0])
    np.testing.assert_array_equal(layer(X), model.layers[0](X))
    assert layer.kernel is not model.layers[0].kernel
    optimizer = again(model.optimizer)
    assert int(optimizer.iterations) == is_trained and optimizer.iterations is not model.optimizer.iterations
    for part in (model.loss, minidl.metrics.MeanAbsoluteError()):
        assert float(again(part)(X, X + 2)) == float(part(X, X + 2))


@pytest.mark.slow
def test_a_spawned_process_and_joblib_take_a_model(tmp_path):
    model = minidl.Sequential([layers.Input((3,)), layers.Dense(1)])
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        got = pool.submit(predicted, model).result()
    np.testing.assert_array_equal(got, model.predict(X, verbose=0))
    joblib = pytest.importorskip("joblib")
    joblib.dump(model, tmp_path / "model.joblib")
    np.testing.assert_array_equal(joblib.load(tmp_path / "model.joblib").predict(X, verbose=0), got)


def predicted(model):
    return model.predict(X, verbose=0)
