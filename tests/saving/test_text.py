"""Files of models that take text: vocabularies and tables of features, to and from Keras; files that are refused."""

import copy
import json
import pickle
import zipfile

import numpy as np
import pytest

import minidl
from minidl.saving import LoadError

TEXTS = np.array(["the cat sat. On the MAT!", "the dog's Ünïcode ß İ", "a b", "привет, Мир!"])
X = {"text": TEXTS, "kind": np.array([["x"], ["y"], ["?"], ["x"]]), "number": np.array([[3], [5], [9], [0]])}
TABLE = {"color": ["red", "blue", "red"], "size": [1.0, 2.0, 5.0], "rooms": [2, 3, 2]}


def model(keras, given):
    """A model with each layer that has a vocabulary: given to the constructor, or adapted."""
    layers = keras.layers

    def words(**more):
        return {"vocabulary": ["the", "cat", "Ünïcode"], **more} if given else {}

    text, kind, number = (
        layers.Input((), dtype="string", name="text"),
        layers.Input((1,), dtype="string", name="kind"),
        layers.Input((1,), dtype="int64", name="number"),
    )
    tokens = layers.TextVectorization(output_sequence_length=4, ngrams=2, **words())
    weighed = layers.TextVectorization(
        output_mode="tf_idf", **words(**{"idf_weights": [1.0, 2.0, 3.0]} if given else {})
    )
    kinds = layers.StringLookup(output_mode="multi_hot", **({"vocabulary": ["x", "y"]} if given else {}))
    numbers = layers.IntegerLookup(mask_token=0, **({"vocabulary": [3, 5]} if given else {}))
    if not given:
        tokens.adapt(TEXTS), weighed.adapt(TEXTS), kinds.adapt(X["kind"]), numbers.adapt(X["number"])
    parts = [
        layers.Flatten()(layers.Embedding(30, 2)(tokens(text))),
        weighed(text),
        kinds(kind),
        layers.Flatten()(layers.Embedding(9, 2)(numbers(number))),
        layers.Hashing(5, output_mode="one_hot")(kind),
        layers.HashedCrossing(7, output_mode="one_hot")([kind, number]),
    ]
    return keras.Model({"text": text, "kind": kind, "number": number}, layers.Dense(1)(layers.Concatenate()(parts)))


def vocabularies(found):
    return {layer.name: layer.get_vocabulary() for layer in found.layers if hasattr(layer, "get_vocabulary")}


@pytest.mark.slow
@pytest.mark.parametrize("given", [False, True])
def test_a_model_is_read_as_it_was_written(given, tmp_path):
    path = tmp_path / "model.keras"
    written = model(minidl, given)
    expected = written.predict(X, verbose=0)
    written.save(path)
    for read in (minidl.models.load_model(path), copy.deepcopy(written), pickle.loads(pickle.dumps(written))):
        assert vocabularies(read) == vocabularies(written)
        np.testing.assert_array_equal(read.predict(X, verbose=0), expected)
    read.layers[-1].set_weights([weight * 0 for weight in read.layers[-1].get_weights()])
    read.load_weights(path)
    np.testing.assert_array_equal(read.predict(X, verbose=0), expected)


@pytest.mark.parametrize("given", [False, True])
def test_live_models_to_and_from_keras(given, tmp_path):
    keras = pytest.importorskip("keras")
    pytest.importorskip("tensorflow")
    path = tmp_path / "model.keras"
    written = model(minidl, given)
    written.save(path)
    assert vocabularies(keras.models.load_model(path)) == vocabularies(written)
    theirs = model(keras, given)
    theirs.save(path)
    read = minidl.models.load_model(path)
    assert vocabularies(read) == vocabularies(theirs)
    for layer in theirs.layers:
        if "lookup" in layer.name or "text" in layer.name and layer.name != "text":
            x = X["number" if "integer" in layer.name else "kind" if "lookup" in layer.name else "text"]
            np.testing.assert_allclose(read.get_layer(layer.name)(x), np.asarray(layer(x)), rtol=1e-6)


def space(keras):
    kinds = {"color": "string_categorical", "size": "float_normalized", "rooms": "integer_categorical"}
    made = keras.utils.FeatureSpace(kinds, crosses=[("color", "rooms")], crossing_dim=5)
    made.adapt(TABLE)
    return made


@pytest.mark.slow
def test_feature_spaces(tmp_path):
    path = tmp_path / "space.keras"
    written = space(minidl)
    written.save(path)
    read = minidl.models.load_model(path)
    np.testing.assert_array_equal(read(TABLE), written(TABLE))
    trained = minidl.Model(written.get_inputs(), minidl.layers.Dense(1)(written.get_encoded_features()))
    trained.compile("adam", "mse")
    x = {name: np.array(values) for name, values in TABLE.items()}
    trained.fit(x, np.ones(3), verbose=0)
    trained.save(path)
    np.testing.assert_array_equal(minidl.models.load_model(path).predict(x, verbose=0), trained.predict(x, verbose=0))


