"""Functions without a name: known to configs of this process, and given by who loads a file."""

import copy
import json
import warnings

import numpy as np
import pytest

import minidl
from minidl import layers
from minidl.saving import LoadError, deserialize_keras_object, serialize_keras_object

X = np.array([[1.0, 2.0, 3.0]], "float32")


def tripled():
    three = object()  # no file could hold what the function closes over
    return minidl.Sequential([layers.Input((3,)), layers.Lambda(lambda x: 3 * x if three else x, name="three")])


def of_json(value):
    """As it comes back from a file."""
    return json.loads(json.dumps(value))


def test_configs_of_this_process_know_the_function():
    model = tripled()
    for again in (
        minidl.models.clone_model(model),
        minidl.Sequential.from_config(model.get_config()),
        minidl.Sequential.from_config(copy.deepcopy(model.get_config())),
        deserialize_keras_object(serialize_keras_object(model)),
    ):
        np.testing.assert_array_equal(again(X), 3 * X)
        assert again.layers[0].name == "three" and again.layers[0] is not model.layers[0]


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "folder"])
def test_a_file_is_written_and_loaded_with_the_function(name, tmp_path):
    zipped = False if name == "folder" else None
    with pytest.warns(
        UserWarning, match=rf"not in '.*{name}', which holds no code.*custom_objects=\{{'three': \.\.\.\}}"
    ):
        tripled().save(tmp_path / name, zipped=zipped)
    with pytest.raises(LoadError, match=r"function without a name.*custom_objects=\{'three': \.\.\.\}"):
        minidl.models.load_model(tmp_path / name)
    again = minidl.models.load_model(tmp_path / name, custom_objects={"three": lambda x: 4 * x})
    np.testing.assert_array_equal(again(X), 4 * X)


def test_a_checkpoint_of_such_a_model_is_written(tmp_path):
    inputs = layers.Input((3,))
    model = minidl.Model(inputs, layers.Dense(1)(layers.Lambda(lambda x: x + 1)(inputs)))
    model.compile("sgd", lambda y, p: (y - p) ** 2)
    with pytest.warns(
        UserWarning, match=r"\{'<lambda>': \.\.\., 'lambda': \.\.\.\}|\{'<lambda>': \.\.\., 'lambda_\d+': "
    ):
        model.fit(X, X[:, :1], verbose=0, callbacks=[minidl.callbacks.ModelCheckpoint(tmp_path / "best.keras")])
    assert (tmp_path / "best.keras").exists()


def test_named_functions_give_no_warning(tmp_path):
    def double(x):
        return 2 * x

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        minidl.Sequential([layers.Input((3,)), layers.Lambda(double)]).save(tmp_path / "model.keras")


def test_all_functions_of_a_layer_have_names_to_be_given_by():
    layer = layers.Lambda(lambda x: x[:, :1], output_shape=lambda s: (s[0], 1), mask=lambda x, mask: mask, name="first")
    config = of_json(layer.get_config())
    given = {"first": lambda x: x, "first/output_shape": lambda s: s, "first/mask": lambda x, mask: mask}
    for missing in given:
        with minidl.saving.custom_object_scope({key: value for key, value in given.items() if key != missing}):
            with pytest.raises(ValueError, match=f"function without a name.*'{missing}'"):
                layers.Lambda.from_config(config)
    with minidl.saving.custom_object_scope(given):
        np.testing.assert_array_equal(layers.Lambda.from_config(config)(X), X)
    np.testing.assert_array_equal(layers.Lambda.from_config(config, given, safe_mode=False)(X), X)


def test_other_places():
    dense = layers.Dense(1, activation=lambda x: x + 1, kernel_initializer="zeros")
    np.testing.assert_array_equal(layers.Dense.from_config(dense.get_config())(X), [[1.0]])
    config = of_json(dense.get_config())
    with pytest.raises(ValueError, match=r"activation is a function without a name.*custom_objects=\{'<lambda>'"):
        layers.Dense.from_config(config)
    with minidl.saving.custom_object_scope({"<lambda>": lambda x: x + 2}):
        np.testing.assert_array_equal(layers.Dense.from_config(config)(X), [[2.0]])


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_code_in_files_of_keras_is_replaced(name, tmp_path):
    keras = pytest.importorskip("keras")
    keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: 3 * x, name="three")]).save(tmp_path / name)
    with pytest.raises(LoadError, match=r"as code, which is never run.*custom_objects=\{'three': \.\.\.\}"):
        minidl.models.load_model(tmp_path / name)
    again = minidl.models.load_model(tmp_path / name, custom_objects={"three": lambda x: 4 * x})
    np.testing.assert_array_equal(again(X), 4 * X)
