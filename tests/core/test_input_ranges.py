"""Indices out of a table are refused on the host, however the model gets to the layer that looks them up."""

import numpy as np
import pytest

import minidl
from minidl import layers

TOKENS = np.arange(10).reshape(5, 2)


def table(mask_zero=False):
    return layers.Embedding(10, 3, mask_zero=mask_zero)


def functional(dtype):
    inputs = layers.Input((2,), dtype=dtype)
    return minidl.Model(inputs, layers.Flatten()(table()(inputs)))


class Own(minidl.Model):
    def __init__(self):
        super().__init__()
        self.table, self.flatten = table(), layers.Flatten()

    def call(self, inputs):
        return self.flatten(self.table(inputs["tokens"] if isinstance(inputs, dict) else inputs))


def nested():
    inputs = layers.Input((2,))
    return minidl.Model(inputs, minidl.Sequential([functional("int32"), layers.Dense(6)])(inputs))


MODELS = {
    "sequential": lambda: minidl.Sequential([layers.Input((2,), dtype="int32"), table(), layers.Flatten()]),
    "not built": lambda: minidl.Sequential([table(mask_zero=True), layers.GlobalAveragePooling1D()]),
    "functional": lambda: functional("int32"),
    "functional of floats": lambda: functional(None),
    "subclass": Own,
    "nested": nested,
}
WRONG = {"10": 10, "-1": -1, "2^32 + 3": 2**32 + 3, "NaN": np.nan}


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        pytest.param(kind, wrong, marks=() if kind == "sequential" or wrong == "10" else pytest.mark.slow)
        for kind in MODELS
        for wrong in WRONG
    ],
)
def test_indices_out_of_a_table_are_refused(kind, wrong):
    bad = np.where(TOKENS == 3, WRONG[wrong], TOKENS)
    model = MODELS[kind]()
    model.compile("sgd", "mse")
    outputs = model.predict(TOKENS, verbose=0)
    before = model.get_weights()
    calls = [
        lambda: model.predict(bad, verbose=0),
        lambda: model.predict(iter([(bad,)]), verbose=0),
        lambda: model.predict_on_batch(bad),
        lambda: model.evaluate(bad, outputs, verbose=0),
        lambda: model.fit(bad, outputs, verbose=0),
        lambda: model.fit(TOKENS, outputs, validation_data=(bad, outputs), verbose=0),
        lambda: model.fit(iter([(TOKENS, outputs), (bad, outputs)]), steps_per_epoch=2, verbose=0),
        lambda: model.train_on_batch(bad, outputs),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"values from .*(takes 0 to 9|int32)"):
            call()
    model.fit(TOKENS, outputs, verbose=0)
    assert all(np.isfinite(weight).all() for weight in before)


def test_the_input_is_named_and_others_may_hold_anything():
    model = Own()
    x = {"tokens": TOKENS, "others": np.full((5, 1), 1e6)}
    assert model.predict(x, verbose=0).shape == (5, 6)
    with pytest.raises(ValueError, match=r"x\['tokens'\] has values from 0 to 10.*'embedding.*input_dim=10"):
        model.predict({**x, "tokens": np.where(TOKENS == 3, 10, TOKENS)}, verbose=0)


def test_what_an_input_of_integers_cannot_hold_is_refused():
    inputs = layers.Input((2,), dtype="uint8")
    model = minidl.Model(inputs, layers.Rescaling(1.0)(inputs))
    assert model.predict(np.array([[0, 255]]), verbose=0).tolist() == [[0, 255]]
    with pytest.raises(ValueError, match=r"values from 0 to 300.*uint8.*0 to 255"):
        model.predict(np.array([[0, 300]]), verbose=0)


def test_an_index_that_the_model_changes_first_is_its_own_affair():
    inputs = layers.Input((2,), dtype="int32")
    model = minidl.Model(inputs, table()(inputs % 10))
    assert np.isfinite(model.predict(TOKENS + 1000, verbose=0)).all()
