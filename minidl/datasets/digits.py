"""Handwritten digits: 1,797 real images, small enough to ship, so that examples and tests run without a download.

The data are those of scikit-learn's `load_digits`: the part "optdigits.tes" of the UCI set "Optical Recognition of
Handwritten Digits", written by 13 people. digits_LICENSE.txt holds source, authors and licence.
"""

from __future__ import annotations

import pathlib

import numpy as np

_FILE = pathlib.Path(__file__).parent / "digits.npz"
_TEST_EVERY = 5

Part = tuple[np.ndarray, np.ndarray]


def load_data() -> tuple[Part, Part]:
    """Load the handwritten digits, split into training and test data.

    Test data are the first, 6th, 11th, ... image of each digit in the order of the source, a fifth of each digit's
    images. The same people wrote both parts, so the accuracy on other writers would be lower.

    Returns:
        `(x_train, y_train), (x_test, y_test)`. x: uint8 of shape (1433, 8, 8) and (364, 8, 8), intensities
        from 0 to 16. y: uint8 of shape (1433,) and (364,), the digits 0 to 9.

    Example:
    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, y_train.shape, x_test.shape, y_test.shape
    ((1433, 8, 8), (1433,), (364, 8, 8), (364,))

    Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
    1998.
    """
    with np.load(_FILE, allow_pickle=False) as file:
        images, labels = file["images"], file["labels"]
    is_test = _every_fifth_of_each_digit(labels)
    return (images[~is_test], labels[~is_test]), (images[is_test], labels[is_test])


def _every_fifth_of_each_digit(labels: np.ndarray) -> np.ndarray:
    chosen = np.zeros(len(labels), dtype=bool)
    for digit in range(10):
        chosen[np.flatnonzero(labels == digit)[::_TEST_EVERY]] = True
    return chosen
