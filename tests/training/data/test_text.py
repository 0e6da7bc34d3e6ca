"""Models that take text: every kind of data and of model, and what is refused."""

import numpy as np
import pytest

import minidl
from minidl import layers, ops

LETTERS = np.array(["a", "b", "c", "z"] * 10)
Y = np.array([0.0, 1.0, 2.0, 3.0] * 10)
NUMBERS = np.arange(40) % 5
TEXTS = ["the cat sat", "a dog", "the mat on the dog", "cat"] * 10


def lookup(text=True):
    """A lookup, or what does nothing where the numbers are given."""
    return layers.StringLookup(vocabulary=["a", "b", "c"]) if text else layers.Identity()


class Subclass(minidl.Model):
    def __init__(self, text=True):
        super().__init__()
        self.lookup = lookup(text)
        self.embedding, self.dense = layers.Embedding(4, 3), layers.Dense(1)

    def call(self, x):
        return self.dense(self.embedding(self.lookup(x)))


def sequential(text=True):
    first = layers.Input((1,), dtype="string" if text else "int32")
    return minidl.Sequential([first, lookup(text), layers.Embedding(4, 3), layers.Flatten(), layers.Dense(1)])


def unbuilt(text=True):
    return minidl.Sequential([lookup(text), layers.Embedding(4, 3), layers.Dense(1)])


def nested(text=True):
    x = layers.Input((), dtype="string" if text else "int32")
    return minidl.Model(x, layers.Dense(1)(Subclass(text)(x)))


@pytest.mark.slow
@pytest.mark.parametrize("make", [sequential, unbuilt, Subclass, nested])
def test_training_on_text_is_training_on_its_numbers(make):
    found = []
    for x in (LETTERS, np.array([1, 2, 3, 0] * 10, "int32")):
        minidl.utils.set_random_seed(1)
        model = make(x is LETTERS)
        model.compile("adam", "mse")
        found += [model.fit(x, Y, epochs=2, verbose=0).history["loss"], model.predict(x, verbose=0)]
        np.testing.assert_allclose(found[-1], model(x), rtol=1e-6)
        np.testing.assert_allclose(found[-1][:4], model.predict_on_batch(x[:4].tolist()), rtol=1e-6)
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_array_equal(found[1], found[3])
    assert found[0][1] < found[0][0] and np.ptp(found[1][:4]) > 0


def forms():
    yield "list", LETTERS.tolist()
    yield "object", LETTERS.astype(object)
    yield "bytes", np.char.encode(LETTERS)
    yield "mixed", np.array([b"a", "b", "c", "z"] * 10, object)


@pytest.mark.parametrize("form", [pytest.param(x, id=name) for name, x in forms()])
def test_arrays_of_every_kind(form):
    expected = fitted(LETTERS, Y)
    np.testing.assert_array_equal(fitted(form, Y), expected)


def fitted(*data, **arguments):
    minidl.utils.set_random_seed(2)
    model = Subclass()
    model.compile("adam", "mse")
    return model.fit(*data, epochs=2, verbose=0, shuffle=False, **arguments).history["loss"]


def test_series_and_columns():
    pandas = pytest.importorskip("pandas")
    np.testing.assert_array_equal(fitted(pandas.Series(LETTERS), Y), fitted(LETTERS, Y))
    model = table()
    frame = pandas.DataFrame({"letter": LETTERS, "number": NUMBERS, "size": NUMBERS / 5})
    model.fit(dict(frame), Y, verbose=0)
    np.testing.assert_allclose(model.predict(dict(frame), verbose=0), model(dict(frame)), rtol=1e-5, atol=1e-6)


def test_batches():
    expected = fitted(LETTERS, Y, batch_size=8)
    batches = [(LETTERS[i : i + 8], Y[i : i + 8]) for i in range(0, 40, 8)]
    np.testing.assert_allclose(fitted(iter(batches * 2), steps_per_epoch=5), expected, rtol=1e-6)

    class Data(minidl.utils.PyDataset):
        def __len__(self):
            return 5

        def __getitem__(self, i):
            return batches[i]

    np.testing.assert_allclose(fitted(Data()), expected, rtol=1e-6)


