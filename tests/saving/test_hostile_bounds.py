"""What a file asks for is bounded by its size, and what it names must be of the kind of its place."""

import json
import zipfile

import numpy as np
import pytest

import minidl
from minidl import layers, saving
from minidl.saving import LoadError
from tests.hostile import bounds, kinds
from tests.saving.test_hostile import guarded

made = []  # what was made or called of the classes and functions below


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bounds")
    bounds.make_all(folder)
    return guarded(folder)


@pytest.mark.slow
def test_small_files_take_little_time_and_memory(results):
    assert len(results) == len(bounds.CONFIGS) + len(bounds.TEXTS) + len(bounds.OLDER_CALLS)
    assert not {name: result for name, result in results.items() if not result[0].startswith("LoadError: ")}
    assert not {name: result for name, result in results.items() if result[1] > bounds.MOST_COST}
    assert not {name: result for name, result in results.items() if result[2] > bounds.MOST_MEGABYTES}


@pytest.mark.slow
def test_messages_are_short_and_older_calls_are_checked(results):
    assert max(len(result[0]) for result in results.values()) < 11_000
    older = [result[0] for name, result in results.items() if name.startswith("older calls")]
    assert older and not [text for text in older if "IndexError" in text or "KeyError" in text]


@pytest.mark.slow
def test_what_a_program_makes_itself_is_not_counted():
    model = minidl.Sequential([layers.Input((3,)), *(layers.Activation("relu") for _ in range(700))])
    assert len(minidl.Sequential.from_config(model.get_config()).layers) == 700
    assert len(minidl.metrics.AUC(num_thresholds=600_000).thresholds) == 600_000


@pytest.mark.slow
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_large_model_is_read(compression, tmp_path):
    model = minidl.Sequential([layers.Input((3,)), *(layers.Dense(3, activation="relu") for _ in range(150))])
    model.compile("adam", "mse", metrics=["mae"])
    model.save(tmp_path / "model.keras")
    with (
        zipfile.ZipFile(tmp_path / "model.keras") as old,
        zipfile.ZipFile(tmp_path / "new.keras", "w", compression) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    loaded = saving.load_model(tmp_path / "new.keras")
    for one, other in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


# What may be where


class Anything:
    """Of no kind."""

    def __init__(self, **config):
        made.append(self)

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class OwnLayer(layers.Layer):
    def __init__(self, **config):
        made.append(self)
        super().__init__(**config)


class OwnLoss(minidl.losses.Loss):
    def __init__(self, **config):
        made.append(self)
        super().__init__(**config)


class OwnOptimizer(minidl.optimizers.SGD):
    def __init__(self, **config):
        made.append(self)
        super().__init__(**config)


class OwnInitializer:
    """Of no kind, but it can be called."""

    def __call__(self, shape, dtype=None):
        return minidl.ops.ones(shape, dtype)

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls()


def function(*args, **kwargs):
    made.append(args)
    return args[0]


OWN = {value.__name__: value for value in (Anything, OwnLayer, OwnLoss, OwnOptimizer, OwnInitializer, function)}


def _named(name):
    if name == "function":
        return {"module": "mine", "class_name": "function", "config": name, "registered_name": name}
    return {"module": "mine", "class_name": name, "config": {}, "registered_name": name}


def _with(place, value):
    if place == "layer":
        return kinds.sequential(value)
    if place in ("optimizer", "loss", "metric"):
        parts = {"optimizer": "sgd", "loss": "mse", "metrics": None}
        parts["metrics" if place == "metric" else place] = [value] if place == "metric" else value
        return kinds.sequential(kinds.DENSE, compile_config=parts)
    return kinds.sequential({**kinds.DENSE, "config": {**kinds.DENSE["config"], place: value}})


WRONG = {
    "layer": ["Anything", "OwnLoss", "OwnOptimizer", "OwnInitializer", "function"],
    "optimizer": ["Anything", "OwnLayer", "OwnLoss", "OwnInitializer", "function"],
    "loss": ["Anything", "OwnLayer", "OwnOptimizer"],
    "metric": ["Anything", "OwnLayer", "OwnOptimizer"],
    "kernel_initializer": ["Anything", "OwnLayer", "OwnLoss", "OwnOptimizer"],
    "kernel_regularizer": ["Anything", "OwnLayer", "OwnLoss", "OwnOptimizer"],
    "kernel_constraint": ["Anything", "OwnLayer", "OwnLoss", "OwnOptimizer"],
    "activation": ["Anything", "OwnLoss", "OwnOptimizer"],
}


@pytest.mark.parametrize("place, name", [(place, name) for place, names in WRONG.items() for name in names])
@pytest.mark.parametrize("form", ["config", "name"])
def test_objects_of_another_kind_are_neither_created_nor_called(place, name, form, tmp_path):
    made.clear()
    kinds.archive(tmp_path / "a.keras", _with(place, _named(name) if form == "config" else name))
    with pytest.raises(LoadError):
        saving.load_model(tmp_path / "a.keras", custom_objects=OWN)
    assert not made


def test_a_function_is_not_called_as_a_layer_of_a_graph(tmp_path):
    made.clear()
    call = {**_named("function"), "name": "a", "inbound_nodes": [bounds.call("in")]}
    kinds.archive(tmp_path / "a.keras", bounds.functional("m", [call], ["a", 0, 0]))
    with pytest.raises(LoadError, match="layer"):
        saving.load_model(tmp_path / "a.keras", custom_objects=OWN)
    assert not made


@pytest.mark.parametrize("class_name, module", [("Adam", "keras.optimizers"), ("Zeros", "keras.initializers")])
def test_own_classes_of_another_kind_are_refused(class_name, module):
    wrong = {"module": module, "class_name": class_name, "config": {}, "registered_name": None}
    with pytest.raises(LoadError, match=f"{class_name}.*not a layer"):
        minidl.models.model_from_json(json.dumps(kinds.sequential(wrong)))


def test_callable_classes_and_functions_stay_allowed():
    config = kinds.sequential(
        {**kinds.DENSE, "config": {"name": "a", "units": 2, "kernel_initializer": _named("OwnInitializer")}},
        {**kinds.DENSE, "config": {"name": "b", "units": 2, "activation": _named("OwnLayer")}},
        compile_config={
            "optimizer": _named("OwnOptimizer"),
            "loss": _named("function"),
            "metrics": [_named("OwnLoss")],
        },
    )
    model = minidl.models.model_from_json(json.dumps(config), custom_objects=OWN)
    np.testing.assert_array_equal(model.layers[0].kernel, np.ones((3, 2)))
    assert isinstance(model.layers[1].activation, OwnLayer) and isinstance(model.optimizer, OwnOptimizer)
