"""Data into chunks: every row once, in Keras's order, in the device's types."""

import sys

import jax
import numpy as np
import pytest

from minidl.core.memory import aligned_empty
from minidl.training.data.array_data import ArrayData, as_arrays
from minidl.training.data.splits import class_weights_to_sample_weights, train_validation_split


def rows_of(data, wanted=5):
    """The rows of one epoch, batch by batch, as the chunks hold them."""
    batches = []
    for chunk in data.epoch().chunks(lambda: wanted):
        x = np.asarray(chunk.batches[0])
        batches.extend(x[: chunk.num_batches])
        assert chunk.num_rows == chunk.num_batches * x.shape[1]
    return batches


@pytest.mark.parametrize("wanted", [1, 3, 1000])
@pytest.mark.parametrize("rows", [1, 31, 32, 33, 64, 1000])
def test_each_row_comes_once_and_in_order(rows, wanted):
    data = ArrayData(np.arange(rows), batch_size=32)
    batches = rows_of(data, wanted)
    np.testing.assert_array_equal(np.concatenate(batches), np.arange(rows))
    assert len(batches) == data.num_batches
    assert [len(batch) for batch in batches[:-1]] == [min(32, rows)] * (len(batches) - 1)


def test_shuffling_takes_one_permutation_from_numpy_for_each_epoch():
    data = ArrayData(np.arange(100), batch_size=32, shuffle=True)
    np.random.seed(5)
    first, second = (np.concatenate(rows_of(data)) for _ in range(2))
    np.random.seed(5)
    np.testing.assert_array_equal(first, np.random.permutation(100))
    np.testing.assert_array_equal(second, np.random.permutation(100))


MEANWHILE = {
    "nothing": lambda: None,
    "a draw": lambda: np.random.rand(),
    "a draw from the cache of normals": lambda: np.random.randn(),
    "a seed": lambda: np.random.seed(1),
    "another kind of generator": lambda: np.random.set_bit_generator(np.random.PCG64(3)),
}


@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_looking_ahead_changes_no_draw(meanwhile):
    generator = np.random.get_bit_generator()

    def orders(look_ahead):
        data = ArrayData(np.arange(100), batch_size=32, shuffle=True)
        np.random.seed(5)
        np.random.randn()
        first = np.concatenate(rows_of(data))
        if look_ahead:
            data.look_ahead()
        MEANWHILE[meanwhile]()
        second = np.concatenate(rows_of(data))
        after = np.random.randn(3)
        np.random.set_bit_generator(generator)
        return first, second, after

    for one, other in zip(orders(True), orders(False)):
        np.testing.assert_array_equal(one, other)


def test_looking_ahead_draws_while_there_is_time(monkeypatch):
    data = ArrayData(np.arange(100), batch_size=32, shuffle=True)
    data.look_ahead()
    monkeypatch.setattr(np.random, "permutation", lambda rows: pytest.fail("drawn again"))
    assert sorted(np.concatenate(rows_of(data))) == list(range(100))


def test_epochs_of_some_steps_go_on_where_the_last_one_ended():
    data = ArrayData(np.arange(10), batch_size=2, steps=3)
    assert data.num_batches == 3
    first = np.concatenate(rows_of(data))
    with pytest.warns(UserWarning, match="ended 1 batches before the 3 steps"):
        second = np.concatenate(rows_of(data))
    third = np.concatenate(rows_of(data))
    assert [list(rows) for rows in (first, second, third)] == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9], [0, 1, 2, 3, 4, 5]]


def test_steps_without_a_batch_size_divide_the_rows():
    assert ArrayData(np.arange(10), steps=4).batch_size == 3


def test_shuffling_in_batches_keeps_rows_in_their_batch():
    np.random.seed(0)
    batches = rows_of(ArrayData(np.arange(70), batch_size=32, shuffle="batch"))
    for batch, expected in zip(batches, (range(32), range(32, 64), range(64, 70))):
        assert sorted(batch) == list(expected)
    assert list(batches[0]) != list(range(32))


def test_structures_stay_together():
    x = {"a": np.arange(50), "b": (np.arange(50) * 2.0, np.arange(100).reshape(50, 2))}
    data = ArrayData(x, np.arange(50) * 3, batch_size=8, shuffle=True)
    for chunk in data.epoch().chunks(lambda: 4):
        (x, y, weights), count = chunk.batches, chunk.num_batches
        assert weights is None
        np.testing.assert_array_equal(x["a"][:count] * 2.0, x["b"][0][:count])
        np.testing.assert_array_equal(x["a"][:count] * 2, x["b"][1][:count, :, 0])
        np.testing.assert_array_equal(x["a"][:count] * 3, y[:count])