def test_tensorflow_data():
    tf = pytest.importorskip("tensorflow")
    expected = fitted(LETTERS, Y, batch_size=8)
    data = tf.data.Dataset.from_tensor_slices((LETTERS, Y)).batch(8)
    np.testing.assert_allclose(fitted(data), expected, rtol=1e-6)
    layer = layers.TextVectorization(output_sequence_length=3)
    layer.adapt(tf.data.Dataset.from_tensor_slices(TEXTS).batch(7))
    for texts, shape in ((TEXTS[0], (3,)), (TEXTS[:4], (None, 3))):
        data = tf.data.Dataset.from_tensors(texts) if isinstance(texts, str) else None
        data = tf.data.Dataset.from_tensor_slices(texts).batch(4) if data is None else data
        mapped = data.map(layer)
        assert mapped.element_spec == tf.TensorSpec(shape, "int64")
        np.testing.assert_array_equal(next(iter(mapped)), layer(texts))
    letters = tf.data.Dataset.from_tensor_slices([1, 2, 0]).batch(3)
    names = next(iter(letters.map(layers.StringLookup(vocabulary=["a", "b"], invert=True))))
    assert names.numpy().tolist() == [b"a", b"b", b"[UNK]"]


def table():
    inputs = {
        "letter": layers.Input((1,), dtype="string"),
        "number": layers.Input((1,), dtype="int64"),
        "size": layers.Input((1,)),
    }
    letter, number = inputs["letter"], inputs["number"]
    parts = [
        layers.StringLookup(vocabulary=["a", "b", "c"], output_mode="one_hot")(letter),
        layers.Hashing(4, output_mode="one_hot")(number),
        layers.IntegerLookup(vocabulary=[1, 2], output_mode="multi_hot")(number),
        layers.HashedCrossing(6, output_mode="one_hot")([letter, number]),
        layers.HashedCrossing(6, output_mode="one_hot")([number, layers.Hashing(3)(letter)]),
        inputs["size"],
    ]
    model = minidl.Model(inputs, layers.Dense(1)(layers.Concatenate()(parts)))
    model.compile("adam", "mse")
    return model


@pytest.mark.slow
def test_columns_of_text_and_numbers_together():
    model = table()
    x = {"letter": LETTERS, "number": NUMBERS, "size": NUMBERS / 5}
    rows = {name: column[:, None] for name, column in x.items()}
    first = model.fit(x, Y, epochs=3, verbose=0, validation_split=0.25).history
    assert first["loss"][2] < first["loss"][0] and len(first["val_loss"]) == 3
    predicted = model.predict(x, verbose=0)
    np.testing.assert_allclose(predicted, model.predict(rows, verbose=0), rtol=1e-6)
    np.testing.assert_allclose(predicted, model(x), rtol=1e-5, atol=1e-6)
    loss = model.evaluate(x, Y, verbose=0)
    assert loss == pytest.approx(np.mean((predicted[:, 0] - Y) ** 2), rel=1e-5)
    assert model.train_on_batch(x, Y) == pytest.approx(loss, rel=1e-5)
    assert model.test_on_batch(x, Y) < loss


def vectorized(**arguments):
    text = layers.TextVectorization(**arguments)
    text.adapt(TEXTS)
    return text


def test_text_of_unknown_length_is_as_long_as_the_longest_of_arrays():
    text = vectorized()
    model = minidl.Sequential([text, layers.Embedding(text.vocabulary_size(), 2)])
    assert model.predict(TEXTS, verbose=0, batch_size=1).shape == (40, 5, 2)
    assert model.predict(TEXTS[:2], verbose=0).shape == (2, 3, 2)
    batches = ((np.array(TEXTS[i : i + 2]),) for i in range(0, 4, 2))
    model = minidl.Sequential([text, layers.Embedding(text.vocabulary_size(), 2), layers.GlobalMaxPooling1D()])
    assert model.predict(batches, verbose=0).shape == (4, 2)


def test_rows_are_computed_as_they_are_read_where_they_are_many(monkeypatch):
    from minidl.core import host_plan

    text, calls = vectorized(output_mode="count"), []
    monkeypatch.setattr(host_plan, "_KEPT", 0)
    monkeypatch.setattr(host_plan.HostBatch.settled, "__defaults__", (0,))
    compute = text.compute
    monkeypatch.setattr(text, "compute", lambda inputs: calls.append(len(inputs)) or compute(inputs))
    model = minidl.Sequential([text, layers.Dense(1)])
    model.compile("sgd", "mse")
    lazily = model.predict(TEXTS, batch_size=8, verbose=0)
    assert sum(calls) == 40 and max(calls) <= 40
    np.testing.assert_allclose(lazily, model(np.array(TEXTS)), rtol=1e-6)
    model.fit(TEXTS, Y, batch_size=8, epochs=2, verbose=0)


