"""Hashes of strings: TensorFlow's numbers."""

import numpy as np
import pytest

from minidl.core.string_hashes import buckets, crossed

# tf.strings.to_hash_bucket_fast(STRINGS, 2**62), and to_hash_bucket_strong(STRINGS, 2**62, key=[1, 2])
STRINGS = [b"", b"a", b"TensorFlow", b"w" * 20, b"w" * 50, b"w" * 100]
FAST = [
    1936946117179621455,
    3694432073954588131,
    4265654129848386254,
    4177003985672869149,
    2437133636512575220,
    1541208536988169809,
]
STRONG = [
    443797209252341627,
    546566331822570742,
    1016018213495009118,
    649129272955251804,
    2300311027154148708,
    3448130665801118483,
]


def array(values):
    found = np.empty(len(values), object)
    found[:] = values
    return found


def test_the_numbers_of_tensorflow():
    assert buckets(array(STRINGS), 2**62).tolist() == FAST
    assert buckets(array(STRINGS), 2**62, [1, 2]).tolist() == STRONG
    assert buckets(array([]), 5).shape == (0,)
    square = array(STRINGS).reshape(2, 3)
    assert buckets(square, 2**62).tolist() == [FAST[:3], FAST[3:]]


def test_live_every_length():
    tf = pytest.importorskip("tensorflow")
    random = np.random.default_rng(0)
    values = [random.bytes(length) for length in [*range(260), 1000, 4096] for _ in range(2)]
    for count in (2**62 + 12345, 7):
        assert (buckets(array(values), count) == tf.strings.to_hash_bucket_fast(values, count)).numpy().all()
        for key in ([1, 2], [2**63 - 1, 0]):
            expected = tf.strings.to_hash_bucket_strong(values, count, key=key)
            assert (buckets(array(values), count, key) == expected).numpy().all()


def test_live_crosses():
    tf = pytest.importorskip("tensorflow")
    text = array([b"", b"a", b"x" * 70])[:, None]
    numbers = np.array([[-5], [0], [2**40]])
    for columns in ([text, numbers], [numbers, text, text], [numbers, numbers]):
        given = [tf.constant(column if column is numbers else column.tolist()) for column in columns]
        expected = tf.sparse.to_dense(tf.sparse.cross_hashed(given, 2**50))
        assert (crossed(columns, 2**50) == expected).numpy().all()
