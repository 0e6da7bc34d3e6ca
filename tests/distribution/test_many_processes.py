"""Programs of several processes against the same program in one."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest

from tests.distribution.launch import environment, finish, outputs, start

TRAINING = "tests.distribution.training"


def results(*args, **options):
    return [json.loads(output.splitlines()[-1]) for output in outputs(TRAINING, *args, **options)]


@pytest.fixture(scope="module")
def single():
    program = (
        "import json, minidl; from tests.distribution import training; minidl.utils.set_random_seed(1); "
        "print(json.dumps(training.numbers('one')))"
    )
    done = subprocess.run([sys.executable, "-c", program], env=environment(1), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def assert_same(found, single):
    assert len({json.dumps(one) for one in found}) == 1, "the processes differ"
    for name in ("history", "evaluated", "weights", "predicted"):
        for one, other in zip(jax.tree.leaves(found[0][name]), jax.tree.leaves(single[name]), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_two_processes_train_as_one(single, tmp_path):
    """The log and the model file are those of one process; loading it gives the state back, to the bit."""
    found = results("data", tmp_path)
    assert_same(found, single)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 4
    assert {path.name for path in tmp_path.iterdir()} == {"log.csv", "model.keras"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, processes, devices", [("data", 4, 1), ("fsdp", 2, 2), ("fsdp", 4, 1), ("model", 2, 2), ("data", 2, 4)]
)
def test_processes_train_as_one(single, kind, processes, devices, tmp_path):
    assert_same(results(kind, tmp_path, processes=processes, devices=devices), single)


@pytest.mark.slow
def test_streams_of_their_own_make_global_batches():
    """Each process has half of the rows of each batch; in one process they are the whole batches."""
    program = (
        "import json, minidl; from tests.distribution import training; from minidl import distribution; "
        "minidl.utils.set_random_seed(1); distribution.set_distribution(training.chosen('own streams')); "
        "print(json.dumps(training.numbers('own streams')))"
    )
    done = subprocess.run([sys.executable, "-c", program], env=environment(1), capture_output=True, text=True)
    assert_same(results("own streams"), json.loads(done.stdout.splitlines()[-1]))


WRONG = {
    "weights": ("Every process has to run the same program", "The values of the variables differ between process 0"),
    "random": ("Every process has to run the same program", "random generators differ between process 0"),
    "streams": ("must give as many batches",),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", WRONG)
def test_processes_that_differ_are_refused(what):
    for code, _, errors in finish(start("tests.distribution.differing", what)):
        assert code != 0 and all(text in errors for text in WRONG[what]), errors[-2000:]
