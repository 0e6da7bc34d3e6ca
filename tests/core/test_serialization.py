"""Serialization: automatic names, lookup by name, and the JSON form of objects."""

import json

import pytest

import minidl
from minidl.core import dtypes
from minidl.core.naming import auto_name, public_module, reset_names, snake_case, unknown
from minidl.core.registry import registered
from minidl.core.serialization import deserialize, lookup, serialize

CLASS_NAMES = ["Dense", "BatchNormalization", "Conv2DTranspose", "LSTM", "RMSNormalization", "GRUCell", "ReLU"]
CLASS_NAMES += ["PReLU", "KerasTensor", "MyLayer2", "layer", "A", "AB", "Conv1D", "_Hidden", "Two_Words", "XCeption2D"]


class Plain:
    """A class of a user that can be saved."""

    def __init__(self, size=1, name=None):
        self.size = size

    def get_config(self):
        return {"size": self.size, "shape": (1, 2)}

    @classmethod
    def from_config(cls, config):
        return cls(config["size"])


class Loud(Plain):
    """Another one."""


def shout(x):
    return x.upper()


TABLE = {"plain": Plain, "Plain": Plain, "loud": Loud, "shout": shout}


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_automatic_names_are_those_of_keras(name):
    keras = pytest.importorskip("keras")
    made = type(name, (keras.layers.Layer,), {})
    keras.utils.clear_session(free_memory=False)
    reset_names()
    assert [auto_name(name) for _ in range(3)] == [made().name for _ in range(3)]


def test_automatic_names_are_counted_for_each_class():
    reset_names()
    found = [auto_name(name) for name in ("Dense", "Dense", "Dropout", "Dense", "dense")]
    assert found == ["dense", "dense_1", "dropout", "dense_2", "dense_3"]
    reset_names()
    assert auto_name("Dense") == "dense"
    assert snake_case("Conv2DTranspose") == "conv2d_transpose"


def test_unknown_suggests_similar_names():
    error = unknown("loss", "sparse_categorial_crossentropy", ["mse", "sparse_categorical_crossentropy"])
    assert isinstance(error, ValueError)
    assert str(error) == (
        "Unknown loss 'sparse_categorial_crossentropy'. Did you mean 'sparse_categorical_crossentropy'?"
    )
    assert str(unknown("loss", "zzz", ["b", "a"])) == "Unknown loss 'zzz'. Known: a, b."
    assert "'zzz'" in str(unknown("loss", "zzz", {"a": 1, 3: 2}))


def test_lookup():
    made = Plain()
    assert lookup(None, TABLE, "thing") is None
    assert lookup("shout", TABLE, "thing") is shout and lookup(shout, TABLE, "thing") is shout
    assert lookup("plain", TABLE, "thing") is Plain
    assert type(lookup("loud", TABLE, "thing", instance_of=Plain)) is Loud
    assert type(lookup(Loud, TABLE, "thing", instance_of=Plain)) is Loud
    assert lookup(made, TABLE, "thing", instance_of=Plain) is made
    assert lookup({"class_name": "Plain", "config": {"size": 4}}, TABLE, "thing").size == 4


@pytest.mark.parametrize("wrong", [3, ["plain"], object(), Plain()])
def test_lookup_refuses_other_types(wrong):
    with pytest.raises(TypeError, match="is not a thing: give a name, a function or an object"):
        lookup(wrong, TABLE, "thing")


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("plan", "Unknown thing 'plan'. Did you mean 'plain'"),
        ({"class_name": "Plian", "config": {}}, "Unknown thing 'Plian'. Did you mean 'Plain'"),
        ({"name": "plain"}, r"needs 'class_name' and 'config', got the keys \['name'\]"),
        ({"class_name": "function", "config": "shuot"}, "Unknown thing 'shuot'. Did you mean 'shout'"),
    ],
)
def test_unknown_names_and_configs(identifier, message):
    with pytest.raises(ValueError, match=message):
        lookup(identifier, TABLE, "thing")


