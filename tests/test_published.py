"""The script that runs published programs, on small programs made here: what runs, what does not, and why."""

import json

import numpy as np
import pytest

from tests.published import __main__ as script
from tests.published import cuts, files, programs, report, run, worker

RUNS = """
import keras
from keras import layers
\"\"\"shell
curl -O https://example.org/data/heart.csv
\"\"\"
EPOCHS = 100
(x_train, y_train), _ = keras.datasets.mnist.load_data()
x_train = x_train.reshape((60000, 784)) / 255.0
model = keras.Sequential([layers.Dense(10, activation="softmax")])
model.compile("sgd", loss="sparse_categorical_crossentropy")
history = model.fit(x_train, y_train, epochs=EPOCHS, validation_split=0.1)
history = model.fit(x_train, y_train, epochs=20)
assert len(history.history["loss"]) == 20
assert model.predict(x_train).shape == (60000, 10)
assert len(open("heart.csv").readlines()) == 304
assert "nietzsche" in keras.utils.get_file("nietzsche.txt", "https://example.org/nietzsche.txt")
"""
FAILS = """
import urllib.request
import keras
urllib.request.urlopen("https://example.org/unknown.bin")
"""
NOT_FINITE = """
import keras
import numpy as np
model = keras.Sequential([keras.layers.Dense(1)])
model.compile("sgd", loss="mse")
model.fit(np.full((8, 2), np.nan), np.zeros((8, 1)))
"""
OUTSIDE = "import keras_hub\n"
NOTEBOOK = {
    "cells": [{"cell_type": "code", "source": ["!pip install keras\n", "%matplotlib inline\n", "import keras"]}]
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The rows of the programs above, the page, and what was printed."""
    folder = tmp_path_factory.mktemp("programs")
    for name, text in {"runs": RUNS, "fails": FAILS, "not_finite": NOT_FINITE, "outside": OUTSIDE}.items():
        (folder / f"{name}.py").write_text(text)
    (folder / "notebook.ipynb").write_text(json.dumps(NOTEBOOK))
    page, table = folder / "page.md", folder / "results.json"
    page.write_text(f"before\n{script.START}\nold\n{script.END}\nafter\n")
    script.main([str(folder), "--without-keras", "--json", str(table), "--page", str(page)])
    return json.loads(table.read_text()), page.read_text()


@pytest.mark.slow
def test_a_program_runs_to_its_end_with_the_data_that_it_expects(results):
    assert results[0]["runs"]["error"] is None and results[0]["runs"]["minidl"]


@pytest.mark.slow
def test_a_notebook_runs_without_its_magics(results):
    assert results[0]["notebook"]["minidl"]


@pytest.mark.slow
def test_a_program_that_reaches_for_the_network_fails_and_says_so(results):
    assert not results[0]["fails"]["minidl"] and "unknown.bin" in results[0]["fails"]["error"]


@pytest.mark.slow
def test_numbers_that_are_not_finite_are_a_failure(results):
    assert not results[0]["not_finite"]["minidl"] and "finite" in results[0]["not_finite"]["error"]


@pytest.mark.slow
def test_a_program_of_another_package_is_out_of_scope(results):
    assert "KerasHub" in results[0]["outside"]["scope"] and results[0]["outside"]["minidl"] is None


@pytest.mark.slow
def test_the_page_has_the_table_and_its_counts(results):
    page = results[1]
    assert page.startswith("before\n") and page.endswith("after\n") and "\nold\n" not in page
    assert "2 of 4 programs in scope run" in page and "| runs | yes |" in page


def test_what_keras_does_not_run_either_does_not_count():
    ours, theirs = {"error": "KeyError", "records": []}, {"error": "KeyError", "records": []}
    assert report.counts([report.row("p", None, ours, theirs, None)]) == (0, 0, 0, 0)
    stopped = {"error": "stopped: more than 1 s", "records": []}  # as a slow machine would
    assert report.counts([report.row("p", None, ours, stopped, None)]) == (1, 0, 0, 0)
    ours["error"] = None
    assert report.counts([report.row("p", None, ours, theirs, None)]) == (1, 1, 0, 0)


@pytest.mark.slow
def test_a_program_is_stopped_by_its_cpu_time_and_not_by_the_clock(tmp_path):
    program = tmp_path / "endless.py"
    program.write_text("import time\ntime.sleep(10)\nwhile True:\n    pass\n")
    row = report.row("endless", None, run.run("minidl", program, 8, tmp_path), None, None)
    assert "8 s of CPU time" in row["error"]
    assert report.stopped(row)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "data"),
    [
        ("tensorflow", "tensorflow.data.Dataset.range(99).shuffle(99)"),
        ("torch", "torch.utils.data.DataLoader(range(99), shuffle=True)"),
    ],
)
def test_data_are_shuffled_in_one_way(package, data, tmp_path):
    pytest.importorskip(package)
    program = tmp_path / "shuffled.py"
    program.write_text(
        f"import {package}\ndata = {data}\nassert [int(x) for x in data] == [int(x) for x in data] != list(range(99))\n"
    )
    assert run.run("minidl", program, 120, tmp_path)["error"] is None


def test_every_recorded_number_must_be_finite():
    assert run.finite([("fit", {"loss": [1.0], "mae": [2.0]}), ("predict", {"finite": [1.0]})])
    assert not run.finite([("fit", {"loss": [1.0], "mae": [float("nan")]})])
    assert not run.finite([("predict", {"finite": [0.0]})])


def test_data_sets_of_files_are_read_in_the_order_of_the_files():
    made = worker.in_order(lambda folder, shuffle=True, **rest: (folder, shuffle, rest))
    assert made("here", shuffle=True, seed=1) == made("here", seed=1) == ("here", False, {"seed": 1})


def test_the_file_of_mnist_has_its_arrays(tmp_path):
    with np.load(files.provide("https://example.org/mnist.npz", tmp_path)) as data:
        assert {name: data[name].shape for name in ("x_train", "y_test")} == {
            "x_train": (60_000, 28, 28),
            "y_test": (10_000,),
        }


def test_losses_are_compared_in_order_and_number():
    ours = {"records": [("fit", {"loss": [1.0, 0.5]})]}
    assert run.equal(ours, {"records": [("fit", {"loss": [1.0, 0.5002]})]})
    assert not run.equal(ours, {"records": [("fit", {"loss": [0.5, 1.0]})]})
    assert not run.equal(ours, {"records": [("fit", {"loss": [1.0]})]})
    assert run.equal({"records": []}, {"records": []}) is None


def test_steps_are_cut_where_there_are_more():
    assert cuts.few([0] * 100, 10, None) == cuts.few(range(3), 1, 50) == cuts.STEPS
    assert cuts.few([0], 10, None) is None and cuts.few(iter([0]), 10, 1) == 1


@pytest.mark.parametrize(
    "text", ["from keras import datasets", "from keras.datasets import mnist", "K.clear_session()"]
)
def test_ordinary_programs_are_in_scope(text):
    assert programs.out_of_scope(text) is None
