"""Data of SciPy, pandas, PIL and NumPy's masked arrays: the numbers of the same data as a dense float array."""

import numpy as np
import pytest

import minidl
from minidl import layers
from minidl.core import arrays
from minidl.training.data.array_data import ArrayData

DENSE = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
DENSE[DENSE < 0.5] = 0
Y = np.random.default_rng(1).normal(size=(40, 1)).astype("float32")


def trained(x, y=Y, **arguments):
    minidl.utils.set_random_seed(1)
    model = minidl.Sequential([layers.Input((5,)), layers.Dense(1)])
    model.compile("adam", "mse")
    return model.fit(x, y, verbose=0, **arguments).history, model.predict(x, verbose=0)


@pytest.mark.parametrize(
    "form",
    [
        "csr_matrix",
        *(pytest.param(f, marks=pytest.mark.slow) for f in ("csc_matrix", "coo_matrix", "csr_array", "lil_matrix")),
    ],
)
def test_sparse_matrices_train_as_dense_ones(form):
    sparse = pytest.importorskip("scipy.sparse")
    for arguments in ({}, {"batch_size": 7}, {"validation_split": 0.25}, {"class_weight": None, "shuffle": "batch"}):
        history, outputs = trained(getattr(sparse, form)(DENSE.astype("float64")), **arguments)
        right, right_outputs = trained(DENSE, **arguments)
        assert history == right
        np.testing.assert_array_equal(outputs, right_outputs)


def test_sparse_matrices_in_dicts_generators_and_targets():
    sparse = pytest.importorskip("scipy.sparse")
    x = sparse.csr_matrix(DENSE)
    inputs = {"b": layers.Input((5,)), "a": layers.Input((2,))}
    model = minidl.Model(inputs, layers.Dense(5)(layers.concatenate(list(inputs.values()))))
    dense = model.predict({"b": DENSE, "a": DENSE[:, :2]}, verbose=0)
    np.testing.assert_array_equal(model.predict({"b": x, "a": DENSE[:, :2]}, verbose=0), dense)
    np.testing.assert_array_equal(model.predict(iter([({"b": x, "a": x[:, :2]},)]), verbose=0), dense)
    model.compile("sgd", "mse")
    given = {"b": DENSE, "a": DENSE[:, :2]}
    assert model.evaluate(given, x, verbose=0) == model.evaluate(given, DENSE, verbose=0)


def test_a_sparse_matrix_is_never_dense_as_a_whole(monkeypatch):
    sparse = pytest.importorskip("scipy.sparse")
    sizes = []
    read = arrays.SparseRows.__array__
    monkeypatch.setattr(arrays.SparseRows, "__array__", lambda self, *a, **k: sizes.append(len(self)) or read(self))
    x = sparse.random(1000, 2000, density=0.001, format="csr", dtype="float32")
    data = ArrayData(x, np.zeros(1000), batch_size=16, shuffle=True)
    rows = [len(chunk.batches[0].reshape(-1, 2000)) for chunk in data.epoch().chunks(lambda: 1)]
    assert rows and max(sizes) <= 16


def frame(pandas, **columns):
    return pandas.DataFrame({"a": [1.5, 2.5, 3.5], **columns})


