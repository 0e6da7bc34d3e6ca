"""`Dataset` against `tf.data`, and what tf.data does not promise: passes that can begin anywhere, threads that end."""

import random
import threading
import time

import jax.numpy as jnp
import numpy as np
import pytest

import minidl as keras
from minidl.data import AUTOTUNE, INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Dataset, TensorSpec

X = np.arange(22, dtype="float32").reshape(11, 2)
Y = np.arange(11)
AHEAD = {"num_parallel_calls": 3}


def pairs(dataset):
    return dataset.from_tensor_slices((X, Y))


def counted(dataset):
    return dataset.range(11)


# name -> what is done with the class; all but the random ones are compared with tf.data
CHAINS = {
    "slices": pairs,
    "dict": lambda d: d.from_tensor_slices({"b": X, "a": (Y, Y)}).batch(3),
    "list": lambda d: d.from_tensor_slices([1, 2, 3]),
    "floats": lambda d: d.from_tensor_slices([1.5, 2.5]),
    "texts": lambda d: d.from_tensor_slices(["a", "bcd", ""]).batch(2),
    "one": lambda d: d.from_tensors((X, Y)),
    "range": lambda d: d.range(2, 17, 4),
    "batch": lambda d: pairs(d).batch(4),
    "batch without remainder": lambda d: pairs(d).batch(4, drop_remainder=True),
    "batches of batches": lambda d: pairs(d).batch(2, drop_remainder=True).batch(3),
    "unbatch": lambda d: pairs(d).batch(4).unbatch(),
    "rebatch": lambda d: pairs(d).batch(4).unbatch().batch(3),
    "map": lambda d: pairs(d).map(lambda x, y: (x * 2, {"y": y})).batch(3),
    "map to a list": lambda d: counted(d).map(lambda y: [y, y]),
    "map in threads": lambda d: pairs(d).map(lambda x, y: (x * 2, y), **AHEAD).batch(3).prefetch(AUTOTUNE),
    "map of batches": lambda d: pairs(d).batch(3).map(lambda x, y: x + 1, **AHEAD),
    "filter": lambda d: pairs(d).filter(lambda x, y: y % 3 == 0),
    "flat_map": lambda d: counted(d).flat_map(lambda y: d.from_tensors(y).repeat(2)),
    "take": lambda d: pairs(d).take(3),
    "take all": lambda d: pairs(d).take(-1),
    "take too many": lambda d: pairs(d).take(30),
    "skip": lambda d: pairs(d).skip(8),
    "skip all": lambda d: pairs(d).skip(-1),
    "skip too many": lambda d: pairs(d).skip(30),
    "take of batches": lambda d: pairs(d).batch(2).take(3).skip(1),
    "skip then take": lambda d: pairs(d).skip(3).take(4).batch(3),
    "repeat": lambda d: pairs(d).repeat(3).batch(4),
    "repeat batches": lambda d: pairs(d).batch(4).repeat(2),
    "repeat what is filtered": lambda d: counted(d).filter(lambda y: y > 6).repeat(3).skip(6),
    "repeat for ever": lambda d: counted(d).repeat().skip(27).take(9),
    "repeat for ever what is filtered": lambda d: counted(d).filter(lambda y: y > 6).repeat().skip(9).take(5),
    "cache": lambda d: pairs(d).batch(4).cache().map(lambda x, y: x),
    "enumerate": lambda d: counted(d).enumerate(5),
    "zip": lambda d: d.zip((pairs(d), counted(d).skip(4))),
    "zip of arguments": lambda d: d.zip(counted(d).batch(2), counted(d).repeat()),
    "zip of a dict": lambda d: d.zip({"z": counted(d), "a": counted(d).repeat()}),
    "concatenate": lambda d: counted(d).concatenate(counted(d).take(2)).skip(9),
    "shard": lambda d: counted(d).shard(3, 1),
    "apply": lambda d: counted(d).apply(lambda one: one.take(2)),
    "padded": lambda d: counted(d).map(lambda y: np.zeros(3) + 1).padded_batch(4),
    "shuffle of one": lambda d: pairs(d).shuffle(1),
}


def plain(element):
    if isinstance(element, dict):
        return {key: plain(part) for key, part in element.items()}
    return tuple(map(plain, element)) if isinstance(element, tuple) else element


