"""Models in files: what comes back, what is refused, and that refusing changes nothing."""

import json
import os
import pathlib
import warnings
import zipfile

import jax
import numpy as np
import optax
import pytest

import minidl
from minidl import layers, losses, metrics
from minidl.saving import LoadError
from minidl.saving.checksum import in_memory
from minidl.saving.hdf5 import H5Reader, to_bytes

X = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(20, 1)).astype("float32")


def small(units=3, optimizer="adam", name="model"):
    model = minidl.Sequential(
        [layers.Input((4,)), layers.Dense(units, "relu", name="first"), layers.Dense(1, name="last")], name=name
    )
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def double(x):
    return 2 * x


def classes(keras):
    """A layer and a model as users of either library write them."""

    class Block(keras.layers.Layer):
        """A layer with others in lists and dicts, a property, and a weight of its own."""

        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.stack = [keras.layers.Dense(units), [keras.layers.Dense(units), keras.layers.BatchNormalization()]]
            self.named = {"b": keras.layers.Dense(units), "a": keras.layers.LayerNormalization()}

        @property
        def above(self):
            return self.stack[0]

        def build(self, input_shape):
            self.gain = self.add_weight((self.units,), "ones", name="gain")

        def call(self, x):
            x = self.named["a"](self.named["b"](self.above(x)))
            return self.gain * self.stack[1][1](self.stack[1][0](x))

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    class Net(keras.Model):
        """A subclass whose attributes stand before and after "layers" in the alphabet."""

        def __init__(self, units=3, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.block = Block(units)
            self.out = keras.layers.Dense(1)

        def call(self, x):
            return self.out(self.block(x))

    return {"Block": Block, "Net": Net}


Net = classes(minidl)["Net"]


class Own(layers.Layer):
    """A layer that stores in a way of its own."""

    def build(self, input_shape):
        self.table = self.add_weight((2, 2), name="table")

    def call(self, x):
        return x + self.table.value.sum()

    def save_own_variables(self, store):
        store["table"] = self.table.numpy().T

    def load_own_variables(self, store):
        self.table.assign(np.asarray(store["table"]).T)


@pytest.mark.slow
def test_everything_comes_back(tmp_path):
    model = small()
    model.fit(X, Y, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = minidl.models.load_model(tmp_path / "model.keras")
    for got, want in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)
    for got, want in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(got, want)
    assert again.evaluate(X, Y, verbose=0, return_dict=True) == model.evaluate(X, Y, verbose=0, return_dict=True)
    again.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    model.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    assert again.get_config() == model.get_config()


def test_without_compiling(tmp_path):
    model = small()
    model.save(tmp_path / "model.keras")
    again = minidl.saving.load_model(tmp_path / "model.keras", compile=False)
    assert not again.compiled and again.optimizer is None
    np.testing.assert_array_equal(again(X), model(X))


def test_subclass_and_its_containers(tmp_path):
    own = classes(minidl)
    model = own["Net"](5)
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "net.keras")
    again = minidl.models.load_model(tmp_path / "net.keras", custom_objects=own)
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    with pytest.raises(LoadError, match="'Net' of 'tests.saving.test_saving', which is not part of minidl"):
        minidl.models.load_model(tmp_path / "net.keras")


@pytest.mark.parametrize("writer", ["keras", "minidl"])
def test_live_subclass_in_files_of_keras(writer, tmp_path):
    keras = pytest.importorskip("keras")
    libraries = (keras, minidl) if writer == "keras" else (minidl, keras)
    one, other = (classes(library)["Net"]() for library in libraries)
    one(X)
    other(X)
    one.set_weights([np.full(w.shape, i + 0.5, w.dtype) for i, w in enumerate(one.get_weights())])
    one.save_weights(tmp_path / "net.weights.h5")
    other.load_weights(tmp_path / "net.weights.h5")
    np.testing.assert_allclose(other(X), one(X), rtol=1e-5)
    one.save(tmp_path / "net.keras")
    again = libraries[1].models.load_model(tmp_path / "net.keras", custom_objects=classes(libraries[1]))
    np.testing.assert_allclose(again(X), one(X), rtol=1e-5)


