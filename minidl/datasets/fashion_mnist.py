"""Fashion-MNIST: 70,000 images of clothes in 28 x 28 pixels, in ten classes."""

from __future__ import annotations

import gzip
import os
import zlib

import numpy as np

from minidl.datasets.fetched import Parts, fetch


def load_data() -> Parts:
    """The images, downloaded when they are first used (30 MB).

    Returns:
        `(x_train, y_train), (x_test, y_test)`. x: uint8 of shape (60000, 28, 28) and (10000, 28, 28), the brightness of
        each pixel from 0 to 255. y: uint8 of shape (60000,) and (10000,): 0 T-shirt or top, 1 trouser, 2 pullover,
        3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker, 8 bag, 9 ankle boot.

    Raises:
        OSError: there is no network; the message says where to put the file.
        ValueError: a file in the cache is damaged.

    Example:
    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (60000, 28, 28)

    Source: H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
    Algorithms", 2017; MIT licence.
    """
    return _read("train"), _read("test")


def _read(part: str) -> tuple[np.ndarray, np.ndarray]:
    folder = os.path.join("datasets", "fashion-mnist")
    labels = _read_idx(fetch(f"fashion_{part}_labels", folder=folder), 1)
    images = _read_idx(fetch(f"fashion_{part}_images", folder=folder), 3)
    if len(labels) != len(images):
        raise ValueError(f"Fashion-MNIST has {len(images)} images and {len(labels)} labels in {folder}: remove it.")
    return images, labels


def _read_idx(path: str, rank: int) -> np.ndarray:
    """An array of bytes in the IDX format: 0, 0, 8 for bytes, the rank, the shape, and the values."""
    try:
        with gzip.open(path, "rb") as file:
            content = file.read()
        magic, shape = content[:4], np.frombuffer(content, ">i4", rank, offset=4)
        if magic != bytes([0, 0, 8, rank]):
            raise ValueError(f"it begins with {magic!r}")
        return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()
    except (gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}. Remove it, so that it is downloaded again.") from error