def assert_same(ours, theirs):
    assert type(ours) is type(theirs) or not isinstance(theirs, (tuple, dict))
    if isinstance(theirs, (tuple, dict)):
        assert (list(ours) if isinstance(ours, dict) else len(ours)) == (
            list(theirs) if isinstance(theirs, dict) else len(theirs)
        )
        for key in theirs if isinstance(theirs, dict) else range(len(theirs)):
            assert_same(ours[key], theirs[key])
        return
    theirs = np.asarray(theirs)
    if theirs.dtype == object:
        theirs = np.vectorize(lambda text: text.decode(), otypes=[object])(theirs)
    assert (np.asarray(ours).dtype, np.shape(ours)) == (theirs.dtype, theirs.shape)
    assert np.asarray(ours).tolist() == theirs.tolist()


@pytest.mark.parametrize("name", CHAINS)
def test_the_same_elements_as_tf_data_live(name):
    tf = pytest.importorskip("tensorflow")
    ours, theirs = CHAINS[name](Dataset), CHAINS[name](tf.data.Dataset)
    for _ in range(2):
        expected = list(theirs.as_numpy_iterator())
        found = list(ours.as_numpy_iterator())
        assert len(found) == len(expected)
        for one, other in zip(found, expected):
            assert_same(one, other)
    count = int(theirs.cardinality())
    assert int(ours.cardinality()) in (count, UNKNOWN_CARDINALITY)
    if count >= 0 and int(ours.cardinality()) >= 0:
        assert len(ours) == count


@pytest.mark.parametrize(
    "name", [name for name in CHAINS if name not in ("skip all", "skip too many", "enumerate", "batches of batches")]
)
def test_the_same_specs_as_tf_data_live(name):
    tf = pytest.importorskip("tensorflow")

    def described(spec):
        if isinstance(spec, dict):
            return {key: described(part) for key, part in spec.items()}
        if isinstance(spec, tuple):
            return tuple(map(described, spec))
        dtype = spec.dtype if isinstance(spec, TensorSpec) else spec.dtype.as_numpy_dtype
        return tuple(spec.shape)[1:], np.dtype(dtype)

    ours, theirs = CHAINS[name](Dataset).element_spec, CHAINS[name](tf.data.Dataset).element_spec
    assert described(ours) == described(theirs)


def test_the_first_axis_of_batches_is_open():
    assert pairs(Dataset).batch(4).map(lambda x, y: x).element_spec == TensorSpec((None, 2), np.dtype("float32"))
    assert pairs(Dataset).element_spec[1] == TensorSpec((), np.dtype("int64"))


SHUFFLED = {
    "rows": lambda: Dataset.range(50).shuffle(50, seed=3),
    "rows in a buffer": lambda: Dataset.range(50).shuffle(7, seed=3),
    "elements": lambda: Dataset.range(50).map(lambda y: y).shuffle(50, seed=3),
    "elements in a buffer": lambda: Dataset.range(50).map(lambda y: y).shuffle(7, seed=3).batch(4),
    "batches": lambda: Dataset.range(50).shuffle(50, seed=3).batch(4),
    "twice": lambda: Dataset.range(50).shuffle(50, seed=3).batch(4).shuffle(9, seed=4),
    "parts": lambda: Dataset.range(50).shuffle(50, seed=3).skip(7).take(30).batch(4),
    "repeated": lambda: Dataset.range(50).shuffle(50, seed=3).repeat(2).batch(4),
    "in threads": lambda: Dataset.range(50).shuffle(50, seed=3).map(lambda y: y, **AHEAD).batch(4).prefetch(2),
    "cached": lambda: Dataset.range(50).shuffle(50, seed=3).cache().batch(4),
    "cached then shuffled": lambda: Dataset.range(50).batch(5).cache().shuffle(10, seed=3),
    "zipped": lambda: Dataset.zip((Dataset.range(50).shuffle(50, seed=3), Dataset.range(9))),
    "unbatched": lambda: Dataset.range(50).batch(7).shuffle(9, seed=3).unbatch().batch(3),
    "flat": lambda: Dataset.range(5).flat_map(lambda y: Dataset.range(9).shuffle(9, seed=3)).batch(2),
    "filtered": lambda: Dataset.range(50).shuffle(50, seed=3).filter(lambda y: y > 5).repeat(2),
    "concatenated": lambda: Dataset.range(5).shuffle(9, seed=3).concatenate(Dataset.range(9)).batch(2),
}


def listed(data, start=0):
    return [str(element) for element in data.read(start)]


@pytest.mark.parametrize("name", SHUFFLED)
def test_a_pass_can_begin_anywhere(name):
    passes = SHUFFLED[name]()
    whole = [listed(passes) for _ in range(3)]
    for epoch in range(3):
        for start in (0, 1, 5, len(whole[0]) - 1, len(whole[0]), len(whole[0]) + 3):
            again = SHUFFLED[name]()
            again.restore({**again.state(), "passes": epoch})
            assert listed(again, start) == whole[epoch][start:]


