"""Layers that work on text: vocabularies, what they take and refuse. Numbers are compared in references/text.py."""

import json

import numpy as np
import pytest

from minidl import layers

LETTERS = ["a", "b", "c"]


def test_a_vocabulary_in_a_file(tmp_path):
    path = tmp_path / "vocabulary.txt"
    path.write_text("a\nb\nc\n", encoding="utf-8")
    layer = layers.StringLookup(vocabulary=str(path))
    assert layer.get_vocabulary() == ["[UNK]", *LETTERS]
    assert layer.get_config()["vocabulary"] is None  # it is an asset of files
    layer.set_vocabulary(path)
    np.testing.assert_array_equal(layer(["c", "?"]), [3, 0])
    path.write_text("7\n-3")
    assert layers.IntegerLookup(vocabulary=path)([-3, 7, 0]).tolist() == [2, 1, 0]
    text = layers.TextVectorization(vocabulary=str(path))
    assert text.get_vocabulary() == ["", "[UNK]", "7", "-3"]


def test_vocabularies_in_every_form():
    for vocabulary in (tuple(LETTERS), np.array(LETTERS), np.array(LETTERS, "S"), [b"a", "b", b"c"]):
        assert layers.StringLookup(vocabulary=vocabulary).get_vocabulary() == ["[UNK]", *LETTERS]
    assert layers.StringLookup(vocabulary=["[UNK]", *LETTERS]).get_vocabulary(include_special_tokens=False) == LETTERS


def test_text_in_every_form():
    layer = layers.StringLookup(vocabulary=LETTERS)
    for x in (["c", "a"], ("c", "a"), np.array(["c", "a"]), np.array([b"c", b"a"]), np.array(["c", b"a"], object)):
        assert layer(x).tolist() == [3, 1]
    assert layer("b").shape == () and int(layer("b")) == 2
    assert layer(np.array([["a"], ["?"]])).tolist() == [[1], [0]]
    pandas = pytest.importorskip("pandas")
    assert layer(pandas.Series(["c", "a"])).tolist() == [3, 1]
    assert layer(pandas.Series(["c", "a"], dtype="category")).tolist() == [3, 1]


def test_the_inverse():
    layer = layers.StringLookup(vocabulary=LETTERS, invert=True, mask_token="-")
    assert layer([[2, 4], [0, 1], [9, 3]]).tolist() == [["a", "c"], ["-", "[UNK]"], ["[UNK]", "b"]]
    assert layer(layers.StringLookup(vocabulary=LETTERS, mask_token="-")(["b", "?"])).tolist() == ["b", "[UNK]"]


def test_data_in_every_form_is_adapted_to():
    expected = ["[UNK]", "z", "d", "c", "b", "a"]
    data = [["a", "c", "d"], ["d", "z", "b"], ["z", "z", "z"]]
    pandas = pytest.importorskip("pandas")
    flat = [token for row in data for token in row]
    for given in (data, np.array(data), iter([data[:2], data[2:]]), flat, pandas.Series(flat), (row for row in data)):
        layer = layers.StringLookup()
        layer.adapt(given)
        assert layer.get_vocabulary() == expected
    layer = layers.StringLookup()
    layer.adapt(([token] for token in flat), steps=3)
    assert layer.get_vocabulary() == ["[UNK]", "d", "c", "a"]
    layer.adapt(["q"])  # begins again
    assert layer.get_vocabulary() == ["[UNK]", "q"]


def test_a_vocabulary_is_not_changed_once_vectors_have_its_size():
    layer = layers.StringLookup(output_mode="count")
    with pytest.raises(RuntimeError, match="needs its vocabulary before it is called"):
        layer(["a"])
    layer.adapt(LETTERS)
    with pytest.raises(RuntimeError, match="vocabulary of 4 tokens.*cannot get one of 5"):
        layer.adapt([*LETTERS, "d"])
    layer.adapt(["x", "y", "z"])
    assert layer(["z"]).tolist() == [0, 1, 0, 0]


