"""The data sets that ship with the package."""

import numpy as np
import pytest

from minidl.datasets import digits


def joined():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    return np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])


def test_digits_have_the_documented_form():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1433, 8, 8) and x_test.shape == (364, 8, 8)
    assert y_train.shape == (1433,) and y_test.shape == (364,)
    assert {a.dtype.name for a in (x_train, y_train, x_test, y_test)} == {"uint8"}
    for images, labels in ((x_train, y_train), (x_test, y_test)):
        assert images.min() == 0 and images.max() == 16
        assert np.unique(labels).tolist() == list(range(10))


def test_a_fifth_of_each_digit_is_for_testing():
    (_, y_train), (_, y_test) = digits.load_data()
    train, test = np.bincount(y_train), np.bincount(y_test)
    np.testing.assert_array_equal(test, np.ceil((train + test) / 5))


def test_no_image_is_in_both_parts():
    (x_train, _), (x_test, _) = digits.load_data()
    train = {image.tobytes() for image in x_train}
    assert not any(image.tobytes() in train for image in x_test)


def test_the_split_is_the_same_each_time_and_the_arrays_are_the_callers_own():
    (first, _), _ = digits.load_data()
    kept = first.copy()
    first[:] = 0
    (second, _), _ = digits.load_data()
    np.testing.assert_array_equal(second, kept)


def test_digits_are_those_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    images, labels = joined()
    ours = np.column_stack([images.reshape(-1, 64), labels]).astype(int)
    theirs = np.column_stack(datasets.load_digits(return_X_y=True)).astype(int)
    np.testing.assert_array_equal(np.array(sorted(ours.tolist())), np.array(sorted(theirs.tolist())))


def test_the_licence_travels_with_the_data():
    text = (digits._FILE.parent / "digits_LICENSE.txt").read_text()
    for part in ("Alpaydin", "Kaynak", "UCI Machine Learning Repository", "1998", "CC BY 4.0"):
        assert part in text
