"""Layers that work on text: vocabularies, numbers, hashes, tokens, and tables with columns of text."""

import itertools

import numpy as np

TEXTS = [
    "The cat sat. On the MAT!",
    "the dog's Ünïcode ß İ",
    "a b",
    "  zwei\u00a0Wörter\u3000x ",
    "今日は 良い 天気です。",
    "привет, Мир! Привет",
    "مرحبا بالعالم، مرحبا",
    "a\tb\nc\x0bd\x85",
    "e\u0301 é 😀 a-b_c",
    "",
]
WORDS = ["", "a", "ab", "abc", "Keras", "今日は", *("word" * n + "!" for n in (2, 4, 7, 8, 12, 16, 17, 40)), "z" * 200]
LETTERS = np.array([["a", "c", "d", "d"], ["d", "z", "b", ""], ["?", "b", "b", "?"]])
INTEGERS = np.array([[12, 1138, 42, 42], [42, 1000, 36, 0], [-7, 36, 36, 10**9]])
SINGLE = LETTERS[:, :1]
IDF = [0.25, 0.75, 0.6, 0.4]
TABLE = {
    "plain": [0.0, 0.1, 0.2, 0.3, 0.9],
    "normal": [1.0, 2.0, 3.0, 5.0, 8.0],
    "scaled": [1.0, 2.0, 3.0, 5.0, 8.0],
    "binned": [1.0, 2.0, 3.0, 5.0, 8.0],
    "color": ["red", "blue", "red", "green", "blue"],
    "city": ["Rome", "Paris", "Oslo", "Rome", "Rome"],
    "rooms": [1, 2, 3, 2, 2],
    "code": [10, 20, 30, 40, 50],
}


def cases(keras):
    """Every layer of this family."""
    return hashing(keras) | crossing(keras) | lookups(keras) | adapted(keras) | tokens(keras) | tables(keras)


def hashing(keras):
    """Bins of strings and integers, short and long."""
    hashed = keras.layers.Hashing
    numbers = {
        "words": hashed(10**6)(np.array(WORDS)),
        "salt": hashed(10**6, salt=[133, 137])(np.array(WORDS)),
        "one_salt": hashed(1000, salt=7)(np.array(WORDS)),
        "integers": hashed(1000)(INTEGERS),
        "salted_integers": hashed(1000, salt=3)(INTEGERS),
        "mask": hashed(5, mask_value="a")(LETTERS),
        "integer_mask": hashed(5, mask_value=42)(INTEGERS),
        "one_hot": hashed(5, output_mode="one_hot")(SINGLE),
        "one_hot_of_several": hashed(5, output_mode="one_hot")(LETTERS),
        "multi_hot": hashed(5, output_mode="multi_hot")(LETTERS),
        "count": hashed(5, output_mode="count")(INTEGERS),
        "list": hashed(5)(["a", "b"]),
    }
    return {f"hashing_{name}": np.asarray(value) for name, value in numbers.items()}


def crossing(keras):
    """Bins of combinations."""
    crossed = keras.layers.HashedCrossing
    first, second = np.array(WORDS), np.arange(len(WORDS)) * 7
    numbers = {
        "text": crossed(10**6)((first, first[::-1])),
        "both": crossed(1000)((first, second)),
        "three": crossed(1000)((second, first, second)),
        "column": crossed(10)((first[:, None], second[:, None])),
        "one_hot": crossed(4, output_mode="one_hot")((first, second)),
    }
    return {f"crossing_{name}": np.asarray(value) for name, value in numbers.items()}


def lookups(keras):
    """Given vocabularies in every output mode; encodings as floats, since Keras gives integers on this backend."""
    strings, integers = keras.layers.StringLookup, keras.layers.IntegerLookup
    letters, known = ["a", "b", "c", "d"], [12, 36, 1138, 42]
    numbers = {}
    for mode in ("int", "one_hot", "multi_hot", "count", "tf_idf"):
        idf = {"idf_weights": IDF} if mode == "tf_idf" else {}
        for name, more in {
            "plain": {},
            "mask": {"mask_token": ""},
            "buckets": {"num_oov_indices": 3},
            "salt": {"num_oov_indices": 3, "salt": 5},
            "padded": {"max_tokens": 9, "pad_to_max_tokens": True},
        }.items():
            layer = strings(vocabulary=letters, output_mode=mode, **idf, **more)
            numbers[f"{name}_{mode}"] = layer(LETTERS)
            numbers[f"{name}_{mode}_one"] = layer(SINGLE)
            more = {"mask_token": 0} if name == "mask" else {k: v for k, v in more.items() if k != "salt"}
            numbers[f"integers_{name}_{mode}"] = integers(vocabulary=known, output_mode=mode, **idf, **more)(INTEGERS)
    farm = integers(vocabulary=known, num_oov_indices=4, oov_method="farmhash", salt=[1, 2])
    numbers["farmhash"] = farm(INTEGERS)
    numbers["special_tokens"] = strings(vocabulary=["", "[UNK]", *letters], mask_token="")(LETTERS)
    numbers["inverse"] = integers(vocabulary=known, invert=True, mask_token=0)(np.array([[0, 1, 2], [5, 6, 3]]))
    found = {f"lookup_{name}": np.asarray(value) for name, value in numbers.items()}
    return {
        name: value if name.endswith(("_int", "_int_one")) else value.astype("float32") for name, value in found.items()
    }