def test_functions_that_standardize_and_split():
    layer = layers.TextVectorization(
        standardize=np.strings.upper, split=lambda texts: [text.split("-") for text in texts.tolist()]
    )
    layer.adapt(["a-b", "a"])
    assert layer.get_vocabulary() == ["", "[UNK]", "A", "B"]
    assert layer(["b-a-é"]).tolist() == [[3, 2, 1]]
    tf = pytest.importorskip("tensorflow")
    layer = layers.TextVectorization(
        standardize=lambda x: tf.strings.regex_replace(x, "[0-9]", ""), split=lambda x: tf.strings.split(x, ",")
    )
    assert layer.adapt(["a1,b", "2b"]) is None and layer.get_vocabulary() == ["", "[UNK]", "b", "a"]


def test_bytes_that_are_not_utf_8_are_kept():
    layer = layers.StringLookup(vocabulary=[b"\xff", "é"])
    assert layer(np.array([b"\xff", "é".encode()], object)).tolist() == [1, 2]
    assert layers.TextVectorization(split="character", vocabulary=["�"])([np.bytes_(b"\xff")]).tolist() == [[2]]


def test_integers_that_the_device_cannot_hold():
    layer = layers.IntegerLookup(vocabulary=[2**40, 3])
    assert layer(np.array([2**40, 3, 2**40 + 1])).tolist() == [1, 2, 0]
    assert layers.Hashing(1000)(np.array([2**40, 0])).tolist() == layers.Hashing(1000)([str(2**40), "0"]).tolist()


