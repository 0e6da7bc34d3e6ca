"""The data sets that are downloaded: small files of the true formats, compared with Keras, and hostile ones."""

import gzip
import importlib
import io
import json
import os
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

import minidl as keras
from minidl.datasets import fetched, words
from tests.serving import serving

RANDOM = np.random.default_rng(0)


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def texts(count):
    """Lists of word numbers of different lengths, as the files have them."""
    lists = np.empty(count, object)
    lists[:] = [RANDOM.integers(1, 50, RANDOM.integers(1, 12)).tolist() for _ in range(count)]
    return lists


def idx(array):
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes())


def images(count):
    return RANDOM.integers(0, 256, (count, 28, 28), "uint8"), RANDOM.integers(0, 10, count, "uint8")


def archive(folder, files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"{folder}/{name}")
            data = pickle.dumps(content, protocol=3)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def cifar(count, **labels):
    rows = {f"{name}".encode(): RANDOM.integers(0, high, count).tolist() for name, high in labels.items()}
    return {b"data": RANDOM.integers(0, 256, (count, 3072), "uint8"), **rows}


BATCHES = {f"data_batch_{i}": cifar(3, labels=10) for i in range(1, 6)} | {"test_batch": cifar(2, labels=10)}
HUNDRED = {name: cifar(4, fine_labels=100, coarse_labels=20) for name in ("train", "test")}
(X, Y), (X_TEST, Y_TEST) = images(30), images(10)
FILES = {
    "mnist": npz(x_train=X, y_train=Y, x_test=X_TEST, y_test=Y_TEST),
    "fashion_train_images": idx(X),
    "fashion_train_labels": idx(Y),
    "fashion_test_images": idx(X_TEST),
    "fashion_test_labels": idx(Y_TEST),
    "boston_housing": npz(x=RANDOM.normal(size=(26, 13)), y=RANDOM.normal(size=26)),
    "california_housing": npz(x=RANDOM.normal(size=(702, 8)).astype("float32"), y=np.arange(702, dtype="float32")),
    "imdb": npz(x_train=texts(40), y_train=np.arange(40) % 2, x_test=texts(30), y_test=np.arange(30) % 2),
    "imdb_words": json.dumps({"the": 1, "café": 2}).encode(),
    "reuters": npz(x=texts(53), y=np.arange(53) % 46),
    "reuters_words": json.dumps({"the": 1}).encode(),
    "cifar10": archive("cifar-10-batches-py", BATCHES),
    "cifar100": archive("cifar-100-python", HUNDRED),
}