def test_a_table_that_is_too_small_is_refused():
    model = minidl.Sequential([layers.StringLookup(vocabulary=["a", "b", "c"]), layers.Embedding(3, 2)])
    with pytest.raises(ValueError, match=r"x\['string_lookup.*values from 0 to 3, but the Embedding"):
        model.predict(LETTERS, verbose=0)


@pytest.mark.slow
def test_masks_of_tokens():
    text = vectorized(output_sequence_length=6)
    model = minidl.Sequential(
        [text, layers.Embedding(20, 2, mask_zero=True), layers.GlobalAveragePooling1D(), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    model.fit(TEXTS, Y, verbose=0)
    embedded = model.layers[1].embeddings.numpy()[np.asarray(text(["cat"]))[0, :1]]
    np.testing.assert_allclose(model.layers[3](embedded), model.predict(["cat"], verbose=0), rtol=1e-5)


class OwnStep(Subclass):
    def train_step(self, state, data):
        self.seen = data[0].shape, data[0].dtype
        return super().train_step(state, data)


def test_a_step_of_ones_own_sees_text():
    model = OwnStep()
    model.compile("adam", "mse")
    model.fit(LETTERS, Y, verbose=0)
    assert model.seen[0] in ((8,), (32,)) and model.seen[1] == "string"  # the last batch is smaller


class Parts(minidl.Model):
    """Takes text apart, and uses one layer twice."""

    def __init__(self):
        super().__init__()
        self.lookup = layers.StringLookup(vocabulary=["a", "b", "c"], output_mode="one_hot")
        self.dense = layers.Dense(1)

    def call(self, x):
        return self.dense(ops.concatenate([self.lookup(x[:, 0]), self.lookup(x[:, 1])], axis=-1))


def test_parts_of_an_array():
    model = Parts()
    model.compile("adam", "mse")
    x = np.stack([LETTERS, LETTERS[::-1]], axis=1)
    model.fit(x, Y, verbose=0)
    np.testing.assert_allclose(model.predict(x, verbose=0), model(x), rtol=1e-5)


def test_a_chain_of_text():
    back = layers.StringLookup(vocabulary=["x", "y", "w"], invert=True)
    model = minidl.Sequential([layers.StringLookup(vocabulary=["a", "b"]), back, layers.Hashing(100)])
    assert model.predict(["a", "b", "?"], verbose=0).tolist() == layers.Hashing(100)(["x", "y", "[UNK]"]).tolist()


@pytest.mark.slow
def test_run_eagerly():
    losses = []
    for eagerly in (True, False):
        minidl.utils.set_random_seed(3)
        model = Subclass()
        model.compile("adam", "mse", run_eagerly=eagerly)
        losses.append(model.fit(LETTERS, Y, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)


def unadapted():
    return minidl.Sequential([layers.TextVectorization(), layers.Embedding(4, 2)]).predict(TEXTS, verbose=0)


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        (lambda: minidl.Sequential([layers.Input((1,), dtype="string"), layers.Dense(1)]), TypeError, "got text"),
        (lambda: minidl.Sequential([layers.Dense(1)]).predict(LETTERS[:, None]), TypeError, "Dense .* takes numbers"),
        (lambda: layers.Dense(1)(LETTERS[:, None]), TypeError, "Put a layer before it that makes numbers of text"),
        (unadapted, ValueError, "no vocabulary yet: give it one, or call adapt"),
        (lambda: sequential().predict(np.ones((4, 1)), verbose=0), TypeError, "takes text, got numbers"),
        (lambda: sequential().predict(np.array([["a"], [None]], object), verbose=0), TypeError, "got None"),
        (
            lambda: minidl.Sequential(
                [layers.Dense(2), layers.Lambda(lambda x: ops.argmax(x, -1)), layers.StringLookup(invert=True)]
            ).predict(np.ones((4, 3)), verbose=0),
            ValueError,
            "gives text, which a compiled model cannot return",
        ),
    ],
)
def test_what_is_refused(run, error, message):
    with pytest.raises(error, match=message):
        run()


def test_targets_of_text_are_refused():
    model = sequential()
    model.compile("adam", "mse")
    with pytest.raises(TypeError, match="holds objects or text"):
        model.fit(LETTERS, LETTERS, verbose=0)