def test_own_way_to_store(tmp_path):
    model = minidl.Sequential([layers.Input((2,)), Own()])
    model.save(tmp_path / "own.keras")
    again = minidl.models.load_model(tmp_path / "own.keras", {"Own": Own})
    np.testing.assert_array_equal(again.layers[0].table, model.layers[0].table)


class Lookup(layers.Layer):
    """A layer with a file of its own."""

    def __init__(self, words=(), **kwargs):
        super().__init__(**kwargs)
        self.words = list(words)

    def call(self, x):
        return x * len(self.words)

    def get_config(self):
        return layers.Layer.get_config(self)

    def save_assets(self, folder):
        os.mkdir(os.path.join(folder, "text"))
        pathlib.Path(folder, "text", "words.txt").write_text("\n".join(self.words))

    def load_assets(self, folder):
        self.words = pathlib.Path(folder, "text", "words.txt").read_text().split("\n")


def with_words():
    inner = minidl.Sequential([layers.Input((4,)), Lookup(["a", "b"]), layers.Dense(2)])
    return minidl.Sequential([layers.Input((4,)), Lookup(["c"]), inner])


def test_files_of_layers(tmp_path):
    model = with_words()
    model.save(tmp_path / "model.keras")
    again = minidl.models.load_model(tmp_path / "model.keras", {"Lookup": Lookup})
    assert again.layers[0].words == ["c"] and again.layers[1].layers[0].words == ["a", "b"]
    np.testing.assert_array_equal(again(X), model(X))
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert [name for name in archive.namelist() if name.startswith("assets")] == [
            "assets/layers/lookup/text/words.txt",
            "assets/layers/sequential/layers/lookup/text/words.txt",
        ]
    model.save_weights(tmp_path / "model.weights.h5")  # weights alone
    model.load_weights(tmp_path / "model.keras")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("assets/layers/dense/a", "no layer with load_assets"),
        ("assets/layers/lookup/../../../a", "not a valid path of a file in assets"),
        ("assets//layers/lookup/a", "not a valid path of a file in assets"),
        ("assets/layers/lookup\\..\\a", "not a valid path of a file in assets"),
        ("assets/layers/lookup/text/words.txt", "once each"),
        ("assets/layers/lookup/text/words.txt/a", "could not be loaded"),
    ],
)
def test_files_that_belong_to_no_layer(name, message, tmp_path):
    with_words().save(tmp_path / "model.keras")
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "model.keras", "a") as archive:
        warnings.simplefilter("ignore")  # of the duplicate
        archive.writestr(name, b"text")
    with pytest.raises(LoadError, match=message):
        minidl.models.load_model(tmp_path / "model.keras", {"Lookup": Lookup})


@pytest.mark.parametrize("writer", ["keras", "minidl"])
def test_live_files_of_layers_through_keras(writer, tmp_path):
    keras = pytest.importorskip("keras")

    def made(library):
        class Lookup(library.layers.Layer):
            def __init__(self, words="", **kwargs):
                super().__init__(**kwargs)
                self.words = words

            def call(self, x):
                return x

            def get_config(self):
                return library.layers.Layer.get_config(self)

            def save_assets(self, folder):
                pathlib.Path(folder, "words.txt").write_text(self.words)

            def load_assets(self, folder):
                self.words = pathlib.Path(folder, "words.txt").read_text()

        return Lookup

    one, other = (keras, minidl) if writer == "keras" else (minidl, keras)
    model = one.Sequential([one.layers.Input((4,)), one.layers.Dense(2), made(one)("a b")])
    model.save(tmp_path / "model.keras")
    again = other.models.load_model(tmp_path / "model.keras", custom_objects={"Lookup": made(other)})
    assert again.layers[-1].words == "a b"