@pytest.fixture
def served(monkeypatch, tmp_path):
    """The files, in the place of the true ones."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with serving() as server:
        for name, source in fetched.SOURCES.items():
            url, digits = server.add(os.path.basename(source.url), FILES[name])
            monkeypatch.setitem(fetched.SOURCES, name, fetched.Source(url, source.digits and digits))
        yield server


def compare(ours, theirs):
    for part, other in zip(ours, theirs, strict=True):
        for array, expected in zip(part, other, strict=True):
            assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
            assert array.tolist() == expected.tolist()


LOADS = {
    "mnist": [{}],
    "fashion_mnist": [{}],
    "boston_housing": [{}, {"test_split": 0.0}, {"test_split": 0.37, "seed": 5}],
    "california_housing": [{}, {"version": "small", "seed": 7}],
    "cifar100": [{}, {"label_mode": "coarse"}],
    "imdb": [
        *({}, {"num_words": 20}, {"num_words": 20, "skip_top": 5, "oov_char": None}, {"maxlen": 8}, {"seed": 2}),
        *({"start_char": None}, {"start_char": None, "index_from": 0}, {"index_from": 7, "maxlen": 5, "oov_char": 9}),
    ],
    "reuters": [
        *({}, {"num_words": 20}, {"num_words": 20, "skip_top": 5, "oov_char": None}, {"maxlen": 8, "test_split": 0.3}),
        *({"start_char": None}, {"start_char": None, "index_from": 0}),
    ],
}
CASES = [(name, options) for name, cases in LOADS.items() for options in cases]


@pytest.mark.parametrize("name, options", CASES, ids=lambda value: str(value))
def test_the_same_arrays_as_keras_live(served, monkeypatch, name, options):
    pytest.importorskip("keras")
    ours = getattr(keras.datasets, name).load_data(**options)
    theirs = importlib.import_module(f"keras.src.datasets.{name}")
    paths = {os.path.basename(source.url): key for key, source in fetched.SOURCES.items()}

    def get_file(fname, origin, cache_subdir="datasets", extract=False, **kwargs):
        return fetched.fetch(paths[os.path.basename(origin)], fname, cache_subdir, extract)

    monkeypatch.setattr(theirs, "get_file", get_file)
    compare(ours, theirs.load_data(**options))


def test_cifar10_is_the_batches_in_order(served, tmp_path):
    (x, y), (x_test, y_test) = keras.datasets.cifar10.load_data()
    assert (x.shape, y.shape, x_test.shape, y_test.shape) == ((15, 32, 32, 3), (15, 1), (2, 32, 32, 3), (2, 1))
    assert {array.dtype for array in (x, y, x_test, y_test)} == {np.dtype("uint8")}
    batch = BATCHES["data_batch_2"]
    assert y[3:6, 0].tolist() == batch[b"labels"]
    np.testing.assert_array_equal(x[4, 5, 6], batch[b"data"][1].reshape(3, 32, 32)[:, 5, 6])
    np.testing.assert_array_equal(x_test[1, 0, :, 2], BATCHES["test_batch"][b"data"][1, 2048:2080])
    assert sorted(os.listdir(tmp_path / "datasets")) == [
        "cifar-10-batches-py-target",
        "cifar-10-batches-py-target_archive",
    ]


def test_names_in_the_cache_are_those_of_keras(served, tmp_path):
    for name in LOADS:
        getattr(keras.datasets, name).load_data()
    keras.datasets.imdb.get_word_index()
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {
        *(f"datasets/{name}.npz" for name in ("mnist", "imdb", "reuters", "boston_housing", "california_housing")),
        *(f"datasets/fashion-mnist/{p}-ubyte.gz" for p in ("train-labels-idx1", "train-images-idx3")),
        *(f"datasets/fashion-mnist/{p}-ubyte.gz" for p in ("t10k-labels-idx1", "t10k-images-idx3")),
        "datasets/imdb_word_index.json",
        "datasets/cifar-100-python-target_archive",
        *(f"datasets/cifar-100-python-target/cifar-100-python/{name}" for name in ("train", "test")),
    }
    asked = len(served.asked)
    keras.datasets.mnist.load_data("own.npz")
    keras.datasets.mnist.load_data("own.npz")
    assert len(served.asked) == asked + 1


def test_words(served):
    assert keras.datasets.imdb.get_word_index() == {"the": 1, "café": 2}
    assert keras.datasets.reuters.get_word_index() == {"the": 1}


def test_topics_are_those_of_keras_live():
    assert keras.datasets.reuters.get_label_names() == pytest.importorskip("keras").datasets.reuters.get_label_names()


def test_sources_are_those_of_keras_live():
    theirs = pytest.importorskip("keras").src.datasets
    text = "".join(
        open(os.path.join(os.path.dirname(theirs.__file__), name)).read()
        for name in os.listdir(os.path.dirname(theirs.__file__))
        if name.endswith(".py")
    )
    for url, digits in fetched.SOURCES.values():
        assert os.path.basename(url) in text and os.path.dirname(url) + "/" in text and (digits or "") in text


def test_wrong_options_are_refused():
    for call in (
        lambda: keras.datasets.boston_housing.load_data(test_split=1.0),
        lambda: keras.datasets.reuters.load_data(test_split=-0.1),
        lambda: keras.datasets.california_housing.load_data(version="medium"),
        lambda: keras.datasets.cifar100.load_data(label_mode="all"),
    ):
        with pytest.raises(ValueError, match="must be"):
            call()


def test_a_maxlen_that_keeps_nothing(served):
    for name in ("imdb", "reuters"):
        with pytest.raises(ValueError, match="maxlen=1"):
            getattr(keras.datasets, name).load_data(maxlen=1)


def test_texts_that_lose_all_their_words():
    """By hand: of [1], [2, 9], [] and [9] without the numbers below 5, [9] and [9] are left."""
    options = words.Options(10, 5, None, start_char=None, oov_char=None, index_from=0)
    assert words.prepare([[1], [2, 9], [], [9], [3]], options)[0].tolist() == [[], [9], [], [9], []]


class Bomb:
    """What runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def hostile_npz(content):
    """An .npz whose x is a pickle of anything."""
    buffer = io.BytesIO()
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("x.npy", header.getvalue() + content)
        file.writestr("y.npy", npy(np.zeros(1)))
    return buffer.getvalue()


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def set_file(served, monkeypatch, name, content):
    """Another file, with a hash that fits."""
    url, digits = served.add(os.path.basename(fetched.SOURCES[name].url), content)
    monkeypatch.setitem(fetched.SOURCES, name, fetched.Source(url, digits))


