"""One process with 8 virtual devices: each file of checks runs in a program of its own, which has them."""

import jax
import numpy as np
import pytest

import minidl as keras
from minidl import layers
from minidl.core import placement
from tests.distribution.collectives import lowered
from tests.distribution.launch import run_checks


def test_names():
    run_checks("check_names.py")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["check_numbers.py", "check_programs.py", "check_orbax.py"])
def test_eight_devices(name):
    run_checks(name)


def test_without_a_distribution_programs_know_nothing_of_it(monkeypatch):
    """No sharding in what is lowered, nothing is placed, and no constraint asked for."""

    def refused(*args, **kwargs):
        raise AssertionError("called without a distribution")

    for name in ("put", "constrained", "placed_batches", "laid_out"):
        monkeypatch.setattr(placement, name, refused)
    monkeypatch.setattr(jax.lax, "with_sharding_constraint", refused)
    model = keras.Sequential([layers.Dense(64), layers.BatchNormalization(), layers.Dropout(0.1), layers.Dense(3)])
    model.compile("adam", "mse", metrics=["mae"])
    x, y = np.ones((75, 20), "float32"), np.ones((75, 3), "float32")
    model.fit(x, y, verbose=0, validation_split=0.2)
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    for mode in ("train", "test", "predict"):
        text = lowered(model, x, y, mode).as_text()
        assert "sharding" not in text and "num_partitions = 1" in text