class TwoLosses(minidl.Model):
    """A model that is compiled in a way of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    def compile(self, optimizer, loss, second):
        super().compile(optimizer=optimizer, loss=loss)
        self.second = second

    def get_compile_config(self):
        return {"optimizer": self.optimizer, "loss": "mse", "second": self.second}

    def compile_from_config(self, config):
        read = minidl.utils.deserialize_keras_object
        self.compile(read(config["optimizer"]), config["loss"], read(config["second"]))


def test_objects_in_an_own_compile_config(tmp_path):
    model = TwoLosses()
    model.compile(minidl.optimizers.Adam(0.25), "mse", minidl.losses.Huber(2.0))
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "model.keras")
    again = minidl.models.load_model(tmp_path / "model.keras", {"TwoLosses": TwoLosses})
    assert float(again.optimizer.learning_rate) == 0.25 and again.second.get_config()["delta"] == 2.0
    for got, want in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(got, want)


def test_registered_and_given_names(tmp_path):
    @minidl.saving.register_keras_serializable("test")
    def triple(x):
        return 3 * x

    model = minidl.Sequential([layers.Input((4,)), layers.Dense(2, activation=triple), layers.Lambda(double)])
    model.save(tmp_path / "named.keras")
    with pytest.raises(LoadError, match="double"):
        minidl.models.load_model(tmp_path / "named.keras")
    with minidl.saving.custom_object_scope({"double": double}):
        again = minidl.models.load_model(tmp_path / "named.keras")
    np.testing.assert_array_equal(again(X), model(X))
    assert minidl.utils.get_registered_object("test>triple") is triple
    minidl.saving.get_custom_objects().clear()
    with pytest.raises(LoadError, match="triple"), minidl.saving.custom_object_scope({"double": double}):
        minidl.models.load_model(tmp_path / "named.keras")


def test_shared_objects_stay_shared(tmp_path):
    shared = layers.Dense(4, name="shared")
    inner = [minidl.Sequential([layers.Input((4,)), shared], name=name) for name in ("one", "two")]
    inputs = layers.Input((4,))
    model = minidl.Model(inputs, inner[1](inner[0](inputs)))
    model.save(tmp_path / "shared.keras")
    again = minidl.models.load_model(tmp_path / "shared.keras")
    assert again.get_layer("one").layers[0] is again.get_layer("two").layers[0] and len(again.weights) == 2
    np.testing.assert_array_equal(again(X), model(X))
    inner = minidl.Model(inputs, shared(inputs), name="inner")
    model = minidl.Model(inputs, inner(shared(inputs)))
    model.save(tmp_path / "shared.keras")
    again = minidl.models.load_model(tmp_path / "shared.keras")
    assert again.get_layer("inner").layers[1] is again.get_layer("shared")
    np.testing.assert_array_equal(again(X), model(X))


def test_optax_state_comes_back_after_compiling_again(tmp_path):
    model = small(optimizer=optax.adam(0.01))
    model.fit(X, Y, verbose=0, shuffle=False)
    with pytest.warns(UserWarning, match="optax transformation, which a file cannot describe"):
        model.save(tmp_path / "model.keras")
    again = minidl.models.load_model(tmp_path / "model.keras")
    assert not again.compiled
    again.compile(optax.adam(0.01), "mse", metrics=["mae"])
    again.optimizer.build(again.trainable_variables)
    again.load_weights(tmp_path / "model.keras")
    for got in (again, model):
        got.fit(X, Y, verbose=0, shuffle=False)
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_json():
    model = small()
    again = minidl.models.model_from_json(model.to_json(indent=2))
    assert again.get_config() == model.get_config() and again.optimizer.get_config() == model.optimizer.get_config()
    with pytest.raises(LoadError, match="the config is invalid JSON"):
        minidl.models.model_from_json("{")


# Weights


def test_weights_alone(tmp_path):
    model, other = small(), small()
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other(X), model(X))
    again = small()
    model.save(tmp_path / "model.keras")
    again.load_weights(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(X), model(X))


def test_all_that_does_not_fit_is_named_and_nothing_is_set(tmp_path):
    small(3).save_weights(tmp_path / "model.weights.h5")
    wider = minidl.Sequential(
        [layers.Input((4,)), layers.Dense(5, "relu", name="first"), layers.Dense(1, use_bias=False), layers.Dense(1)]
    )
    before = wider.get_weights()
    with pytest.raises(LoadError) as caught:
        wider.load_weights(tmp_path / "model.weights.h5")
    message = str(caught.value)
    assert "first/kernel is float32(4, 5) in the model and float32(4, 3) in the file" in message
    assert "first/bias is float32(5,) in the model and float32(3,) in the file" in message
    assert "layers/dense_1/vars/1 is in the file, not in the layer" in message
    assert "kernel float32(1, 1) is not in the file, at layers/dense_2/vars/0" in message
    for got, want in zip(wider.get_weights(), before, strict=True):
        np.testing.assert_array_equal(got, want)


def test_layers_that_do_not_fit_can_be_left_out(tmp_path):
    model, other = small(3), small(3)
    model.save_weights(tmp_path / "model.weights.h5")
    other = minidl.Sequential([layers.Input((4,)), layers.Dense(3, "relu"), layers.Dense(7)])
    before = other.layers[1].get_weights()
    with pytest.warns(UserWarning, match=r"(?s)weights were skipped:.*kernel is float32\(3, 7\) in the model"):
        other.load_weights(tmp_path / "model.weights.h5", skip_mismatch=True)
    for got, want in zip(other.layers[0].get_weights(), model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(other.layers[1].get_weights()[0], before[0])


def test_by_name(tmp_path):
    model = small()
    model.save_weights(tmp_path / "model.weights.h5")
    other = minidl.Sequential(
        [layers.Input((4,)), layers.Dense(4, name="new"), layers.Dense(3, name="first"), layers.Dense(2, name="top")]
    )
    before = other.get_layer("top").get_weights()
    other.load_weights(tmp_path / "model.weights.h5", by_name=True)
    for got, want in zip(other.get_layer("first").get_weights(), model.get_layer("first").get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(other.get_layer("top").get_weights()[0], before[0])


def test_optimizer_of_another_kind_starts_from_its_initial_state(tmp_path):
    model = small()
    model.fit(X, Y, verbose=0)
    model.save_weights(tmp_path / "model.weights.h5")
    other = small(optimizer="sgd")
    with pytest.warns(
        UserWarning, match="state of the optimizer 'sgd.*' was not loaded: it has 2 variables, the file has 10"
    ):
        other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other(X), model(X))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64", "int8", "uint32", "bool"])
def test_dtypes(dtype):
    value = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype)
    reader = H5Reader(
        in_memory(to_bytes({"a/vars": {"0": value, "1": value[0, 0], "2": value[:0]}}, {"a/vars": "name"}))
    )
    for i, want in enumerate((value, value[0, 0], value[:0])):
        got = reader.read(f"a/vars/{i}")
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)


def test_no_silent_cast(tmp_path):
    model = minidl.Sequential([layers.Input((4,)), layers.Dense(1, dtype="bfloat16")])
    model.save_weights(tmp_path / "model.weights.h5")
    wide = minidl.Sequential([layers.Input((4,)), layers.Dense(1)])
    wide.load_weights(tmp_path / "model.weights.h5")  # each value is a float32, too
    np.testing.assert_array_equal(wide.get_weights()[0], model.get_weights()[0].astype("float32"))
    wide.save_weights(tmp_path / "wide.weights.h5")
    with pytest.warns(UserWarning, match="Weights were rounded: .*kernel from float32 to bfloat16, "):
        model.load_weights(tmp_path / "wide.weights.h5")
    whole = minidl.Sequential([layers.Input((4,)), layers.Embedding(3, 2)])
    whole.layers[0].embeddings._slot = whole.layers[0].embeddings.value.astype("int32")
    whole.save_weights(tmp_path / "whole.weights.h5")
    with pytest.raises(LoadError, match=r"embeddings is float32\(3, 2\) in the model and int32\(3, 2\) in the file"):
        minidl.Sequential([layers.Input((4,)), layers.Embedding(3, 2)]).load_weights(tmp_path / "whole.weights.h5")


def test_a_part_with_a_new_name_and_the_old_as_a_property(tmp_path):
    class Before(minidl.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    class After(minidl.Model):
        def __init__(self):
            super().__init__()
            self.a_head = layers.Dense(3)

        @property
        def dense(self):
            return self.a_head

        def call(self, x):
            return self.a_head(x)

    before, after = Before(), After()
    before.build((None, 4))
    after.build((None, 4))
    before.save_weights(tmp_path / "before.weights.h5")
    after.load_weights(tmp_path / "before.weights.h5")
    np.testing.assert_array_equal(after.a_head.kernel, before.dense.kernel)
    with pytest.raises(
        LoadError, match=r"(?s)kernel.* is not in the file, at dense/vars/0.*a_head/vars .* in the file"
    ):
        after.save_weights(tmp_path / "after.weights.h5") or before.load_weights(tmp_path / "after.weights.h5")


def test_an_object_left_in_its_config_is_a_type_error(tmp_path):
    class Around(layers.Layer):
        def __init__(self, inner, **kwargs):
            super().__init__(**kwargs)
            self.inner = inner

        def call(self, x):
            return self.inner(x)

        def get_config(self):
            return {**super().get_config(), "inner": self.inner}

    inputs = layers.Input((4,))
    model = minidl.Model(inputs, Around(layers.Dense(1))(inputs))
    model.save(tmp_path / "model.keras")
    for error in (TypeError, LoadError):
        with pytest.raises(error, match=r"from_config\(\) must deserialize"):
            minidl.models.load_model(tmp_path / "model.keras", {"Around": Around})


# Paths


def test_wrong_paths(tmp_path):
    model = small()
    with pytest.raises(ValueError, match=r"the path must end in \.keras or \.h5, got 'model\.npz'"):
        model.save("model.npz")
    with pytest.raises(ValueError, match=r"that ends in \.weights\.h5"):
        model.save_weights("model.h5")
    with pytest.raises(FileNotFoundError, match="the folder .* does not exist"):
        model.save(tmp_path / "missing" / "model.keras")
    for error in (FileNotFoundError, LoadError):  # it is both
        with pytest.raises(error, match=r"There is no file .*model\.keras"):
            minidl.models.load_model(tmp_path / "model.keras")
    model.save(tmp_path / "model.keras")
    with pytest.raises(FileExistsError, match="overwrite=False"):
        model.save(tmp_path / "model.keras", overwrite=False)
    with pytest.raises(ValueError, match="is not built, so there are no weights to save"):
        minidl.Sequential([layers.Dense(1)]).save_weights(tmp_path / "other.weights.h5")
    assert os.listdir(tmp_path) == ["model.keras"]


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="needs Linux")
def test_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    model = small()
    model.save(tmp_path / "model.keras")
    old = (tmp_path / "model.keras").read_bytes()
    model.layers[0].kernel.assign(np.zeros((4, 3)))

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        model.save(tmp_path / "model.keras")
    assert (tmp_path / "model.keras").read_bytes() == old and len(list(tmp_path.iterdir())) == 1


# Other formats


def test_safetensors(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    model, other = small(), small()
    minidl.saving.save_safetensors(model, tmp_path / "model.safetensors")
    assert set(safetensors.load_file(tmp_path / "model.safetensors")) == {w.path for w in model.weights}
    minidl.saving.load_safetensors(other, tmp_path / "model.safetensors")
    np.testing.assert_array_equal(other(X), model(X))
    safetensors.save_file({"model/first/kernel": np.ones((4, 2), "float32"), "x": X}, tmp_path / "wrong.safetensors")
    before = other.get_weights()
    with pytest.raises(LoadError) as caught:
        minidl.saving.load_safetensors(other, tmp_path / "wrong.safetensors")
    for part in (
        "model/first/bias is not in",
        "x is in the file, not",
        "kernel is float32(4, 3) in the model and float32",
    ):
        assert part in str(caught.value)
    (tmp_path / "wrong.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(LoadError):
        minidl.saving.load_safetensors(other, tmp_path / "wrong.safetensors")
    for got, want in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.slow
def test_export_runs_without_the_model(tmp_path):
    a, b = layers.Input((4,), name="a"), layers.Input((None, 3), name="b")
    x = layers.Dropout(0.5)(layers.Dense(3)(a))
    model = minidl.Model({"a": a, "b": b}, [x, layers.GlobalAveragePooling1D()(b) + x])
    model.export(tmp_path / "model.stablehlo")
    run = minidl.saving.load_exported(tmp_path / "model.stablehlo")
    for rows, length in ((1, 2), (7, 5)):
        inputs = {"a": np.ones((rows, 4), "float32"), "b": np.ones((rows, length, 3), "float32")}
        for got, want in zip(jax.tree.leaves(run(inputs)), jax.tree.leaves(model(inputs)), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    (tmp_path / "model.stablehlo").write_bytes(b"no such thing")
    with pytest.raises(LoadError):
        minidl.saving.load_exported(tmp_path / "model.stablehlo")
    net = Net()
    net(X)
    with pytest.raises(ValueError, match="Pass input_signature"):
        net.export(tmp_path / "net.stablehlo")
    net.export(tmp_path / "net.stablehlo", minidl.KerasTensor((None, 4), "float32"))
    np.testing.assert_allclose(minidl.saving.load_exported(tmp_path / "net.stablehlo")(X), net(X), rtol=1e-5, atol=1e-6)


# Losses and metrics


def objects(module, base):
    """Every class of a module that can be made without arguments."""
    for name in sorted(module.__all__):
        kind = getattr(module, name)
        if isinstance(kind, type) and issubclass(kind, base) and kind is not base:
            needs = ARGUMENTS.get(name, {})
            if needs is not None:
                yield pytest.param(kind, needs, id=name)


ARGUMENTS = {
    "IoU": {"num_classes": 3, "target_class_ids": [0, 1]},
    "BinaryIoU": {"target_class_ids": [0, 1]},
    "MeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0]},
    "OneHotMeanIoU": {"num_classes": 3},
    "MeanRelativeError": {"normalizer": [1.0, 2.0]},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "MeanMetricWrapper": None,
    "Metric": None,
    "LossFunctionWrapper": None,
}


@pytest.mark.parametrize(("kind", "arguments"), [*objects(losses, losses.Loss), *objects(metrics, metrics.Metric)])
def test_live_losses_and_metrics_through_keras(kind, arguments):
    keras = pytest.importorskip("keras")
    family = "losses" if issubclass(kind, losses.Loss) else "metrics"
    ours = getattr(minidl, family)
    theirs = getattr(keras, family)
    if not hasattr(theirs, kind.__name__):
        pytest.skip("not in Keras")
    config = json.loads(json.dumps(ours.serialize(kind(**arguments))))
    again = keras.saving.deserialize_keras_object(config)
    assert type(again).__name__ == kind.__name__
    back = ours.deserialize(json.loads(json.dumps(theirs.serialize(again))))
    assert type(back) is kind
    assert json.loads(json.dumps(ours.serialize(back))) == config


# Parts, and models that are not built


def test_parts_can_be_left_out(tmp_path):
    model, other = small(), small()
    model.fit(X, Y, verbose=0)
    minidl.saving.save_weights(model, tmp_path / "a.weights.h5", objects_to_skip=[model.optimizer, model.layers[1]])
    before = other.layers[1].get_weights()
    minidl.saving.load_weights(other, tmp_path / "a.weights.h5", objects_to_skip=[other.optimizer, other.layers[1]])
    np.testing.assert_array_equal(other.layers[0].get_weights()[0], model.layers[0].get_weights()[0])
    np.testing.assert_array_equal(other.layers[1].get_weights()[0], before[0])
    with pytest.raises(LoadError, match="last/kernel.* is not in the file"):
        other.load_weights(tmp_path / "a.weights.h5")
    third = small()
    third.load_weights(tmp_path / "a.weights.h5", objects_to_skip=[third.optimizer, third.layers[1]])
    np.testing.assert_array_equal(third.layers[0].get_weights()[0], model.layers[0].get_weights()[0])


def test_models_of_one_kind_in_each_other(tmp_path):
    def inner(size, name):
        tensor = layers.Input((4,))
        return minidl.Model(tensor, layers.Dense(size)(tensor), name=name)

    a, b = layers.Input((4,)), layers.Input((4,))
    model = minidl.Model([a, b], [inner(2, "a")(a), inner(3, "b")(b)])
    model.save(tmp_path / "model.keras")
    again = minidl.models.load_model(tmp_path / "model.keras")
    for got, want in zip(again([X, X]), model([X, X]), strict=True):
        np.testing.assert_array_equal(got, want)


def test_model_that_is_not_built(tmp_path):
    model = minidl.Sequential([layers.Dense(2, name="d")])
    model.save(tmp_path / "model.keras")
    again = minidl.models.load_model(tmp_path / "model.keras")
    assert not again.built and again.get_config() == model.get_config()


def test_containers_in_circles(tmp_path):
    class Circle(minidl.Model):
        def __init__(self):
            super().__init__()
            self.all = [layers.Dense(1)]
            self.all.append(self.all)

        def call(self, x):
            return self.all[0](x)

    model, other = Circle(), Circle()
    model(X)
    other(X)
    model.save_weights(tmp_path / "a.weights.h5")
    other.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(other(X), model(X))


@pytest.mark.parametrize(
    "value",
    ["a", b"a", np.arange(3), np.float32(2.5), slice(None, 3, 1), Ellipsis, {"a": [True, None, {"b": 1.5}]}, [1, [2]]],
)
def test_plain_values_as_data(value):
    config = json.loads(json.dumps(minidl.saving.serialize_keras_object(value)))
    again = minidl.saving.deserialize_keras_object(config)
    np.testing.assert_equal(again, value)


def test_objects_of_any_kind_as_data():
    given = {"a": layers.Dense(2, activation=layers.ReLU(max_value=2.0)), "b": [minidl.optimizers.SGD(0.5), double]}
    config = json.loads(json.dumps(minidl.saving.serialize_keras_object(given)))
    again = minidl.saving.deserialize_keras_object(config, custom_objects={"double": double})
    assert again["a"].activation.max_value == 2.0 and again["b"][1] is double
    assert minidl.saving.serialize_keras_object(again) == minidl.saving.serialize_keras_object(given)


def test_files_have_no_states_of_recurrent_layers(tmp_path):
    """As Keras's: the weights of a model whose layers do not keep their states load into one whose layers do."""

    def model(**options):
        return minidl.Sequential([layers.Input(batch_shape=(2, 4, 3)), layers.LSTM(2, **options), layers.Dense(1)])

    plain, stateful, x = model(), model(stateful=True), np.ones((2, 4, 3), "float32")
    plain.save_weights(tmp_path / "a.weights.h5")
    stateful.load_weights(tmp_path / "a.weights.h5")
    first = stateful.predict(x, verbose=0)
    np.testing.assert_allclose(first, plain.predict(x, verbose=0), rtol=1e-6)
    stateful.save(tmp_path / "b.keras")
    loaded = minidl.saving.load_model(tmp_path / "b.keras")  # its states are 0
    np.testing.assert_allclose(loaded.predict(x, verbose=0), first, rtol=1e-6)
