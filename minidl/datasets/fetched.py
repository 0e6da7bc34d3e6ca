"""The files of the data sets: where they come from, and how they are read without running anything that is in them.

Names, places and hashes are those of Keras, so that files which Keras downloaded are found in the cache.
"""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minidl.utils.files import Path, get_file

_STORE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_CIFAR = "https://www.cs.toronto.edu/~kriz/"

Part = tuple[np.ndarray, np.ndarray]  # x, y
Parts = tuple[Part, Part]  # training, test


class Source(NamedTuple):
    """Where a file comes from."""

    url: str
    digits: str | None  # SHA-256, or MD5; Keras has none for some


SOURCES = {
    "mnist": Source(_STORE + "mnist.npz", "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"),
    "imdb": Source(_STORE + "imdb.npz", "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"),
    "imdb_words": Source(_STORE + "imdb_word_index.json", "bfafd718b763782e994055a2d397834f"),
    "reuters": Source(_STORE + "reuters.npz", "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"),
    "reuters_words": Source(_STORE + "reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921"),
    "boston_housing": Source(
        _STORE + "boston_housing.npz", "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"
    ),
    "california_housing": Source(
        _STORE + "california_housing.npz", "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"
    ),
    "cifar10": Source(
        _CIFAR + "cifar-10-python.tar.gz", "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
    ),
    "cifar100": Source(
        _CIFAR + "cifar-100-python.tar.gz", "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"
    ),
    "fashion_train_labels": Source(_STORE + "train-labels-idx1-ubyte.gz", None),
    "fashion_train_images": Source(_STORE + "train-images-idx3-ubyte.gz", None),
    "fashion_test_labels": Source(_STORE + "t10k-labels-idx1-ubyte.gz", None),
    "fashion_test_images": Source(_STORE + "t10k-images-idx3-ubyte.gz", None),
}


def fetch(source: str, name: Path | None = None, folder: str = "datasets", extract: bool = False) -> str:
    """The path of a file, downloaded if it is not in the cache.

    Args:
        source: its name in `SOURCES`.
        name: its name in the cache.
        folder: the folder in the cache.
        extract: whether it is an archive, whose folder is wanted.
    """
    url, digits = SOURCES[source]
    return get_file(name, url, file_hash=digits, cache_subdir=folder, extract=extract)


def read_npz(path: str, *names: str) -> list[np.ndarray]:
    """Arrays of an `.npz` file; those of lists of integers are unpickled without any other class than NumPy's.

    Raises:
        ValueError: it is damaged, lacks an array, or holds other objects.
    """
    with _refusing(path), zipfile.ZipFile(path) as archive:
        return [_read_npy(io.BytesIO(archive.read(f"{name}.npy"))) for name in names]


def read_pickle(path: str) -> Any:
    """What a pickled file holds, if that is plain data and NumPy arrays; text of Python 2 stays bytes.

    Raises:
        ValueError: it is damaged, or holds other objects.
    """
    with _refusing(path), open(path, "rb") as file:
        return _PlainUnpickler(file, encoding="bytes").load()


def read_json(path: str) -> Any:
    """What a JSON file holds."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def split(x: Any, y: Any, test_split: float) -> Parts:
    """The first rows for training, the last share of them for testing."""
    count = int(len(x) * (1 - test_split))
    return (x[:count], y[:count]), (x[count:], y[count:])


def check_split(call: str, test_split: float) -> None:
    """Refuse a share that leaves nothing to train on."""
    if not 0 <= test_split < 1:
        raise ValueError(f"{call}: test_split must be at least 0 and less than 1, got {test_split}.")


def shuffled(seed: int, x: Any, y: Any) -> tuple[Any, Any]:
    """Both arrays in a new order, which follows from the seed."""
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    return x[order], y[order]


_HARMLESS = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}


class _PlainUnpickler(pickle.Unpickler):
    """One that knows the parts of NumPy arrays and no other class or function."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _HARMLESS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no part of the data")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _read_npy(file: io.BytesIO) -> np.ndarray:
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)
    if dtype.hasobject:
        array = _PlainUnpickler(file).load()
        if not isinstance(array, np.ndarray) or array.shape != shape:
            raise pickle.UnpicklingError(f"it holds another object than an array of shape {shape}")
        return array
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


_DAMAGES = (
    *(pickle.UnpicklingError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, IndexError),
    *(AttributeError, TypeError, ImportError),
)


@contextlib.contextmanager
def _refusing(path: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGES as error:
        raise ValueError(f"{path} is damaged, or is not the file of this data set: {error}. Remove it.") from error
