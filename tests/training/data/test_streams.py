"""Batches from any iterable: every batch once and in order, whatever its shape, and everything closed at the end."""

import itertools
import multiprocessing
import threading
import traceback

import jax
import numpy as np
import pytest

import minidl as keras
from minidl.training.data.streams import StreamData, is_stream
from tests.counting import compilations

X = np.arange(200, dtype="float32").reshape(100, 2) / 100
Y = X.sum(axis=1, keepdims=True)


def batches(sizes=(16,) * 6 + (4,)):
    starts = np.cumsum([0, *sizes])
    return [(X[start : start + size], Y[start : start + size]) for start, size in zip(starts, sizes)]


class Squares(keras.utils.PyDataset):
    def __len__(self):
        return 7

    def __getitem__(self, index):
        return batches()[index]


def model():
    keras.utils.set_random_seed(0)
    made = keras.Sequential([keras.layers.Dense(1)])
    made.compile(optimizer="sgd", loss="mse")
    return made


def rows_given(data, wanted=3):
    given = []
    for chunk in data.epoch().chunks(lambda: wanted):
        x = np.array(chunk.batches[0])  # a copy: the memory is used again
        given.extend(x[: chunk.num_batches].reshape(-1, 2))
        assert chunk.num_rows == chunk.num_batches * x.shape[1]
        data.reuse(chunk)
    return np.array(given)


@pytest.mark.parametrize("wanted", [1, 3, 100])
@pytest.mark.parametrize("sizes", [(16,) * 6 + (4,), (100,), (10, 20, 10, 20, 40), (1, 99)])
def test_each_batch_comes_once_and_in_order(sizes, wanted):
    np.testing.assert_array_equal(rows_given(StreamData(batches(sizes)), wanted), X)


@pytest.mark.parametrize("wanted", [1, 3, 100])
@pytest.mark.parametrize("sizes", [(16,) * 6 + (4,), (100,), (10, 20, 10, 20, 40)])
def test_a_generator_may_write_each_batch_into_the_same_memory(sizes, wanted):
    def reused():
        memory = np.empty(X.shape, "float32")
        for x, y in batches(sizes):
            memory[: len(x)] = x
            yield memory[: len(x)], y

    np.testing.assert_array_equal(rows_given(StreamData(reused()), wanted), X)
    built = model()
    np.testing.assert_array_equal(
        built.predict((x for x, _ in reused()), verbose=0),
        np.concatenate([built.predict(x, verbose=0) for x, _ in batches(sizes)]),
    )


def test_a_source_that_can_be_read_again_is_read_from_its_beginning_each_epoch():
    data = StreamData(Squares())
    for _ in range(2):
        np.testing.assert_array_equal(rows_given(data), X)


def test_epochs_of_some_steps_go_on_where_the_last_one_ended_and_take_no_more():
    taken = []
    source = (taken.append(i) or batch for i, batch in enumerate(batches()))
    data = StreamData(source, steps=2)
    np.testing.assert_array_equal(rows_given(data), X[:32])
    assert taken == [0, 1]
    np.testing.assert_array_equal(rows_given(data), X[32:64])


def test_a_generator_that_ends_early_warns_and_an_exhausted_one_is_refused():
    trained = model()
    with pytest.warns(UserWarning, match="ended 3 batches before the 10 steps"):
        trained.fit(iter(batches()), steps_per_epoch=10, verbose=0)
    with pytest.warns(UserWarning, match="nothing is left for epoch 2 of 2"):
        trained.fit(iter(batches()), epochs=2, verbose=0)
    with pytest.raises(ValueError, match="ended before its first batch"):
        trained.fit(iter([]), verbose=0)


def test_training_on_batches_is_training_on_their_rows():
    on_rows, on_batches = model(), model()
    on_rows.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    on_batches.fit(Squares(), epochs=2, shuffle=False, verbose=0)
    for one, other in zip(on_rows.get_weights(), on_batches.get_weights()):
        np.testing.assert_array_equal(one, other)
    assert on_rows.evaluate(X, Y, batch_size=16, verbose=0) == on_batches.evaluate(Squares(), verbose=0)
    np.testing.assert_array_equal(on_rows.predict(X, 16, verbose=0), on_batches.predict(Squares(), verbose=0))


def test_a_second_pass_compiles_nothing():
    trained = model()
    trained.fit(Squares(), verbose=0)
    with compilations() as compiled:
        trained.fit(Squares(), epochs=2, verbose=0)
    assert compiled == []


def test_an_error_in_a_generator_arrives_with_its_own_traceback():
    def broken():
        yield batches()[0]
        raise KeyError("a row that is missing")

    with pytest.raises(KeyError, match="a row that is missing") as caught:
        model().fit(broken(), steps_per_epoch=3, verbose=0)
    assert any(frame.name == "broken" for frame in traceback.extract_tb(caught.value.__traceback__))