TYPES = {"float64": "float32", "float16": "float32", "int64": "int32", "uint8": "uint8", "bool": "bool"}


@pytest.mark.parametrize("given", TYPES)
def test_types_on_the_device(given):
    data = ArrayData(np.ones((40, 3), given), batch_size=8)
    chunk = next(data.epoch().chunks(lambda: 2))
    assert chunk.batches[0].dtype == TYPES[given]
    assert data.specs()[0][0].dtype == TYPES[given]
    np.testing.assert_array_equal(np.asarray(chunk.batches[0])[:2], np.ones((2, 8, 3)))


def test_all_chunks_of_a_run_have_one_shape():
    data = ArrayData(np.zeros((32 * 500 + 7, 10), "float32"), batch_size=32)
    lengths = iter([1, 4, 16, 64] + [1000] * 100)
    shapes = [chunk.batches[0].shape for chunk in data.epoch().chunks(lambda: next(lengths))]
    assert set(shapes[:-1]) == {(data.capacity, 32, 10)}
    assert shapes[-1] == (1, 7, 10)


def test_chunks_stay_small_for_large_rows():
    images = np.broadcast_to(np.float32(0), (1000, 224, 224, 3))
    data = ArrayData(images, batch_size=32)
    assert data.capacity == 1
    assert ArrayData(np.zeros((10, 3)), batch_size=10).capacity == 1


def test_chunks_do_not_share_memory():
    data = ArrayData(np.arange(64.0), batch_size=8)
    chunks = list(data.epoch().chunks(lambda: 2))
    values = [np.array(chunk.batches[0])[:2].ravel() for chunk in chunks]
    np.testing.assert_array_equal(np.concatenate(values), np.arange(64.0))


def test_jax_arrays_and_lists():
    assert isinstance(as_arrays([1, 2, 3]), np.ndarray)
    assert isinstance(as_arrays([[1.0, 2.0], [3.0, 4.0]]), np.ndarray)
    two = as_arrays([np.zeros(3), jax.numpy.ones(3)])
    assert isinstance(two, list) and all(isinstance(array, np.ndarray) for array in two)
    assert as_arrays(None) is None


@pytest.mark.parametrize("shape", [(), (3,), (100, 7)])
def test_aligned_memory(shape):
    array = aligned_empty(shape, "float32")
    assert array.shape == shape and array.dtype == "float32"
    assert array.ctypes.data % 64 == 0


def test_validation_split_takes_the_last_rows():
    (x, y, none), (vx, vy, vnone) = train_validation_split((np.arange(10), np.arange(10), None), 0.25)
    np.testing.assert_array_equal(x, np.arange(7))
    np.testing.assert_array_equal(vx, np.arange(7, 10))
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(vy, vx)
    assert none is None and vnone is None


@pytest.mark.parametrize("y", [np.array([0, 1, 2]), np.array([[0], [1], [2]]), np.eye(3)])
def test_class_weights(y):
    np.testing.assert_array_equal(class_weights_to_sample_weights(y, {0: 0.5, 2: 3.0}), [0.5, 1.0, 3.0])


def resident_file_pages():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssFile")) * 1024


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_file_larger_than_memory_can_be_read(tmp_path, shuffle):
    """The pages of a mapped file do not pile up in the process."""
    size = 64 * 2**20
    np.memmap(tmp_path / "rows", "float32", "w+", shape=(size // 1024, 256))[:] = 1.0
    data = ArrayData(np.memmap(tmp_path / "rows", "float32", "r", shape=(size // 1024, 256)), shuffle=shuffle)
    before, most, total = resident_file_pages(), 0, 0.0
    for chunk in data.epoch().chunks(lambda: 16):
        total += float(chunk.batches[0][: chunk.num_batches].sum())
        most = max(most, resident_file_pages())
        data.reuse(chunk)
    assert total == size / 4
    assert most - before < size / 8


def test_changes_of_a_private_map_are_kept(tmp_path):
    np.memmap(tmp_path / "rows", "float32", "w+", shape=(64,))[:] = 1.0
    rows = np.memmap(tmp_path / "rows", "float32", "c", shape=(64,))
    rows[3] = 7.0
    data = ArrayData(rows, batch_size=16)
    for _ in range(2):
        assert np.concatenate(rows_of(data))[3] == 7.0