def test_live_feature_spaces_to_and_from_keras(tmp_path):
    keras = pytest.importorskip("keras")
    pytest.importorskip("tensorflow")
    path = tmp_path / "space.keras"
    written = space(minidl)
    written.save(path)
    np.testing.assert_allclose(keras.models.load_model(path)(TABLE), written(TABLE), rtol=1e-6)
    theirs = space(keras)
    theirs.save(path)
    np.testing.assert_allclose(minidl.models.load_model(path)(TABLE), theirs(TABLE), rtol=1e-6)


def test_tokens_that_end_lines_are_kept(tmp_path):
    path = tmp_path / "model.keras"
    for mode in ("int", "tf_idf"):
        text = minidl.layers.TextVectorization(split="character", output_mode=mode)
        text.adapt(["a\nb\r", "\n\n", "b"])
        minidl.Sequential([minidl.layers.Input((), dtype="string"), text]).save(path)
        read = minidl.models.load_model(path).layers[0]
        assert read.get_vocabulary() == text.get_vocabulary() and "\n" in read.get_vocabulary()
        np.testing.assert_allclose(read(["b\na"]), text(["b\na"]), rtol=1e-6)
        read.adapt(["q"] * 3 if mode == "int" else ["a\nb\r"])  # it is not fixed
        assert read.get_config()["has_input_vocabulary"] is False


def test_an_unadapted_layer_is_adapted_after_it_is_read(tmp_path):
    path = tmp_path / "model.keras"
    for mode in ("int", "multi_hot"):
        text = minidl.layers.TextVectorization(output_mode=mode)
        minidl.Sequential([text]).save(path)
        read = minidl.models.load_model(path).layers[0]
        read.adapt(["a b"])
        assert read(["b"]).shape == ((1, 1) if mode == "int" else (1, 3))


def test_a_program_takes_no_text(tmp_path):
    path, layers = tmp_path / "model.stablehlo", minidl.layers
    with pytest.raises(ValueError, match=r"export: the layers \['text_vec.*, 'hashed_crossing.*computed on the host"):
        model(minidl, True).export(path)
    pytest.importorskip("flatbuffers")
    number = layers.IntegerLookup(vocabulary=[3, 5], output_mode="one_hot")
    exported = minidl.Sequential([layers.Input((1,), dtype="int32"), number, layers.Dense(1)])
    exported.export(path)
    np.testing.assert_allclose(minidl.saving.load_exported(path)(X["number"]), exported(X["number"]), rtol=1e-6)


def changed(path, change, vocabulary=None):
    """A saved lookup with another config or vocabulary."""
    layer = minidl.layers.StringLookup(output_mode="multi_hot")
    layer.adapt(["a", "b", "c"])
    minidl.Sequential([minidl.layers.Input((2,), dtype="string"), layer, minidl.layers.Dense(1)]).save(path)
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][1]["config"] |= change
    members["config.json"] = json.dumps(config).encode()
    if vocabulary is not None:
        members["assets/layers/string_lookup/vocabulary.txt"] = vocabulary
    with zipfile.ZipFile(path, "w") as file:
        for name, contents in members.items():
            file.writestr(name, contents)
    return path


@pytest.mark.parametrize(
    ("change", "vocabulary", "message"),
    [
        ({"vocabulary": "/etc/passwd"}, None, "cannot name a vocabulary file"),
        ({"num_oov_indices": 10**9}, None, "more out-of-vocabulary indices than a file of its size needs"),
        ({"vocabulary_size": 10**9}, None, "more numbers in a vector"),
        ({"pad_to_max_tokens": True, "max_tokens": 10**9}, None, "more numbers in a vector"),
        ({"output_mode": "hot"}, None, "output_mode must be one of"),
        ({"salt": {"a": 1}}, None, "salt must be"),
        ({"num_oov_indices": "many"}, None, "StringLookup"),
        ({"vocabulary": {"a": 1}}, None, "StringLookup"),
        ({"idf_weights": "heavy"}, None, "StringLookup"),
        ({}, b"[UNK]\na\nb\nc\nd", "the file has 5 tokens, its config says 4"),
        ({}, b"[UNK]\na\na\nb", "more than once"),
        ({"num_oov_indices": 0}, b"a\nb\n\xff\nb", "more than once"),
    ],
)
def test_changed_files_are_refused(change, vocabulary, message, tmp_path):
    with pytest.raises(LoadError, match=message):
        minidl.models.load_model(changed(tmp_path / "model.keras", change, vocabulary))


def test_repeated_tokens_of_a_file_are_found_quickly(tmp_path):
    path = changed(tmp_path / "model.keras", {"vocabulary_size": None}, b"\n".join([b"[UNK]", *[b"a", b"b"] * 200_000]))
    with pytest.raises(LoadError, match="more than once"):
        minidl.models.load_model(path)