@pytest.mark.parametrize("stop", ["at the end", "early", "with an error"])
def test_workers_end_with_the_call(stop):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if stop == "early":
                self.model.stop_training = True
            if stop == "with an error":
                raise RuntimeError("stopped")

    before = threading.active_count()
    try:
        model().fit(Squares(workers=3), verbose=0, callbacks=[Stop()])
    except RuntimeError:
        assert stop == "with an error"
    assert threading.active_count() == before


@pytest.mark.slow
def test_processes_give_the_same_batches_and_end():
    trained, expected, source = model(), model(), Squares(workers=2, use_multiprocessing=True)
    trained.fit(source, epochs=2, shuffle=False, verbose=0)
    expected.fit(Squares(), epochs=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(trained.get_weights()[0], expected.get_weights()[0])
    assert multiprocessing.active_children() == []
    np.testing.assert_array_equal(np.concatenate([x for x, _ in source]), X)
    assert multiprocessing.active_children() == []


class Faulty(Squares):
    def __getitem__(self, index):
        raise KeyError("the user's own")


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"workers": 2}, {"workers": 2, "use_multiprocessing": True}])
def test_an_error_in_a_worker_arrives_with_its_line(settings):
    with pytest.raises(KeyError, match="the user's own") as caught:
        model().fit(Faulty(**settings), verbose=0)
    assert 'raise KeyError("the user' in "".join(traceback.format_exception(caught.value))
    assert multiprocessing.active_children() == []


def level(size=None):
    """Batches of zeros, ones, twos, ...: the mean of those that were used tells which they were."""
    array = np.zeros((4, 1), "float32")
    for value in itertools.count() if size is None else range(size):
        array[...] = value  # one array for all batches
        yield array, np.zeros((4, 1), "float32")


# From Keras 3.15.1 on JAX with validation_steps=2, which is what it documents for every number of steps; a finite
# generator is validated on in all epochs, where Keras warns and then repeats the first batch: mean of 0, ..., 5.
@pytest.mark.slow
@pytest.mark.parametrize(("size", "steps", "expected"), [(None, 2, 0.5), (None, 5, 2.0), (6, None, 2.5), (6, 3, 1.0)])
def test_validation_from_a_generator_is_on_the_same_batches_in_every_epoch(size, steps, expected):
    made = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)])
    made.compile(keras.optimizers.SGD(0.0), "mae")
    validation = {"validation_data": level(size), "validation_steps": steps, "validation_freq": [1, 3, 4]}
    history = made.fit(np.ones((8, 1)), np.ones((8, 1)), epochs=4, verbose=0, **validation).history
    assert history["val_loss"] == [expected] * 3


def test_validation_that_a_callback_ends_early_reads_on_in_the_next_epoch():
    class Early(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            self.model.stop_evaluating = len(seen) == 0

        def on_epoch_end(self, epoch, logs=None):
            seen.append(logs["val_loss"])

    seen = []
    made = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)])
    made.compile(keras.optimizers.SGD(0.0), "mae")
    settings = {"validation_data": level(), "validation_steps": 5, "callbacks": Early()}
    made.fit(np.ones((8, 1)), np.ones((8, 1)), epochs=3, verbose=0, **settings)
    assert seen == [0.0, 2.0, 2.0]


def test_is_stream():
    pandas = pytest.importorskip("pandas")
    arrays = [X, [X, Y], (X, Y), {"a": X}, jax.numpy.ones(3), pandas.DataFrame(X), pandas.Series(Y[:, 0]), "text", None]
    assert [is_stream(value) for value in arrays] == [False] * len(arrays)
    assert all(map(is_stream, [iter(batches()), Squares(), (batch for batch in batches()), map(str, [])]))


def test_a_data_frame_is_an_array():
    pandas = pytest.importorskip("pandas")
    trained, other = model(), model()
    trained.fit(pandas.DataFrame(X), pandas.Series(Y[:, 0]), shuffle=False, verbose=0)
    other.fit(X, Y, shuffle=False, verbose=0)
    np.testing.assert_array_equal(trained.get_weights()[0], other.get_weights()[0])


def assert_trains_as_squares(source):
    expected, trained = model(), model()
    expected.fit(Squares(), epochs=2, shuffle=False, verbose=0)
    trained.fit(source, epochs=2, verbose=0)
    np.testing.assert_array_equal(trained.get_weights()[0], expected.get_weights()[0])


def test_a_torch_data_loader():
    data = pytest.importorskip("torch.utils.data")
    torch = pytest.importorskip("torch")
    rows = data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    assert_trains_as_squares(data.DataLoader(rows, batch_size=16))


def test_a_tensorflow_data_set():
    tensorflow = pytest.importorskip("tensorflow")
    assert_trains_as_squares(tensorflow.data.Dataset.from_tensor_slices((X, Y)).batch(16))


def test_a_grain_data_set():
    grain = pytest.importorskip("grain")
    rows = grain.MapDataset.source(list(zip(X, Y))).batch(16)
    assert_trains_as_squares(rows)


