"""Networks of `applications`: files of weights both ways with Keras, arguments, errors.

Their layers, names and numbers are compared in references/applications.py.
"""

import json

import h5py
import numpy as np
import pytest

import minidl
from minidl import applications, layers
from minidl.utils import download
from tests.references.applications import RUN, settle

IMAGE = np.random.default_rng(0).uniform(-1, 1, size=(1, 71, 71, 3)).astype("float32")


@pytest.mark.slow
@pytest.mark.parametrize("module", RUN)
def test_files_of_weights_are_exchanged_with_keras(module, tmp_path):
    keras = pytest.importorskip("keras")
    function, edge, arguments = RUN[module]
    arguments = {"input_shape": (edge, edge, 3), **arguments}
    theirs = getattr(keras.applications, function)(weights=None, **arguments)
    settle(theirs)
    x = IMAGE[:, :edge, :edge]
    want = theirs.predict(x, verbose=0)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours = getattr(applications, function)(weights=str(tmp_path / "theirs.weights.h5"), **arguments)
    np.testing.assert_allclose(ours.predict(x, verbose=0), want, rtol=1e-4, atol=1e-5 * abs(want).max())
    assert ours.count_params() == theirs.count_params()
    ours.save(tmp_path / "ours.keras")
    again = keras.models.load_model(tmp_path / "ours.keras")
    for one, other in zip(again.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "VGG19",
        "ResNet101",
        "ResNet152",
        "ResNet101V2",
        "ResNet152V2",
        "EfficientNetB3",
        "EfficientNetB7",
        "MobileNetV2",
    ],
)
def test_siblings_are_those_of_keras(name):
    keras = pytest.importorskip("keras")
    for library in (minidl, keras):
        library.utils.clear_session(free_memory=False)  # which counts automatic names from the beginning
    ours, theirs = (
        getattr(library.applications, name)(weights=None, include_top=False, pooling="avg")
        for library in (minidl, keras)
    )
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert [(w.path, tuple(w.shape)) for w in ours.weights] == [(w.path, tuple(w.shape)) for w in theirs.weights]
    assert (ours.name, ours.output_shape) == (theirs.name, theirs.output_shape)


def without_network(folder, monkeypatch):
    def fetch(url, file):
        raise download.DownloadError("no network")

    monkeypatch.setattr(download, "fetch", fetch)
    monkeypatch.setenv("KERAS_HOME", str(folder))


@pytest.mark.slow
def test_weights_of_imagenet_are_taken_from_where_keras_keeps_them(tmp_path, monkeypatch):
    without_network(tmp_path, monkeypatch)
    with pytest.raises(
        OSError, match=r"Without a network, put that file at .*models/mobilenet_v2_weights_tf_.*_96_no_top"
    ):
        applications.MobileNetV2(alpha=0.35, input_shape=(96, 96, 3), include_top=False)
    network = applications.MobileNetV2(alpha=0.35, input_shape=(96, 96, 3), include_top=False, weights=None)
    folder = tmp_path / "models"
    with h5py.File(folder / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5", "w") as file:
        file.attrs["layer_names"] = [layer.name for layer in network.layers]
        for layer in network.layers:  # the format of these files: a group for each layer, one data set for each weight
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [f"{layer.name}/{i}:0" for i in range(len(layer.weights))]
            for i, weight in enumerate(layer.get_weights()):
                group[f"{layer.name}/{i}:0"] = weight
    again = applications.MobileNetV2(alpha=0.35, input_shape=(96, 96, 3), include_top=False)
    for one, other in zip(again.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_any_size_without_the_classifier():
    network = applications.MobileNetV2(alpha=0.35, include_top=False, weights=None)
    assert network.input_shape == (None, None, None, 3) and network.name == "mobilenetv2_0.35_None"
    assert network(IMAGE[:, :40, :64]).shape == (1, 1, 2, 1280)  # unknown sizes are padded as even ones: 5 gives 2


@pytest.mark.slow
def test_an_input_tensor_from_the_middle_of_a_graph():
    image = layers.Input((40, 40, 1))
    network = applications.MobileNet(
        alpha=0.25, include_top=False, weights=None, pooling="max", input_tensor=layers.Concatenate()([image] * 3)
    )
    assert network.input_shape == (None, 40, 40, 1) and network.layers[1].name.startswith("concatenate")
    assert network(IMAGE[:, :40, :40, :1]).shape == (1, 256)


@pytest.mark.slow
def test_fine_tuning():
    base = applications.MobileNetV2(alpha=0.35, input_shape=(32, 32, 3), include_top=False, weights=None)
    base.trainable = False
    inputs = minidl.Input((32, 32, 3))
    x = applications.mobilenet_v2.preprocess_input(inputs)
    x = layers.GlobalAveragePooling2D()(base(x, training=False))
    model = minidl.Model(inputs, layers.Dense(1)(x))
    model.compile("adam", "mse")
    before = base.get_weights()
    model.fit(IMAGE[:, :32, :32], np.ones((1, 1)), verbose=0)
    assert len(model.trainable_weights) == 2
    for one, other in zip(base.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_decode_predictions(tmp_path, monkeypatch):
    without_network(tmp_path, monkeypatch)
    predictions = np.zeros((2, 1000))
    predictions[0, 3], predictions[0, 7], predictions[1, 999] = 0.25, 0.75, 1.0
    with pytest.raises(OSError, match="Without a network, put that file at .*models/imagenet_class_index.json"):
        applications.vgg16.decode_predictions(predictions)
    names = {str(i): [f"n{i}", f"class {i}"] for i in range(1000)}
    (tmp_path / "models" / "imagenet_class_index.json").write_text(json.dumps(names))
    decoded = applications.vgg16.decode_predictions(predictions, top=2)
    assert decoded[0] == [("n7", "class 7", 0.75), ("n3", "class 3", 0.25)] and decoded[1][0][0] == "n999"
    with pytest.raises(ValueError, match=r"\(batch, 1000\)"):
        applications.imagenet_utils.decode_predictions(np.zeros((2, 10)))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"weights": "nowhere.h5"}, "'nowhere.h5' is not a file"),
        ({"classes": 10}, "1000 classes, got classes=10"),
        ({"weights": None, "input_shape": (31, 40, 3)}, "at least 32 x 32"),
        ({"weights": None, "input_shape": (40, 40)}, "three sizes"),
        ({"weights": None, "input_shape": (None, None, 3)}, "known size"),
        ({"weights": None, "pooling": "mean"}, "'mean'"),
        ({"weights": None, "input_tensor": IMAGE}, "symbolic tensor"),
        ({"input_shape": (100, 100, 3)}, "224 x 224"),
        ({"input_shape": (224, 224, 1), "include_top": False}, "3 channels"),
    ],
)
def test_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        applications.VGG16(**arguments)


@pytest.mark.slow
def test_refused_activation(tmp_path):
    file = tmp_path / "some.h5"
    file.touch()
    with pytest.raises(ValueError, match="'softmax' or None with given weights"):
        applications.MobileNetV2(alpha=0.35, weights=str(file), classifier_activation="relu")


def test_unknown_mode():
    with pytest.raises(ValueError, match="'keras'"):
        applications.imagenet_utils.preprocess_input(IMAGE, mode="keras")


def test_pixels_are_not_overwritten():
    x = IMAGE.copy()
    applications.vgg16.preprocess_input(x)
    np.testing.assert_array_equal(x, IMAGE)