def adapted(keras):
    """Vocabularies made of data: their order, their limit, the weights of tokens."""
    strings = np.array([["d", "z", "z"], ["d", "b", "a"], ["c", "a", "[UNK]"], ["", "z", "ä"]])
    numbers = {}
    for name, arguments in {
        "plain": {},
        "limit": {"max_tokens": 4},
        "mask": {"mask_token": "", "num_oov_indices": 2},
        "count": {"output_mode": "count"},
        "tf_idf": {"output_mode": "tf_idf"},
        "padded": {"output_mode": "tf_idf", "max_tokens": 12, "pad_to_max_tokens": True},
    }.items():
        for form, data in {
            "array": strings,
            "list": strings[:, 0].tolist(),
            "batches": iter([strings[:2], strings]),
        }.items():
            layer = keras.layers.StringLookup(**arguments)
            layer.adapt(data)
            numbers[f"{name}_{form}/vocabulary"] = np.array(layer.get_vocabulary(), "U")
            numbers[f"{name}_{form}/output"] = np.asarray(layer(strings), "float32")
    layer = keras.layers.IntegerLookup(max_tokens=4)
    layer.adapt(INTEGERS)
    numbers["integers/vocabulary"] = np.array(layer.get_vocabulary(), "int64")
    return {f"adapted_{name}": value for name, value in numbers.items()}


def tokens(keras):
    """Every way to standardize, split and join, in several languages."""
    numbers = {}
    standards = (None, "lower", "strip_punctuation", "lower_and_strip_punctuation")
    for standard, split, ngrams in itertools.product(standards, (None, "whitespace", "character"), (None, 2, (3, 1))):
        layer = keras.layers.TextVectorization(standardize=standard, split=split, ngrams=ngrams)
        layer.adapt(TEXTS[:-2])
        name = f"text_{standard}_{split}_{ngrams}"
        numbers[f"{name}/vocabulary"] = np.array(layer.get_vocabulary(), "U")
        numbers[f"{name}/output"] = np.asarray(layer(np.array(TEXTS)[:, None]))
    for mode in ("multi_hot", "count", "tf_idf"):
        layer = keras.layers.TextVectorization(output_mode=mode, max_tokens=8)
        layer.adapt(TEXTS)
        numbers[f"text_{mode}"] = np.asarray(layer(TEXTS), "float32")
        numbers[f"text_{mode}_one"] = np.asarray(layer(TEXTS[0]), "float32")
    layer = keras.layers.TextVectorization(output_sequence_length=3, vocabulary=["cat", "the", "dog"])
    numbers["text_length"] = np.asarray(layer(TEXTS))
    numbers["text_length_one"] = np.asarray(layer("the cat"))
    layer = keras.layers.TextVectorization(standardize=lambda text: np.char.replace(text, "a", "o"))
    layer.adapt(TEXTS[:3])
    numbers["text_function"] = np.array(layer.get_vocabulary(), "U")
    return numbers


def tables(keras):
    """FeatureSpace: each kind of feature, crosses, both output modes."""
    space = keras.utils.FeatureSpace
    kinds = {
        "plain": "float",
        "normal": "float_normalized",
        "scaled": space.float_rescaled(scale=2.0, offset=1.0),
        "binned": space.float_discretized(3),
        "color": "string_categorical",
        "city": space.string_hashed(5),
        "rooms": space.integer_categorical(max_tokens=3),
        "code": "integer_hashed",
    }
    crosses = [("color", "rooms"), space.cross(("color", "city"), crossing_dim=7)]
    layer = space(kinds, crosses=crosses)
    layer.adapt(TABLE)
    numbers = {"all": layer(TABLE), "one": layer({name: values[0] for name, values in TABLE.items()})}
    kinds = {"color": space.string_categorical(output_mode="int"), "rooms": "integer_categorical"}
    layer = space(kinds, crosses=[space.cross(("color", "rooms"), 9, output_mode="int")], output_mode="dict")
    few = {name: TABLE[name] for name in kinds}
    layer.adapt(few)
    numbers |= {f"dict_{name}": value for name, value in layer(few).items()}
    return {f"table_{name}": np.asarray(value) for name, value in numbers.items()}