def test_another_one_goes_on_with_the_seeds_and_passes_of_the_first():
    first, other = (Dataset.range(50).shuffle(50).batch(4).shuffle(13, seed=i) for i in (None, 7))
    next(first.read())
    other.restore(first.state())
    assert listed(other) == listed(first)


@pytest.mark.parametrize("name", ["rows", "rows in a buffer", "elements", "elements in a buffer", "batches"])
def test_each_pass_has_an_order_of_its_own_and_each_element_once(name):
    data = SHUFFLED[name]()
    first, second = ([number for one in data for number in np.ravel(one).tolist()] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(50)) != first and first != second


def test_a_buffer_moves_no_element_further_ahead_than_its_size():
    """As in tf.data: the element given n-th is one of the first n + 7."""
    for data in (Dataset.range(50).shuffle(7, seed=1), Dataset.range(50).map(lambda y: y).shuffle(7, seed=1)):
        assert all(number < position + 7 for position, number in enumerate(map(int, data)))


def test_an_order_can_stay():
    data = Dataset.range(50).shuffle(50, seed=3, reshuffle_each_iteration=False)
    assert listed(data) == listed(data) != listed(Dataset.range(50))


def test_seeds_follow_from_set_random_seed_and_draw_nothing():
    def first():
        keras.utils.set_random_seed(4)
        data = Dataset.range(50).shuffle(50)
        return listed(data), random.random()

    one, other = first(), first()
    keras.utils.set_random_seed(4)
    assert one == other and random.random() == one[1]
    keras.utils.set_random_seed(5)
    assert listed(Dataset.range(50).shuffle(50)) != one[0]


def test_elements_are_numpy_arrays_with_numpy():
    data = Dataset.from_tensor_slices((X, Y, np.array(["a"] * 11))).batch(3).map(lambda x, y, text: (x, y, text))
    x, y, text = next(iter(data))
    assert isinstance(x, np.ndarray) and type(x.numpy()) is np.ndarray and type(x[0].numpy()) is np.ndarray
    assert text.numpy()[0] == text[0] == "a" and jnp.asarray(x).shape == (3, 2)
    for number in Dataset.range(3).skip(2):
        assert number.numpy() == 2 and ["a", "b", "c"][number] == "c"
    assert int(Dataset.range(3).cardinality().numpy()) == 3


def test_functions_may_return_arrays_of_other_libraries():
    tf, torch = pytest.importorskip("tensorflow"), pytest.importorskip("torch")
    layer = keras.layers.Rescaling(0.5)
    data = pairs(Dataset).batch(4)
    for function in (
        lambda x, y: (layer(x), y),
        lambda x, y: (tf.cast(x, "float32") / 2, tf.convert_to_tensor(y)),
        lambda x, y: (torch.tensor(x) / 2, torch.tensor(y)),
        lambda x, y: (jnp.asarray(x) / 2, y),
    ):
        for (x, y), (expected, labels) in zip(data.map(function, num_parallel_calls=2), data):
            np.testing.assert_array_equal(x, expected / 2)
            np.testing.assert_array_equal(y, labels)


def test_what_cannot_be_is_refused():
    data = pairs(Dataset)
    for wrong, message in (
        (lambda: data.batch(0), "batch_size must be at least 1, got 0"),
        (lambda: data.shuffle(0), "buffer_size must be at least 1"),
        (lambda: data.prefetch(0), "buffer_size must be at least 1"),
        (lambda: Dataset.from_tensor_slices((X, Y[:3])), "same number of rows"),
        (lambda: Dataset.from_tensor_slices(np.array(3)), "same number of rows"),
        (lambda: data.cache("file"), "in memory"),
        (lambda: data.padded_batch(2, padded_shapes=3), "pads with zeros"),
        (lambda: data.shard(2, 2), "index must be from 0 to 1"),
        (lambda: list(Dataset.range(3).map(lambda y: np.zeros(y)).batch(2)), "different shapes"),
        (lambda: list(Dataset.range(3).map(lambda y: (y,) * int(y)).batch(2)), "different structures"),
        (lambda: data.take(0).element_spec, "no elements"),
    ):
        with pytest.raises(ValueError, match=message):
            wrong()
    with pytest.raises(TypeError, match="without calling it"):
        Dataset.from_generator(iter([1]))
    with pytest.raises(TypeError, match="infinite"):
        len(data.repeat())
    with pytest.raises(TypeError, match="unknown"):
        len(data.unbatch())
    assert data.repeat().cardinality() == INFINITE_CARDINALITY


