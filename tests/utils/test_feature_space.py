"""FeatureSpace: data in every form, columns of text and numbers in `tf.data`, what is refused. Numbers: references."""

import numpy as np
import pytest

import minidl
from minidl import layers
from minidl.utils import FeatureSpace

TABLE = {"color": ["red", "blue", "red", "green"], "size": [1.0, 2.0, 5.0, 3.0], "rooms": [2, 3, 2, 4]}
KINDS = {"color": "string_categorical", "size": "float_normalized", "rooms": "integer_categorical"}


def space(**more):
    made = FeatureSpace(KINDS, crosses=[("color", "rooms")], crossing_dim=5, **more)
    made.adapt(TABLE)
    return made


@pytest.mark.slow
def test_data_in_every_form_is_adapted_to():
    expected = space()
    examples = [{name: values[i] for name, values in TABLE.items()} for i in range(4)]
    batches = [{name: np.array(values[i : i + 2]) for name, values in TABLE.items()} for i in (0, 2)]
    columns = [{name: np.array(values)[:, None] for name, values in TABLE.items()}]
    for data in (iter(examples), iter(batches), iter(columns)):
        made = FeatureSpace(KINDS, crosses=[("color", "rooms")], crossing_dim=5)
        made.adapt(data)
        np.testing.assert_allclose(made(TABLE), expected(TABLE), rtol=1e-6)
    again = [expected({name: values[i] for name, values in TABLE.items()}) for i in range(4)]
    np.testing.assert_allclose(np.stack(again), expected(TABLE), rtol=1e-6)


def test_tensorflow_data():
    tf = pytest.importorskip("tensorflow")
    made = FeatureSpace(KINDS, crosses=[("color", "rooms")], crossing_dim=5)
    data = tf.data.Dataset.from_tensor_slices(TABLE)
    made.adapt(data)
    expected = np.asarray(made(TABLE))
    np.testing.assert_allclose(list(data.map(made)), expected, rtol=1e-6)
    np.testing.assert_allclose(next(iter(data.batch(4).map(made))), expected, rtol=1e-6)
    assert data.batch(2).map(made).element_spec == tf.TensorSpec((None, expected.shape[1]), "float32")


@pytest.mark.slow
def test_models_of_encoded_and_of_raw_columns():
    made = space()
    inputs, encoded = made.get_inputs(), made.get_encoded_features()
    outputs = layers.Dense(1)(encoded)
    training, inference = minidl.Model(encoded, outputs), minidl.Model(inputs, outputs)
    training.compile("adam", "mse")
    x = {name: np.array(values) for name, values in TABLE.items()}
    training.fit(made(x), np.ones(4), verbose=0)
    np.testing.assert_allclose(inference.predict(x, verbose=0), training.predict(made(x), verbose=0), rtol=1e-5)
    inference.compile("adam", "mse")
    losses = inference.fit(x, np.ones(4), epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_a_layer_of_ones_own():
    text = FeatureSpace.feature("string", layers.TextVectorization(output_mode="tf_idf"), "float")
    made = FeatureSpace({"text": text, "size": "float"})
    table = {"text": ["a b", "b c"], "size": [1, 2]}
    made.adapt(table)
    assert made(table).shape == (2, 5)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: FeatureSpace({}), "must not be empty"),
        (lambda: FeatureSpace({"a": "text"}), "feature 'a' is of an unknown kind: 'text'"),
        (lambda: FeatureSpace(KINDS, output_mode="list"), "must be 'dict' or 'concat', got 'list'"),
        (lambda: FeatureSpace(KINDS, crosses=[("color", "age")]), r"features \['age'\], which are not among"),
        (lambda: FeatureSpace(KINDS, crosses=[("color", "size")], crossing_dim=0), "crosses need crossing_dim"),
        (lambda: FeatureSpace(KINDS)(TABLE), r"call adapt\(\) with data before"),
        (lambda: FeatureSpace(KINDS).adapt(np.ones(3)), "expected a dict, or an iterable of dicts, got ndarray"),
        (lambda: FeatureSpace(KINDS).adapt(iter([(TABLE, 1)])), "the data gives a tuple. Leave targets out"),
        (lambda: space()({"color": ["red"]}), r"the keys \['color', 'rooms', 'size'\], got \['color'\]"),
        (lambda: space()(np.ones(3)), "got ndarray"),
        (
            lambda: FeatureSpace({"n": FeatureSpace.integer_hashed(3, output_mode="int")}).get_encoded_features(),
            "cannot be concatenated",
        ),
        (
            lambda: FeatureSpace({"n": FeatureSpace.feature("float32", layers.Rescaling(2.0), "one_hot")})({"n": [1]}),
            "gives float32 instead of integers",
        ),
        (lambda: FeatureSpace.feature("string", layers.Hashing(3), "text"), "got 'text'"),
        (lambda: FeatureSpace.cross(("a", "b"), 3, "float"), "got 'float'"),
    ],
)
def test_what_is_refused(run, message):
    with pytest.raises(ValueError, match=message):
        run()