def test_serialize_and_back():
    config = serialize(Loud(3))
    assert config == {
        "module": __name__,
        "class_name": "Loud",
        "config": {"size": 3, "shape": (1, 2)},
        "registered_name": "Loud",
    }
    again = deserialize(json.loads(json.dumps(config)), TABLE, "thing", {"Loud": Loud})
    assert type(again) is Loud and again.size == 3
    with pytest.raises(ValueError, match="'Loud' of 'tests.core.test_serialization', which is not part of minidl"):
        deserialize(config, {"Loud": Loud}, "thing")  # the table is for classes of minidl
    assert deserialize(None, TABLE, "thing") is None
    assert deserialize("shout", TABLE, "thing") is shout
    assert deserialize({"class_name": "function", "config": "shout"}, TABLE, "thing") is shout


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"class_name": "Dict", "config": {}},
            r"class dict cannot be loaded as a thing: it has no from_config",
        ),
        (
            {"class_name": "Plain", "config": [3]},
            r"The config of Plain must be a dict of its arguments, got \[3\]",
        ),
        (
            {"class_name": "function", "config": ["shout"]},
            r"The name of a thing in a config must be a string",
        ),
    ],
)
def test_configs_of_the_wrong_kind(config, message):
    with pytest.raises(TypeError, match=message):
        deserialize(config, {**TABLE, "Dict": dict}, "thing")


def test_a_registered_name_is_not_another_class():
    """A class of the caller's that is not registered is never replaced by one of minidl with the same name."""
    config = {"module": "keras.layers", "class_name": "Plain", "config": {"size": 2}, "registered_name": "mine>Plain"}
    with pytest.raises(ValueError, match="Unknown thing 'mine>Plain', which is not the 'Plain' of minidl: register it"):
        deserialize(config, TABLE, "thing")
    assert type(deserialize({**config, "registered_name": "Plain"}, TABLE, "thing")) is Plain
    assert type(deserialize(config, TABLE, "thing", {"mine>Plain": Loud})) is Loud


def test_registered_functions_in_files_of_keras_3_6():
    """They have the function's name where later ones have the registered name."""
    config = {"module": "builtins", "class_name": "function", "config": "whisper", "registered_name": "function"}
    with pytest.raises(ValueError, match="Unknown thing 'whisper'"):
        deserialize(config, TABLE, "thing")
    registered["mine>whisper"] = shout
    assert deserialize(config, TABLE, "thing") is shout
    del registered["mine>whisper"]


@pytest.mark.parametrize("value", [None, True, 3, 2.5, "text", [1, "a", None], (1, (2, 3)), {"a": {"b": [1.5]}}])
def test_plain_data_stays_itself(value):
    assert serialize(value) == value and type(serialize(value)) is type(value)


def test_serialize_looks_inside():
    given = {"layers": [Plain(1), Plain(2)], "fn": shout}
    assert [c["config"]["size"] for c in serialize(given)["layers"]] == [1, 2]
    assert serialize(given)["fn"]["config"] == serialize(given)["fn"]["registered_name"] == "shout"
    with pytest.raises(TypeError, match=r"object.* cannot be serialized: it has no get_config\(\)"):
        serialize({"value": object()})


def test_modules_are_those_that_keras_writes():
    keras = pytest.importorskip("keras")

    def objects(library):
        yield library.layers.Dense(1)
        yield library.Sequential(name="s")
        yield library.DTypePolicy("float32")
        yield library.initializers.Zeros()
        yield library.regularizers.L2()
        yield library.constraints.NonNeg()
        yield library.losses.MeanSquaredError()
        yield library.metrics.Mean()
        yield library.optimizers.SGD()
        yield library.random.SeedGenerator(1)

    for ours, theirs in zip(objects(minidl), objects(keras)):
        want = keras.saving.serialize_keras_object(theirs)
        got = serialize(ours)
        assert {k: got[k] for k in ("module", "class_name", "registered_name")} == {
            k: want[k] for k in ("module", "class_name", "registered_name")
        }
    assert public_module(Plain) == __name__ and public_module(dtypes.DTypePolicy) == "keras"
