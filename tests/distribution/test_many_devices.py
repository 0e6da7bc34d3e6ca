"""One process with 8 virtual devices: each file of checks runs in a program of its own, which has them."""

import re
import subprocess
import sys

import jax
import numpy as np
import pytest

import minidl as keras
from minidl import layers
from minidl.core import placement
from minidl.training import sharded
from tests.distribution.collectives import lowered
from tests.distribution.launch import PYTEST, ROOT, environment, run_checks

RUN = {"capture_output": True, "text": True, "timeout": 2400}


@pytest.mark.slow
def test_names():
    run_checks("check_names.py")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["check_numbers.py", "check_programs.py", "check_orbax.py"])
def test_eight_devices(name):
    if name == "check_orbax.py":
        pytest.importorskip("orbax.checkpoint")
    run_checks(name)


def test_several_gpus_that_are_not_used_are_pointed_out_once(monkeypatch, capsys):
    gpu = type("Device", (), {"platform": "gpu"})()
    monkeypatch.setattr(jax, "local_devices", lambda: [gpu] * 4)
    monkeypatch.setattr(sharded, "_hinted", [])
    for _ in range(2):
        model = keras.Sequential([layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    assert capsys.readouterr().out.count("4 GPUs are visible and one is used") == 1


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_committed_numbers_under_data_parallel():
    """The committed reference numbers, with everything on 8 devices."""
    areas = "programs or metrics or objectives or optimizers or layers or steps or training"
    command = [*PYTEST, "-k", f"committed and ({areas})", "tests/test_references.py"]
    done = subprocess.run(command, cwd=ROOT, env=environment(8, MINIDL_TESTS_DATA_PARALLEL="1"), **RUN)
    assert done.returncode == 0, done.stdout[-6000:]


@pytest.mark.slow
def test_the_example_of_many_devices():
    done = subprocess.run([sys.executable, "examples/many_devices.py"], cwd=ROOT, env=environment(8), **RUN)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[0].count("cpu:") == 8 and len({line.split("accuracy ")[1][:5] for line in lines[1:]}) == 1
    assert lines[-1].endswith("(64, 512) each device holds (64, 64)")


@pytest.mark.slow
def test_the_example_of_many_processes():
    done = subprocess.run([sys.executable, "examples/many_processes.py"], cwd=ROOT, env=environment(1), **RUN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Epoch 5/5") == 1, "process 0 shows the progress"
    assert len(set(re.findall(r"process \d of .*: accuracy (.*)", done.stdout))) == 1
