"""MNIST: 70,000 handwritten digits in images of 28 x 28 pixels."""

from __future__ import annotations

from minidl.datasets.fetched import Parts, fetch, read_npz
from minidl.utils.files import Path


def load_data(path: Path = "mnist.npz") -> Parts:
    """The digits, downloaded when they are first used (11 MB).

    Args:
        path: name of the file in the cache folder, `~/.keras/datasets`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`. x: uint8 of shape (60000, 28, 28) and (10000, 28, 28), the ink of each
        pixel from 0 to 255. y: uint8 of shape (60000,) and (10000,), the digits 0 to 9.

    Raises:
        OSError: there is no network; the message says where to put the file.

    Example:
    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (60000, 28, 28)

    Source: Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits", 1998; CC BY-SA 3.0.
    """
    x_train, y_train, x_test, y_test = read_npz(fetch("mnist", path), "x_train", "y_train", "x_test", "y_test")
    return (x_train, y_train), (x_test, y_test)