def test_configs_name_no_files(tmp_path):
    for kind in (layers.StringLookup, layers.TextVectorization):
        config = {**kind(vocabulary=LETTERS).get_config(), "vocabulary": "/etc/passwd"}
        with pytest.raises(ValueError, match="cannot name a vocabulary file, got '/etc/passwd'"):
            kind.from_config(json.loads(json.dumps(config)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.StringLookup(max_tokens=1), "max_tokens must be larger than 1, got 1"),
        (lambda: layers.StringLookup(pad_to_max_tokens=True), "needs max_tokens"),
        (lambda: layers.StringLookup(num_oov_indices=-1), "must not be negative, got -1"),
        (lambda: layers.StringLookup(output_mode="hot"), "output_mode must be one of .*got 'hot'"),
        (lambda: layers.StringLookup(invert=True, output_mode="count"), "needs output_mode='int'"),
        (lambda: layers.StringLookup(sparse=True, output_mode="count"), "sparse tensors are not supported"),
        (lambda: layers.StringLookup(idf_weights=[1.0]), "idf_weights need output_mode='tf_idf'"),
        (lambda: layers.StringLookup(vocabulary=LETTERS, output_mode="tf_idf"), "a vocabulary needs idf_weights"),
        (lambda: layers.StringLookup(vocabulary=["a", "b", "a"]), r"more than once in the vocabulary: \['a'\]"),
        (lambda: layers.StringLookup(vocabulary=[]), "the vocabulary is empty"),
        (lambda: layers.StringLookup(vocabulary=["a", ""], mask_token=""), "has '' in the wrong place"),
        (lambda: layers.StringLookup(vocabulary=LETTERS, max_tokens=3), "has 4 tokens, .* but max_tokens is 3"),
        (lambda: layers.StringLookup(vocabulary="/no/such/file"), "'/no/such/file' cannot be read"),
        (lambda: layers.StringLookup(vocabulary=LETTERS).adapt(LETTERS), "with a vocabulary cannot be adapted"),
        (lambda: layers.StringLookup(vocabulary=LETTERS, num_oov_indices=0)(["a", "q"]), r"\['q'\] are not"),
        (lambda: layers.StringLookup()(["a"]), "no vocabulary yet"),
        (lambda: layers.StringLookup(vocabulary=LETTERS)([["a", "b"], ["c"]]), "rows of different lengths"),
        (lambda: layers.StringLookup(salt="x"), "salt must be an integer or two of them, got 'x'"),
        (lambda: layers.IntegerLookup(salt=1), "needs oov_method='farmhash'"),
        (lambda: layers.IntegerLookup(vocabulary_dtype="int32"), "vocabulary_dtype must be 'int64'"),
        (lambda: layers.Hashing(0), "num_bins must be a positive integer, got 0"),
        (lambda: layers.Hashing(3, output_mode="tf_idf"), "got 'tf_idf'"),
        (lambda: layers.Hashing(3, dtype="float32"), "dtype must be 'int32' or 'int64'"),
        (lambda: layers.Hashing(3, sparse=True), "not supported"),
        (lambda: layers.HashedCrossing(3)(["a"]), "a list of at least two inputs"),
        (lambda: layers.HashedCrossing(3)((np.ones(2), np.ones(2))), "strings or integers, got .* float64"),
        (lambda: layers.HashedCrossing(3)((["a"], ["b", "c"])), "must have one shape"),
        (lambda: layers.HashedCrossing(3)(([["a", "b"]], [["a", "b"]])), r"\(batch, 1\), got \(1, 2\)"),
        (lambda: layers.TextVectorization(standardize="upper"), "standardize must be a function or one of"),
        (lambda: layers.TextVectorization(split=","), "split must be a function or one of"),
        (lambda: layers.TextVectorization(ngrams=1.5), "ngrams must be None, an integer, or a tuple"),
        (lambda: layers.TextVectorization(output_sequence_length=2.0), "must be an integer or None"),
        (lambda: layers.TextVectorization(output_mode="count", output_sequence_length=2), "needs output_mode='int'"),
        (lambda: layers.TextVectorization(ragged=True), "ragged tensors are not supported"),
        (lambda: layers.TextVectorization(vocabulary=LETTERS)([["a b", "c"]]), r"\(batch, 1\) to split, got \(1, 2\)"),
        (lambda: layers.Pipeline.from_config({"name": "p"}), "needs a list of layers"),
        (lambda: layers.STFTSpectrogram("power"), "mode must be one of"),
        (lambda: layers.STFTSpectrogram(frame_step=257), "frame_step must be from 1 to 256"),
        (lambda: layers.STFTSpectrogram(fft_length=128), "fft_length must be at least 256"),
        (lambda: layers.MelSpectrogram(256, sequence_length=512), "at least sequence_length"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.StringLookup(vocabulary=LETTERS)([1, 2]), "takes text, got an array of dtype int64"),
        (lambda: layers.StringLookup(vocabulary=LETTERS)(np.array(["a", None])), "got None .NoneType. among"),
        (lambda: layers.IntegerLookup(vocabulary=[1])(["a"]), "takes integers, got an array of dtype <U1"),
        (lambda: layers.Hashing(3, mask_value="")([1]), "another type than the inputs"),
        (lambda: layers.STFTSpectrogram()(np.ones((1, 300, 1), int)), "must be floats"),
    ],
)
def test_values_of_another_type_are_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_ragged_tensors_are_refused():
    tf = pytest.importorskip("tensorflow")
    with pytest.raises(TypeError, match=r"got a RaggedTensor. Convert it: x.to_tensor\(\)"):
        layers.StringLookup(vocabulary=LETTERS)(tf.strings.split(["a b", "c"]))


@pytest.mark.parametrize("mask_token, numbers", [(None, [1, 0, 2]), ("", [2, 1, 3])])
def test_unknown_tokens_need_no_name(mask_token, numbers):
    """Numbers of Keras: StringLookup(oov_token=None, mask_token=mask_token, vocabulary=["a", "b"])(["a", "z", "b"])."""
    layer = layers.StringLookup(oov_token=None, mask_token=mask_token, vocabulary=["a", "b"])
    assert np.asarray(layer(["a", "z", "b"])).tolist() == numbers
    assert layer.get_vocabulary()[-3:] == [None, "a", "b"]
    with pytest.raises(ValueError, match="more than once"):
        layer.set_vocabulary(["a", "a"])
    of_integers = layers.IntegerLookup(oov_token=None, vocabulary=[10, 20])
    assert np.asarray(of_integers([10, 3, 20])).tolist() == [1, 0, 2]
