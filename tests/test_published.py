"""The script that runs published programs, on small programs made here: what runs, what does not, and why."""

import json

import numpy as np
import pytest

from tests.published import __main__ as script
from tests.published import cuts, downloads, files, programs, report, run, tfds, weights, worker

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
import os
folder = os.path.expanduser("~/.keras/datasets")
text = keras.utils.get_file("nietzsche.txt", "https://example.org/nietzsche.txt")
assert text == os.path.join(folder, "nietzsche.txt")
pairs = keras.utils.get_file("spa-eng.zip", "https://example.org/spa-eng.zip", extract=True)
assert pairs == os.path.join(folder, "spa-eng_extracted") and os.path.exists(folder + "/spa-eng/spa.txt")
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
    assert "another package" in results[0]["outside"]["scope"] and results[0]["outside"]["minidl"] is None


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
    ("given", "asked", "size", "steps"),
    [(None, None, 32, 2), (50, None, 50, 2), (None, 100, 10, 2), (600, None, 600, 2), (None, 1, 1000, 1)],
)
def test_batches_of_arrays_keep_their_size_where_steps_are_cut(given, asked, size, steps):
    arguments = {"x": np.zeros((1000, 3)), "batch_size": given, "steps": asked}
    cuts.cut_steps(arguments)
    assert arguments["batch_size"] == size and arguments["steps"] in (steps, None)


def test_batches_of_a_data_set_keep_their_size():
    arguments = {"x": iter([np.zeros((8, 3))]), "batch_size": None, "steps": None}
    cuts.cut_steps(arguments)
    assert arguments["batch_size"] is None and arguments["steps"] == cuts.STEPS


def test_validation_takes_the_batch_size_of_the_fit():
    arguments = dict.fromkeys(["batch_size", "steps_per_epoch", "validation_batch_size", "validation_steps"])
    arguments |= {"x": [np.zeros((1000, 3))], "validation_data": (np.zeros((500, 3)), np.zeros(500)), "epochs": 9}
    for given, expected in ((7, 7), (None, 32)):
        called = arguments | {"initial_epoch": 0, "batch_size": given}
        cuts.cut_fit(called)
        assert called["validation_batch_size"] == called["batch_size"] == expected


@pytest.mark.parametrize(
    "text", ["from keras import datasets", "from keras.datasets import mnist", "K.clear_session()"]
)
def test_ordinary_programs_are_in_scope(text):
    assert programs.out_of_scope(text) is None


@pytest.mark.parametrize(
    ("split", "rows"),
    [
        ("train", range(400)),
        ("train[:40%]", range(160)),
        ("train[40%:50%]", range(160, 200)),
        ("train[:54000]", range(360)),  # of 60,000
        ("train[54000:]", range(360, 400)),
        ("train[-10%:]", range(360, 400)),
    ],
)
def test_parts_of_a_split_are_scaled_to_the_rows_that_are_made(split, rows):
    assert tfds.indices(split, {"train": 60_000, "test": 100}) == [("train", row) for row in rows]


def test_splits_are_added():
    sizes = {"train": 3, "test": 2}
    expected = [("train", 0), ("train", 1), ("train", 2), ("test", 0), ("test", 1)]
    assert tfds.indices("train+test", sizes) == tfds.indices("all", sizes) == expected


def test_data_sets_of_tensorflow_have_their_features():
    pytest.importorskip("tensorflow")
    (train, test), info = tfds.load("horses_or_humans", ["train", "test[:10]"], as_supervised=True, with_info=True)
    assert (len(train), len(test)) == (400, 10)
    image, label = next(tfds.as_numpy(test))
    assert image.shape == info.features["image"].shape == (300, 300, 3) and image.dtype == np.uint8
    assert 0 <= label < info.features["label"].num_classes == 2
    batch = tfds.load("oxford_iiit_pet", "train", batch_size=-1)
    assert batch["segmentation_mask"].shape == (400, 120, 100, 1)
    with pytest.raises(LookupError, match="no synthetic data set nothing"):
        tfds.load("nothing")


def test_files_of_weights_name_their_model():
    names = [
        "MobileNet",
        "MobileNetV2",
        "ResNet50",
        "ResNet50V2",
        "EfficientNetB0",
        "EfficientNetV2B0",
        "VGG16",
        "vgg16",
    ]
    files_of = {
        "MobileNet": "mobilenet_1_0_224_tf_no_top.h5",
        "MobileNetV2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
        "ResNet50": "resnet50_weights_tf_dim_ordering_tf_kernels.h5",
        "ResNet50V2": "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "EfficientNetV2B0": "efficientnetv2-b0_notop.h5",
        "VGG16": "vgg16_weights_tf_dim_ordering_tf_kernels.h5",
    }
    assert {name: weights.application(file, names) for name, file in files_of.items()} == {n: n for n in files_of}


def test_commands_of_the_reader_come_first():
    done = []
    downloads.by_hand("data_path = 'fra-eng/fra.txt'", done.append)
    downloads.by_hand("nothing", done.append)
    assert done == ["wget http://www.manythings.org/anki/fra-eng.zip; unzip fra-eng.zip -d fra-eng"]
