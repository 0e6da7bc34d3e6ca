"""Whole models in the older HDF5 files: what comes back, in both libraries, and what is refused."""

import json
import warnings

import h5py
import numpy as np
import optax
import pytest

import minidl
from minidl import layers
from minidl.saving import LoadError
from minidl.saving.checksum import in_memory
from minidl.saving.hdf5 import H5Reader

X = np.random.default_rng(0).normal(size=(16, 5, 3)).astype("float32")
Y = np.random.default_rng(1).normal(size=(16, 2)).astype("float32")


def sequential(keras):
    return keras.Sequential(
        [
            keras.layers.Input((5, 3)),
            keras.layers.Normalization(name="scale"),
            keras.layers.LSTM(4, dropout=0.1),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2, kernel_regularizer="l2", name="out"),
        ],
        name="stack",
    )


def functional(keras):
    a = keras.layers.Input((5, 3), name="a")
    x = keras.layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0])(a)
    x = keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True))(x)
    shared = keras.layers.Dense(6, "relu", name="shared")
    x = keras.layers.Concatenate(axis=-1)([shared(x), x])
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.BatchNormalization(trainable=False)(x))
    return keras.Model(a, keras.layers.Dense(2, name="out")(x), name="graph")


def nested(keras):
    inner_input = keras.layers.Input((5, 3))
    x = keras.layers.BatchNormalization()(keras.layers.Normalization(name="scale")(inner_input))
    inner = keras.Model(inner_input, keras.layers.LSTM(4)(x), name="inner")
    stack = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, name="d")], name="stack")
    a = keras.layers.Input((5, 3), name="a")
    return keras.Model(a, keras.layers.Dense(2, name="out")(stack(inner(a))), name="outer")


def trained(keras, make):
    """A model of a library in which no weight is as it was made."""
    keras.utils.set_random_seed(0)
    model = make(keras)
    for layer in model.layers:
        for part in getattr(layer, "layers", [layer]):
            if part.name == "scale":
                part.adapt(X)
    model.compile(
        keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.005, 10, 0.5), momentum=0.9),
        keras.losses.MeanSquaredError(reduction="sum"),
        metrics=["mae", keras.metrics.MeanSquaredError(name="squared")],
        weighted_metrics=["mse"],
    )
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    return model


def assert_same_weights(one, other):
    for got, want in zip(other.get_weights(), one.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)


MODELS = [sequential, functional, nested]


@pytest.mark.slow
@pytest.mark.parametrize("make", MODELS)
def test_everything_comes_back(make, tmp_path):
    model = trained(minidl, make)
    model.save(tmp_path / "model.h5")
    again = minidl.models.load_model(tmp_path / "model.h5")
    assert_same_weights(model, again)
    assert again.get_config() == model.get_config()
    assert again.get_compile_config() == model.get_compile_config()
    for got, want in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(got, want)
    assert again.evaluate(X, Y, verbose=0, return_dict=True) == model.evaluate(X, Y, verbose=0, return_dict=True)
    other = make(minidl)
    other.load_weights(tmp_path / "model.h5")
    assert_same_weights(model, other)


