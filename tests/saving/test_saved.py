"""Files between minidl and Keras, both ways: committed ones that Keras wrote, and live where it is installed."""

import zipfile

import numpy as np
import pytest

import minidl
from tests.saved import FOLDER, go_on, outputs_of, programs

PROGRAMS = programs()
FEW = ("convolution-conv_2d", "optimizer-adam")
COMMITTED = [pytest.param(name, marks=() if name in FEW else pytest.mark.slow) for name in PROGRAMS]


def close(got, want):
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * max(1e-3, np.max(np.abs(want), initial=0)))


@pytest.mark.parametrize("name", COMMITTED)
def test_file_of_keras_opens(name, tmp_path):
    with zipfile.ZipFile(FOLDER / "files.zip") as files:
        path = files.extract(f"{name}.keras", tmp_path)
    with np.load(FOLDER / "results.npz") as results:
        expected = {key.partition("/")[2]: results[key] for key in results.files if key.startswith(f"{name}/")}
    _, leaves, custom = PROGRAMS[name](minidl)
    model = minidl.models.load_model(path, custom)
    for i, output in enumerate(outputs_of(model, leaves)):
        close(output, expected.pop(f"output{i}"))
    if name.startswith("optimizer"):
        for i, value in enumerate(go_on(model)):
            close(value, expected.pop(f"later{i}"))
    assert not expected


@pytest.mark.slow
@pytest.mark.parametrize("writer", ["keras", "minidl"], ids="written_by_{}".format)
@pytest.mark.parametrize("name", PROGRAMS)
def test_live_round_trip_through_keras(name, writer, tmp_path):
    keras = pytest.importorskip("keras")
    if name.startswith("preprocessing"):
        pytest.importorskip("tensorflow", reason="Keras's own preprocessing layers need it")
    if name == "preprocessing-resizing_masks" and writer == "minidl":
        pytest.skip("in a graph, Keras's Resizing gives the image alone, so it cannot have the masks as an output")
    one, other = (keras, minidl) if writer == "keras" else (minidl, keras)
    model, leaves, _ = PROGRAMS[name](one)
    _, _, custom = PROGRAMS[name](other)
    path = tmp_path / "model.keras"
    model.save(path)
    again = other.models.load_model(path, custom)
    for got, want in zip(outputs_of(again, leaves), outputs_of(model, leaves), strict=True):
        close(got, want)
    if name.startswith("optimizer"):
        for got, want in zip(go_on(again), go_on(model), strict=True):
            close(got, want)
    weights = tmp_path / "model.weights.h5"
    model.save_weights(weights)
    again.set_weights([np.zeros_like(w) for w in again.get_weights()])
    again.load_weights(weights)
    for got, want in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)
