"""Errors that programs written for Keras catch have Keras's types, or are also of them."""

import numpy as np
import pytest

import minidl

MISTAKES = {  # program -> the type of Keras's error
    "keras.layers.Dense(3, foo=1)": ValueError,
    "keras.layers.LSTM(3, foo=1)": ValueError,
    "keras.layers.RandomFlip(foo=1)": ValueError,
    "keras.optimizers.Adam(foo=1)": ValueError,
    "keras.losses.MeanSquaredError(foo=1)": TypeError,
    "keras.metrics.Accuracy(foo=1)": TypeError,
    "keras.callbacks.EarlyStopping(foo=1)": TypeError,
    "keras.Model(foo=1)": ValueError,
    "type('Own', (keras.layers.Layer,), {})(foo=1)": ValueError,
    "keras.Sequential().pop()": IndexError,
    "keras.Sequential([keras.layers.Dense(1)]).fit(np.ones((2, 2)), np.ones((2, 1)))": ValueError,
    "keras.saving.deserialize_keras_object({'class_name': 'Foo', 'config': {}, 'module': None})": TypeError,
    "keras.models.load_model('missing.keras')": ValueError,
    "keras.models.load_model('missing.h5')": FileNotFoundError,
    "keras.ops.cholesky(np.ones((2, 3)))": ValueError,
    "keras.ops.eigh(np.ones((2, 3)))": ValueError,
    "keras.ops.inv(np.ones((2, 3)))": ValueError,
    "keras.utils.split_dataset([1, 2, 3, 4], 0.5)": ValueError,
    "trained(keras, keras.callbacks.LearningRateScheduler(lambda epoch: 'a'))": ValueError,
}


def trained(keras, callback):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 2)), np.ones((2, 1)), verbose=0, callbacks=[callback])


def run(program, keras):
    eval(program, {"keras": keras, "np": np, "trained": trained})


@pytest.mark.parametrize("program", MISTAKES)
def test_types(program):
    with pytest.raises(MISTAKES[program]):
        run(program, minidl)


@pytest.mark.parametrize("program", MISTAKES)
def test_types_live(program):
    with pytest.raises(MISTAKES[program]):
        run(program, pytest.importorskip("keras"))
