"""IMDB: 50,000 reviews of films as sequences of word numbers, with their sentiment."""

from __future__ import annotations

from typing import Any

import numpy as np

from minidl.datasets import words
from minidl.datasets.fetched import Parts, fetch, read_json, read_npz
from minidl.utils.files import Path


def load_data(
    path: Path = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    **kwargs: Any,
) -> Parts:
    """The reviews, downloaded when they are first used (17 MB).

    A word is numbered by its frequency in the training part (1 is the most frequent), plus `index_from`.

    Args:
        path: name of the file in the cache folder, `~/.keras/datasets`.
        num_words: numbers of this size or more become `oov_char`; None for the largest number of all.
        skip_top: numbers below this become `oov_char`.
        maxlen: reviews of this length or more are left out; None for none.
        seed: of the order of the reviews.
        start_char: the number before the first word of a review; None for none.
        oov_char: the number for words that are left out; None leaves them out.
        index_from: added to every word's number.
        **kwargs: ignored, as in Keras.

    Returns:
        `(x_train, y_train), (x_test, y_test)`. x: arrays of shape (25000,) of lists of integers. y: int64 of shape
        (25000,), 1 for a positive review and 0 for a negative one.

    Raises:
        OSError: there is no network; the message says where to put the file.
        ValueError: maxlen leaves no review.

    Example:
    >>> (x_train, y_train), (x_test, y_test) = load_data(num_words=10_000)  # doctest: +SKIP
    >>> x_train[0][:5]  # doctest: +SKIP
    [1, 14, 22, 16, 43]

    Source: A. L. Maas et al., "Learning Word Vectors for Sentiment Analysis", 2011.
    """
    x_train, y_train, x_test, y_test = read_npz(fetch("imdb", path), "x_train", "y_train", "x_test", "y_test")
    random = np.random.RandomState(seed)
    for arrays in ((x_train, y_train), (x_test, y_test)):
        order = np.arange(len(arrays[0]))
        random.shuffle(order)
        for array in arrays:
            array[:] = array[order]
    options = words.Options(num_words, skip_top, maxlen, start_char, oov_char, index_from)
    x, kept = words.prepare(np.concatenate([x_train, x_test]), options)
    y = np.concatenate([y_train, y_test])[kept]
    count = np.count_nonzero(kept[: len(x_train)])
    if count in (0, len(x)):
        raise ValueError(f"imdb.load_data: maxlen={maxlen} leaves no review in one of the parts. Choose a larger one.")
    return (x[:count], y[:count]), (x[count:], y[count:])


def get_word_index(path: Path = "imdb_word_index.json") -> dict[str, int]:
    """The number of each word, without `index_from` of `load_data`.

    Args:
        path: name of the file in the cache folder, `~/.keras/datasets`.

    Example:
    >>> names = {number + 3: word for word, number in get_word_index().items()}  # doctest: +SKIP
    """
    index: dict[str, int] = read_json(fetch("imdb_words", path))
    return index