def test_what_is_pickled_is_never_run(served, monkeypatch, tmp_path):
    bomb = Bomb(tmp_path / "ran")
    array = np.empty(1, object)
    array[0] = bomb
    set_file(served, monkeypatch, "reuters", npz(x=array, y=np.zeros(1)))
    set_file(served, monkeypatch, "cifar100", archive("cifar-100-python", {"train": bomb, "test": bomb}))
    for name in ("reuters", "cifar100"):
        with pytest.raises(ValueError, match=r"it asks for (posix|nt).system"):
            getattr(keras.datasets, name).load_data()
    assert not (tmp_path / "ran").exists()


DAMAGED_WORDS = [
    *(hostile_npz(pickle.dumps(content)) for content in (3, [1, 2], {"a": 1}, np.zeros(7), np.arange(1), None)),
    *(hostile_npz(b""), hostile_npz(b"\x80\x04\x95"), FILES["reuters"][:-40], b"", b"PK", npz(x=np.zeros(3))),
]


@pytest.mark.parametrize("content", DAMAGED_WORDS, ids=range(len(DAMAGED_WORDS)))
def test_damaged_files_of_words(served, monkeypatch, content):
    set_file(served, monkeypatch, "reuters", content)
    with pytest.raises((ValueError, TypeError)):
        keras.datasets.reuters.load_data()


def test_pickled_arrays_are_refused_where_keras_has_none(served, monkeypatch):
    set_file(served, monkeypatch, "mnist", npz(x_train=X, y_train=Y, x_test=X_TEST, y_test=Bomb("/nowhere")))
    with pytest.raises(ValueError, match="damaged"):
        keras.datasets.mnist.load_data()


DAMAGED_IMAGES = [
    *(idx(Y), FILES["fashion_train_images"][:100], gzip.compress(b"\0\0\x08\x03"), b"text", gzip.compress(b"")),
    gzip.compress(bytes([0, 0, 8, 3]) + np.array([30, 28, 27], ">i4").tobytes() + X.tobytes()),
    gzip.compress(bytes([0, 0, 8, 3]) + np.array([-1, 28, -28], ">i4").tobytes() + X.tobytes()),
    idx(X[:20]),
]


@pytest.mark.parametrize("content", DAMAGED_IMAGES, ids=range(len(DAMAGED_IMAGES)))
def test_damaged_files_of_images(served, monkeypatch, content):
    set_file(served, monkeypatch, "fashion_train_images", content)
    with pytest.raises(ValueError, match="damaged|20 images and 30 labels"):
        keras.datasets.fashion_mnist.load_data()


@pytest.mark.parametrize("content", [{}, [1], {b"data": np.zeros(5), b"fine_labels": [1]}, cifar(3, coarse_labels=5)])
def test_damaged_files_of_cifar(served, monkeypatch, content):
    set_file(served, monkeypatch, "cifar100", archive("cifar-100-python", {"train": content, "test": content}))
    with pytest.raises(ValueError, match="not a file of CIFAR"):
        keras.datasets.cifar100.load_data()


def test_without_a_network_the_message_says_where_to_put_the_file(served, monkeypatch, tmp_path):
    monkeypatch.setitem(fetched.SOURCES, "mnist", fetched.Source("http://127.0.0.1:9/mnist.npz", "ab" * 32))
    with pytest.raises(OSError, match=str(tmp_path / "datasets" / "mnist.npz")):
        keras.datasets.mnist.load_data()