def test_a_generator_is_called_again_for_each_pass():
    def numbers(end):
        yield from ((np.ones(2) * i, i) for i in range(end))

    data = Dataset.from_generator(numbers, args=(5,)).batch(2)
    assert listed(data) == listed(data) and data.element_spec[0].shape == (None, 2)


def test_a_generator_may_write_each_element_into_the_same_array():
    def rows():
        row = np.empty(2)
        for number in range(4):
            row[:] = number
            yield row

    assert [batch[:, 0].tolist() for batch in Dataset.from_generator(rows).batch(2)] == [[0, 1], [2, 3]]


def ragged():
    return Dataset.range(4).map(lambda y: np.ones((int(y), 2), "float32"))


def test_padding_is_zeros_after_the_shorter_ones():
    batch = next(iter(ragged().padded_batch(4)))
    assert batch.shape == (4, 3, 2) and batch.sum(axis=(1, 2)).tolist() == [0, 2, 4, 6]


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("minidl-")]


@pytest.mark.parametrize("end", ["all", "one", "closed", "error"])
def test_threads_end_with_the_reading(end):
    def function(y):
        if end == "error" and y == 30:
            raise KeyError("row 30")
        return y

    data = Dataset.range(100).map(function, num_parallel_calls=3).batch(2).prefetch(2)
    if end == "all":
        assert len(list(data)) == 50
    elif end == "error":
        with pytest.raises(KeyError, match="row 30"):
            list(data)
    else:
        elements = iter(data)
        next(elements)
        assert threads()
        elements.close() if end == "closed" else None
        del elements
    deadline = time.monotonic() + 60
    while threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not threads()


def test_batches_are_made_ahead():
    made = []
    elements = iter(Dataset.range(10).map(lambda y: made.append(int(y)) or y).prefetch(3))
    assert int(next(elements)) == 0
    deadline = time.monotonic() + 60
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert 4 <= len(made) <= 6  # one given, three ready, one waiting to be, and perhaps one more
    elements.close()


def test_threads_of_map_work_at_once():
    barrier = threading.Barrier(3, timeout=60)
    assert listed(Dataset.range(3).map(lambda y: (barrier.wait(), y)[1], num_parallel_calls=3)) == ["0", "1", "2"]


def test_a_cache_is_read_once():
    calls = []
    data = Dataset.range(5).map(lambda y: calls.append(1) or y).cache()
    next(iter(data))
    assert len(calls) == 1
    for _ in range(3):
        assert len(list(data)) == 5
    assert len(calls) == 6


def model():
    keras.utils.set_random_seed(0)
    one = keras.Sequential([keras.layers.Dense(1)])
    one.compile("sgd", "mse", metrics=["mae"])
    return one


@pytest.mark.slow
def test_fit_evaluate_and_predict_take_one():
    x, y = X / 22, Y[:, None] / 11
    batches = Dataset.from_tensor_slices((x, y)).batch(4)
    one, other = model(), model()
    ours = one.fit(batches.prefetch(AUTOTUNE), epochs=3, validation_data=batches.take(2), verbose=0).history
    arrays = other.fit(
        x, y, 4, epochs=3, shuffle=False, validation_data=(x[:8], y[:8]), validation_batch_size=4, verbose=0
    )
    for name, values in arrays.history.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-6)
    np.testing.assert_allclose(one.evaluate(batches, verbose=0), other.evaluate(x, y, 4, verbose=0), rtol=1e-6)
    inputs = batches.map(lambda x, y: x)
    np.testing.assert_allclose(one.predict(inputs, verbose=0), other.predict(x, verbose=0), rtol=1e-6)
    assert not threads()


def test_an_endless_one_needs_steps():
    data = Dataset.from_tensor_slices((X, Y)).repeat().batch(4)
    with pytest.raises(ValueError, match="never ends: pass steps_per_epoch"):
        model().fit(data, verbose=0)
    assert len(model().fit(data, steps_per_epoch=5, epochs=2, verbose=0).epoch) == 2


def test_epochs_are_shuffled_anew_and_a_seed_repeats_them():
    seen = []

    def run():
        seen.clear()
        data = Dataset.from_tensor_slices((X, Y)).shuffle(11, seed=2).map(lambda x, y: seen.append(int(y)) or (x, y))
        model().fit(data.batch(4), epochs=2, verbose=0)
        return list(seen)

    first = run()
    assert sorted(first[:11]) == sorted(first[11:]) == list(range(11)) and first[:11] != first[11:] and run() == first
