"""Models are pickled and copied at any time, as their own files."""

import copy
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