COLUMNS = {
    "bool": (lambda pd: pd.Series([True, False, True]), [1, 0, 1]),
    "Int64": (lambda pd: pd.Series([1, 2, 3], dtype="Int64"), [1, 2, 3]),
    "Int64 with NA": (lambda pd: pd.Series([1, None, 3], dtype="Int64"), [1, np.nan, 3]),
    "boolean": (lambda pd: pd.Series([True, False, True], dtype="boolean"), [1, 0, 1]),
    "boolean with NA": (lambda pd: pd.Series([True, None, False], dtype="boolean"), [1, np.nan, 0]),
    "Float64 with NA": (lambda pd: pd.Series([0.5, None, 2.5], dtype="Float64"), [0.5, np.nan, 2.5]),
    "categories of numbers": (lambda pd: pd.Series([30, 10, 30]).astype("category"), [30, 10, 30]),
    "objects that are numbers": (lambda pd: pd.Series([1, 2.5, None], dtype=object), [1, 2.5, np.nan]),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_columns_of_a_data_frame(kind):
    pandas = pytest.importorskip("pandas")
    make, right = COLUMNS[kind]
    table = arrays.as_array(frame(pandas, b=make(pandas)))
    assert table.dtype.kind == "f"
    np.testing.assert_array_equal(table, np.transpose([[1.5, 2.5, 3.5], right]))
    np.testing.assert_array_equal(arrays.as_array(make(pandas)), right)


@pytest.mark.parametrize(
    "values, kind", [(["x", "y", "x"], "category"), (["x", "y", "z"], object), ([0, 1, 2], "datetime64[ns]")]
)
def test_columns_that_hold_no_numbers_are_refused_by_name(values, kind):
    pandas = pytest.importorskip("pandas")
    with pytest.raises(TypeError, match=r"column 'town'.*cat\.codes"):
        arrays.as_array(frame(pandas, town=pandas.Series(values).astype(kind)))


def test_masked_arrays_are_refused_unless_nothing_is_masked():
    masked = np.ma.masked_array(DENSE, mask=DENSE == 0)
    with pytest.raises(ValueError, match="filled"):
        trained(masked)
    assert trained(np.ma.masked_array(DENSE, mask=False))[0] == trained(DENSE)[0]


def test_images_are_one_array():
    image = pytest.importorskip("PIL.Image")
    pixels = np.arange(2 * 4 * 4 * 3, dtype="uint8").reshape(2, 4, 4, 3)
    given = arrays.as_arrays([image.fromarray(each) for each in pixels])
    np.testing.assert_array_equal(given, pixels)
    with pytest.raises(ValueError, match="resize"):
        arrays.as_arrays([image.new("RGB", (2, 2)), image.new("RGB", (3, 2))])


def test_complex_numbers_are_refused():
    with pytest.raises(TypeError, match=r"complex.*x\.imag"):
        trained(DENSE + 1j)


@pytest.mark.parametrize("value", [3_000_000_000, 2**40, -(2**40)])
def test_integers_beyond_int32_become_floats(value):
    """A layer with weights of one sums them; the mean squared error against zero is their square."""
    model = minidl.Sequential([layers.Input((4,)), layers.Dense(1, kernel_initializer="ones")])
    x = np.full((2, 4), value, "int64")
    np.testing.assert_allclose(model.predict(x, verbose=0), np.full((2, 1), 4.0 * value), rtol=1e-6)
    np.testing.assert_allclose(model.predict(iter([(x,)]), verbose=0), np.full((2, 1), 4.0 * value), rtol=1e-6)
    model.compile("sgd", "mse")
    loss = model.evaluate(np.zeros((2, 4)), np.full((2, 1), value), verbose=0)
    np.testing.assert_allclose(loss, float(value) ** 2, rtol=1e-6)


def test_integers_beyond_int32_in_a_mapped_file_are_refused(tmp_path):
    data = np.memmap(tmp_path / "x", "int64", "w+", shape=(8, 5))
    data[5, 0] = 2**40
    for shuffle in (False, True):
        with pytest.raises(ValueError, match="mapped file"):
            trained(data, Y[:8], shuffle=shuffle)


def test_floats_that_float32_cannot_hold_are_refused():
    x = DENSE.astype("float64")
    x[3, 0] = 1e39
    for call in (lambda: trained(x), lambda: trained(DENSE, np.where(Y > 0, 1e300, 0))):
        with pytest.raises(ValueError, match="float32 cannot hold"):
            call()


def test_a_batch_without_rows_is_refused():
    with pytest.raises(ValueError, match="yielded an empty batch"):
        trained(iter([(DENSE, Y), (DENSE[:0], Y[:0])]), None)


def test_layers_and_models_take_the_same_on_a_call():
    pandas, sparse = pytest.importorskip("pandas"), pytest.importorskip("scipy.sparse")
    layer = layers.Dense(1, kernel_initializer="ones")
    model = minidl.Sequential([layers.Input((2,)), layer])
    table = pandas.DataFrame({"a": pandas.Series([1, 2], dtype="Int64"), "b": [True, False]})
    for call in (layer, model):
        np.testing.assert_array_equal(call(table), [[2], [2]])
        np.testing.assert_array_equal(call(sparse.csr_matrix(np.eye(2))), [[1], [1]])
        np.testing.assert_allclose(call(np.array([[2**40, 0]])), [[2.0**40]])
        with pytest.raises(ValueError, match="masked"):
            call(np.ma.masked_array(np.ones((1, 2)), mask=[[True, False]]))
        with pytest.raises(ValueError, match="float32 cannot hold"):
            layer(np.array([[1e39, 0]]))