@pytest.mark.parametrize("make", MODELS)
def test_live_files_of_minidl_in_keras(make, tmp_path):
    keras = pytest.importorskip("keras")
    model = trained(minidl, make)
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        assert set(file.attrs) == {"model_config", "training_config", "keras_version", "backend"}
        assert set(file) == {"model_weights", "optimizer_weights"}
    again = keras.models.load_model(tmp_path / "model.h5")
    assert_same_weights(model, again)
    assert type(again.optimizer).__name__ == "SGD" and again.loss.reduction == "sum"
    other = make(keras)
    other.load_weights(tmp_path / "model.h5")
    assert_same_weights(model, other)
    if make is not nested:  # a Normalization within a model does not use what it has loaded there
        np.testing.assert_allclose(other(X), model(X), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("make", MODELS)
def test_live_files_of_keras_in_minidl(make, tmp_path):
    keras = pytest.importorskip("keras")
    model = trained(keras, make)
    model.save(tmp_path / "model.h5")
    again = minidl.models.load_model(tmp_path / "model.h5")
    assert_same_weights(model, again)
    np.testing.assert_allclose(again(X), model(X), rtol=1e-4, atol=1e-6)
    for got, want in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(got, want)
    results = again.evaluate(X, Y, verbose=0, return_dict=True)
    for name, value in model.evaluate(X, Y, verbose=0, return_dict=True).items():
        np.testing.assert_allclose(results[name], value, rtol=1e-4)
    other = make(minidl)
    other.load_weights(tmp_path / "model.h5")
    assert_same_weights(model, other)


def test_lists_of_names_in_parts(tmp_path):
    keras = pytest.importorskip("keras")

    def make(library):
        names = [f"a_layer_with_a_name_that_is_rather_long_{i:04}" * 5 for i in range(300)]
        dense = [library.layers.Dense(1, use_bias=False, name=name) for name in names]
        inner = library.Sequential([library.layers.Input((1,)), *dense], name="inner")
        return library.Sequential([library.layers.Input((1,)), inner, library.layers.Dense(1)])

    model = make(minidl)
    model.save(tmp_path / "ours.h5")
    with h5py.File(tmp_path / "ours.h5") as file:
        assert "weight_names1" in file["model_weights/inner"].attrs
    theirs = make(keras)
    theirs.load_weights(tmp_path / "ours.h5")
    assert_same_weights(model, theirs)
    theirs.set_weights([weight + 1 for weight in theirs.get_weights()])
    theirs.save(tmp_path / "theirs.h5")
    assert_same_weights(theirs, minidl.models.load_model(tmp_path / "theirs.h5"))


# Users' own classes and functions


class Twice(layers.Layer):
    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(units)

    def call(self, x):
        return 2 * self.dense(x)


class Net(minidl.Model):
    """A subclass with a weight of its own."""

    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.twice = [Twice(units)]
        self.gain = self.add_weight((), "ones", name="gain")

    def call(self, x):
        return self.gain * self.twice[0](x)


def own_loss(y_true, y_pred):
    return (y_true - y_pred) ** 2


OWN = {"Twice": Twice, "Net": Net, "own_loss": own_loss}


def test_own_classes_and_functions(tmp_path):
    model = minidl.Sequential([layers.Input((3,)), Twice(2), Net(2)])
    model.compile("adam", own_loss, metrics=[own_loss])
    model.fit(X[:, 0], Y, verbose=0)
    model.save(tmp_path / "model.h5")
    again = minidl.models.load_model(tmp_path / "model.h5", custom_objects=OWN)
    assert_same_weights(model, again)
    assert again.loss is own_loss
    np.testing.assert_array_equal(again.predict(X[:, 0], verbose=0), model.predict(X[:, 0], verbose=0))
    with pytest.raises(LoadError, match="Unknown layer 'Twice'"):
        minidl.models.load_model(tmp_path / "model.h5")


def test_registered_names(tmp_path):
    minidl.saving.register_keras_serializable("tests")(Twice)
    try:
        model = minidl.Sequential([layers.Input((3,)), Twice(2)])
        model.save(tmp_path / "model.h5")
        assert_same_weights(model, minidl.models.load_model(tmp_path / "model.h5"))
    finally:
        minidl.saving.get_custom_objects().clear()


def test_subclass(tmp_path):
    model = Net(4)
    model(X[:, 0])
    model.gain.assign(3.0)
    model.save(tmp_path / "net.h5")
    again = minidl.models.load_model(tmp_path / "net.h5", OWN)
    assert_same_weights(model, again)
    np.testing.assert_array_equal(again(X[:, 0]), model(X[:, 0]))


def test_weights_of_one_path(tmp_path):
    class Pair(layers.Layer):
        def build(self, shape):
            self.one = self.add_weight((2,), "ones", name="w")
            self.two = self.add_weight((3,), "zeros", name="w")
            self.w = layers.Dense(1, name="w")
            self.w.build(shape)

        def call(self, x):
            return self.w(x)

    model = minidl.Sequential([layers.Input((3,)), Pair()])
    model.save(tmp_path / "model.h5")
    assert_same_weights(model, minidl.models.load_model(tmp_path / "model.h5", {"Pair": Pair}))


# How it was compiled


def small(units=3, optimizer="adam", **options):
    model = minidl.Sequential(
        [layers.Input((3,)), layers.Dense(units, "relu", name="first"), layers.Dense(2, name="last")], name="model"
    )
    model.compile(optimizer, "mse", **options)
    return model


def test_without_compiling_and_without_optimizer(tmp_path):
    model = small()
    model.save(tmp_path / "model.h5")
    assert not minidl.models.load_model(tmp_path / "model.h5", compile=False).compiled
    model.save(tmp_path / "plain.h5", include_optimizer=False)
    again = minidl.models.load_model(tmp_path / "plain.h5")
    assert not again.compiled
    assert_same_weights(model, again)
    with h5py.File(tmp_path / "plain.h5") as file:
        assert "optimizer_weights" not in file and "training_config" not in file.attrs
    model.compile(optax.adam(0.1), "mse")
    with pytest.warns(UserWarning, match="optax transformation, which a file cannot describe"):
        model.save(tmp_path / "model.h5")
    assert not minidl.models.load_model(tmp_path / "model.h5").compiled


def test_training_goes_on_where_it_was(tmp_path):
    model = small(metrics=["accuracy"], loss_weights=[0.5])
    model.fit(X[:, 0], Y, verbose=0)
    model.save(tmp_path / "model.hdf5")
    again = minidl.models.load_model(tmp_path / "model.hdf5")
    histories = [m.fit(X[:, 0], Y, shuffle=False, epochs=2, verbose=0).history for m in (model, again)]
    assert histories[0] == histories[1]
    assert_same_weights(model, again)


def test_optimizer_of_other_variables_starts_from_its_initial_state(tmp_path):
    model = small()
    model.fit(X[:, 0], Y, verbose=0)
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        config = json.loads(file.attrs["training_config"])
        file.attrs["training_config"] = json.dumps({**config, "optimizer_config": {"class_name": "SGD", "config": {}}})
    with pytest.warns(UserWarning, match="'sgd.*' was not loaded: it has 2 variables, the file has 10"):
        again = minidl.models.load_model(tmp_path / "model.h5")
    assert_same_weights(model, again)


# Weights alone


def test_by_name(tmp_path):
    model = small()
    model.save(tmp_path / "model.h5")
    other = minidl.Sequential(
        [
            layers.Input((3,)),
            layers.Dense(3, name="new"),
            layers.Dense(3, "relu", name="x"),
            layers.Dense(2, name="last"),
        ]
    )
    before = other.get_weights()
    with pytest.raises(LoadError, match=r"its 3 layers with weights are \['new', 'x', 'last'\], the file has 2"):
        other.load_weights(tmp_path / "model.h5")
    other.load_weights(tmp_path / "model.h5", by_name=True)
    for got, want in zip(other.get_weights(), [*before[:4], *model.get_weights()[2:]], strict=True):
        np.testing.assert_array_equal(got, want)


def test_all_that_does_not_fit_is_named_and_nothing_is_set(tmp_path):
    small(4).save(tmp_path / "model.h5")
    other = minidl.Sequential(
        [layers.Input((3,)), layers.Dense(5, name="first"), layers.Dense(2, use_bias=False, name="last")], name="model"
    )
    before = other.get_weights()
    for by_name in (False, True):
        with pytest.raises(LoadError) as caught:
            other.load_weights(tmp_path / "model.h5", by_name=by_name)
        message = str(caught.value)
        assert "model/first/kernel is float32(3, 5) in the model and float32(3, 4) in the file" in message
        assert "model/first/bias is float32(5,) in the model and float32(4,) in the file" in message
        assert "last/model/last/bias is in the file, not in the layer 'last', which has 1 weights" in message
        for got, want in zip(other.get_weights(), before, strict=True):
            np.testing.assert_array_equal(got, want)


def test_weights_that_do_not_fit_can_be_left_out(tmp_path):
    model = small(3)
    model.save(tmp_path / "model.h5")
    other = minidl.Sequential([layers.Input((3,)), layers.Dense(3, name="a"), layers.Dense(7, name="b")])
    before = other.get_weights()
    with pytest.warns(UserWarning, match=r"(?s)weights were skipped:.*b/kernel is float32\(3, 7\) in the model"):
        other.load_weights(tmp_path / "model.h5", skip_mismatch=True)
    for got, want in zip(other.get_weights(), [*model.get_weights()[:2], *before[2:]], strict=True):
        np.testing.assert_array_equal(got, want)


def test_parts_can_be_left_as_they_are(tmp_path):
    model, other = small(), small()
    model.save(tmp_path / "model.h5")
    before = other.get_weights()
    minidl.saving.load_weights(other, tmp_path / "model.h5", objects_to_skip=[other.layers[0]])
    for got, want in zip(other.get_weights(), [*before[:2], *model.get_weights()[2:]], strict=True):
        np.testing.assert_array_equal(got, want)


def test_weights_are_not_rounded_silently(tmp_path):
    small().save(tmp_path / "model.h5")
    half = minidl.Sequential(
        [layers.Input((3,)), layers.Dense(3, dtype="bfloat16"), layers.Dense(2, dtype="bfloat16")], name="half"
    )
    with pytest.warns(UserWarning, match="Weights were rounded: half/dense.*/kernel from float32 to bfloat16"):
        half.load_weights(tmp_path / "model.h5")
    half.save(tmp_path / "half.h5")
    assert_same_weights(half, minidl.models.load_model(tmp_path / "half.h5"))


def test_file_of_weights_alone(tmp_path):
    """As TensorFlow's Keras wrote with save_weights: the groups of layers stand at the root, names end in ":0"."""
    kernel, bias = np.ones((3, 2), "float32"), np.zeros(2, "float32")
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs["layer_names"] = np.array([b"input_1", b"dense"])
        file.create_group("input_1").attrs["weight_names"] = np.array([])
        group = file.create_group("dense")
        group.attrs["weight_names"] = np.array([b"dense/kernel:0", b"dense/bias:0"])
        group["dense/kernel:0"], group["dense/bias:0"] = kernel, bias
    model = minidl.Sequential([layers.Input((3,)), layers.Dense(2)])
    model.load_weights(tmp_path / "model.h5")
    np.testing.assert_array_equal(model.get_weights()[0], kernel)
    with pytest.raises(LoadError, match="it is not a whole model"):
        minidl.models.load_model(tmp_path / "model.h5")


def older(class_name, /, **config):
    return {"class_name": class_name, "config": config}


@pytest.mark.slow
def test_config_of_keras_2(tmp_path):
    """Shapes, axes, tuples and calls are written in other words there."""
    stack = older(
        "Sequential",
        name="stack",
        layers=[
            older("InputLayer", batch_input_shape=[None, 3], dtype="float32", sparse=False, ragged=False, name="in"),
            {**older("Dense", name="d", units=4, batch_input_shape=[None, 3])},
        ],
    )
    graph = older(
        "Functional",
        name="graph",
        layers=[
            {**older("InputLayer", batch_input_shape=[None, 3], name="a"), "name": "a", "inbound_nodes": []},
            {**stack, "name": "stack", "inbound_nodes": [[["a", 0, 0, {}]]]},
            {
                **older("BatchNormalization", name="n", axis=[1]),
                "name": "n",
                "inbound_nodes": [[["stack", 1, 0, {"training": False}]]],
            },
            {**older("Add", name="add"), "name": "add", "inbound_nodes": [[["stack", 1, 0, {}], ["n", 0, 0, {}]]]},
        ],
        input_layers=[["a", 0, 0]],
        output_layers=[["add", 0, 0]],
    )
    training = {
        "loss": "mse",
        "metrics": [["mae"]],
        "weighted_metrics": None,
        "loss_weights": None,
        "optimizer_config": older("Adam", name="Adam", learning_rate=0.01, decay=0.0, is_legacy_optimizer=False),
    }
    model = minidl.Sequential([layers.Input((3,)), layers.Dense(4), layers.BatchNormalization()])
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        file.attrs["model_config"] = json.dumps(graph)
        file.attrs["training_config"] = json.dumps(training)
    again = minidl.models.load_model(tmp_path / "model.h5")
    assert_same_weights(model, again)
    dense = model.layers[0](X[:, 0])
    np.testing.assert_allclose(again(X[:, 0]), dense + model.layers[1](dense), rtol=1e-6)
    assert float(again.optimizer.learning_rate) == np.float32(0.01)
    again.fit(X[:, 0], np.zeros((16, 4)), verbose=0)


# Paths and damage


def test_paths(tmp_path):
    model = small()
    with pytest.raises(ValueError, match=r"is the path of a weights file. Call save_weights"):
        model.save(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match="is a weights file, not a model"):
        minidl.models.load_model(tmp_path / "model.weights.h5")
    with pytest.raises(FileNotFoundError):
        minidl.models.load_model(tmp_path / "model.h5")
    with pytest.raises(ValueError, match="safe_mode must be True"):
        minidl.models.load_model(tmp_path / "model.h5", safe_mode=False)
    with pytest.warns(UserWarning, match="`save_format` is ignored"):
        model.save(tmp_path / "model.h5", save_format="h5")
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "model.h5", overwrite=False)
    with pytest.raises(ValueError, match="is not built"):
        minidl.Sequential([layers.Dense(1)]).load_weights(tmp_path / "model.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["model.h5"]


def test_files_of_layers_that_would_be_lost_are_named(tmp_path):
    class Words(layers.Layer):
        def call(self, x):
            return x

        def save_assets(self, folder):
            raise AssertionError("there is no place for them")

    with pytest.warns(UserWarning, match=r"cannot contain the assets of the layers \['words'\]"):
        minidl.Sequential([layers.Input((4,)), Words(name="words")]).save(tmp_path / "model.h5")


def test_weights_that_would_be_lost_are_named(tmp_path):
    class Holder:
        pass

    class Hidden(minidl.Model):
        @property
        def layers(self):
            return []

    model = Hidden()
    model.dense = layers.Dense(1)
    model.dense.build((None, 2))
    with pytest.raises(ValueError, match=r"no layer in `model.layers` has the weights \['.*kernel', '.*bias'\]"):
        model.save(tmp_path / "model.h5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("text", "text"),
        ("", ""),
        (np.bytes_(b"fixed"), "fixed"),
        (["a", "bcd"], ["a", "bcd"]),
        (np.array([b"a", b"bcd"]), ["a", "bcd"]),
        (np.array([]), []),
        (3, None),
        (np.array([[b"a"], [b"b"]]), None),
        (np.arange(3), None),
        ("ä" * 200_000, "ä" * 200_000),
    ],
)
def test_attributes(value, read, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("group").attrs["name"] = value
    assert H5Reader(in_memory((tmp_path / "a.h5").read_bytes())).attributes == {"": {}, "group": {"name": read}}


def test_texts_that_lie_over_one_another(tmp_path):
    """A small file cannot make a large list out of one long text."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["names"] = ["x" * 100_000, *["y"] * 1000]
    data = bytearray((tmp_path / "a.h5").read_bytes())
    long = (100_000).to_bytes(4, "little")
    at = data.index(long)
    for index in range(1, 1001):
        data[at + 16 * index : at + 16 * index + 16] = data[at : at + 16]
    with pytest.raises(LoadError, match="parts of it overlap"):
        H5Reader(in_memory(bytes(data)))


def test_no_warnings_in_a_round_trip(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small().save(tmp_path / "model.h5")
        minidl.models.load_model(tmp_path / "model.h5")