def test_small_integers_travel_as_they_are():
    data = StreamData([(np.zeros((4, 3), "uint8"), np.zeros(4, "int64"))])
    x, y, _ = next(data.epoch().chunks(lambda: 1)).batches
    assert (x.dtype, y.dtype) == (np.uint8, np.int32)


WRONG = {
    "four parts": ([(X, Y, Y, Y)], "tuple of 4"),
    "parts of different lengths": ([(X, Y[:3])], "of the same length"),
    "a number": ([(1.0, 2.0)], "first axis of examples"),
    "text": ([(np.array(["a"]), Y[:1])], "objects or text"),
}


@pytest.mark.parametrize("case", WRONG)
def test_invalid_batches_are_refused(case):
    source, message = WRONG[case]
    with pytest.raises((ValueError, TypeError), match=message):
        StreamData(iter(source))


def test_targets_with_a_stream_are_refused():
    with pytest.raises(ValueError, match="y cannot be given together with a list_iterator"):
        model().fit(iter(batches()), Y, verbose=0)
    with pytest.raises(ValueError, match="validation_split needs arrays"):
        model().fit((batch for batch in batches()), validation_split=0.2, verbose=0)


def test_labels_out_of_range_in_a_stream_are_refused():
    """The first batches are good: Keras on JAX would take the loss of the others for 0."""
    keras.utils.set_random_seed(0)
    classifier = keras.Sequential([keras.layers.Dense(3, activation="softmax")])
    classifier.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
    labels = [np.arange(4) % 3, np.arange(4) % 3, np.array([0, 1, 2, 3])]
    with pytest.raises(ValueError, match="labels from 0 to 3, but the model's output has 3 classes"):
        classifier.fit(((X[:4], y) for y in labels), verbose=0)


def test_a_data_set_without_a_length_iterates_without_an_end():
    class Counting(keras.utils.PyDataset):
        def __getitem__(self, index):
            return index

    assert [index for index, _ in zip(Counting(), range(5))] == [0, 1, 2, 3, 4]


def lengths_in(library, kind):
    """What training on sequences of several lengths gives; those of the second epoch are new."""
    layers = library.layers

    class Subclass(library.Model):
        def __init__(self):
            super().__init__()
            self.recurrent, self.out = layers.SimpleRNN(3, return_sequences=True), layers.Dense(1)

        def call(self, x):
            return self.out(self.recurrent(x))

    def functional():
        x = library.Input((None, 2))
        return library.Model(x, layers.Dense(1)(layers.SimpleRNN(3, return_sequences=True)(x)))

    def sequential():
        return library.Sequential([layers.SimpleRNN(3, return_sequences=True), layers.Dense(1)])

    library.utils.set_random_seed(0)
    made = {"subclass": Subclass, "functional": functional, "sequential": sequential}[kind]()
    made.compile("sgd", "mse", metrics=["mae"])
    given = ((X[:40].reshape(4, 10, 2)[:, :n], Y[:40].reshape(4, 10, 1)[:, :n]) for n in (5, 5, 7, 5, 9, 10, 9, 7))
    history = made.fit(given, steps_per_epoch=4, epochs=2, verbose=0).history
    return history, made.predict(X[:6].reshape(1, 6, 2), verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["functional", "sequential", "subclass"])
def test_live_sequences_of_other_lengths(kind):
    history, outputs = lengths_in(keras, kind)
    want, want_outputs = lengths_in(pytest.importorskip("keras"), kind)
    assert outputs.shape == (1, 6, 1)
    np.testing.assert_allclose(outputs, want_outputs, rtol=1e-4, atol=1e-6)
    for name in want:
        np.testing.assert_allclose(history[name], want[name], rtol=1e-5)


@pytest.mark.slow
def test_targets_of_another_length_than_the_outputs_are_refused():
    made = keras.Sequential([keras.layers.SimpleRNN(3, return_sequences=True), keras.layers.Dense(1)])
    made.compile("sgd", "mse")
    given = [(np.ones((2, n, 2)), np.ones((2, 5, 1))) for n in (5, 7)]
    with pytest.raises(ValueError, match=r"y has shape \(2, 5, 1\) and the model's output \(None, 7, 1\)"):
        made.fit(iter(given), verbose=0)


def test_an_axis_without_entries():
    made = keras.Sequential([keras.layers.LayerNormalization()])
    made.compile("sgd", "mse")
    made.fit(iter([(np.ones((2, 0, 3)), np.ones((2, 0, 3)))] * 2), verbose=0)
    np.testing.assert_array_equal(made.layers[0].gamma, np.ones(3))


def test_a_dataset_may_call_an_attribute_batches():
    class Own(keras.utils.PyDataset):
        def __init__(self):
            super().__init__()
            self.batches = [np.full((2, 1), i, "float32") for i in range(3)]

        def __len__(self):
            return len(self.batches)

        def __getitem__(self, index):
            return self.batches[index]

    model = keras.Sequential([keras.layers.Identity(input_shape=(1,))])
    assert model.predict(Own(), verbose=0)[:, 0].tolist() == [0, 0, 1, 1, 2, 2]
