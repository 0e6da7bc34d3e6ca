"""Reuters: 11,228 news of 1987 as sequences of word numbers, in 46 topics."""

from __future__ import annotations

from minidl.datasets import words
from minidl.datasets.fetched import Parts, check_split, fetch, read_json, read_npz, shuffled, split
from minidl.utils.files import Path

_TOPICS = (
    *("cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply", "coffee", "sugar"),
    *("trade", "reserves", "ship", "cotton", "carcass", "crude", "nat-gas", "cpi", "money-fx", "interest", "gnp"),
    *("meal-feed", "alum", "oilseed", "gold", "tin", "strategic-metal", "livestock", "retail", "ipi", "iron-steel"),
    *(
        "rubber",
        "heat",
        "jobs",
        "lei",
        "bop",
        "zinc",
        "orange",
        "pet-chem",
        "dlr",
        "gas",
        "silver",
        "wpi",
        "hog",
        "lead",
    ),
)


def load_data(
    path: Path = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Parts:
    """The news, downloaded when they are first used (2 MB).

    A word is numbered by its frequency (1 is the most frequent), plus `index_from`.

    Args:
        path: name of the file in the cache folder, `~/.keras/datasets`.
        num_words: numbers of this size or more become `oov_char`; None for the largest number of all.
        skip_top: numbers below this become `oov_char`.
        maxlen: news of this length or more are left out; None for none.
        test_split: share of the news in the test part.
        seed: of the order of the news.
        start_char: the number before the first word; None for none.
        oov_char: the number for words that are left out; None leaves them out.
        index_from: added to every word's number.

    Returns:
        `(x_train, y_train), (x_test, y_test)`. x: arrays of shape (8982,) and (2246,) of lists of integers. y: int64 of
        shape (8982,) and (2246,), the topic from 0 to 45.

    Raises:
        OSError: there is no network; the message says where to put the file.
        ValueError: maxlen leaves no news, or test_split is not in [0, 1).

    Example:
    >>> (x_train, y_train), (x_test, y_test) = load_data(num_words=10_000)  # doctest: +SKIP
    >>> get_label_names()[y_train[0]]  # doctest: +SKIP
    'earn'

    Source: D. D. Lewis, "Reuters-21578 text categorization test collection", 1997.
    """
    check_split("reuters.load_data", test_split)
    texts, topics = shuffled(seed, *read_npz(fetch("reuters", path), "x", "y"))
    x, kept = words.prepare(texts, words.Options(num_words, skip_top, maxlen, start_char, oov_char, index_from))
    return split(x, topics[kept], test_split)


def get_word_index(path: Path = "reuters_word_index.json") -> dict[str, int]:
    """The number of each word, without `index_from` of `load_data`.

    Args:
        path: name of the file in the cache folder, `~/.keras/datasets`.
    """
    index: dict[str, int] = read_json(fetch("reuters_words", path))
    return index


def get_label_names() -> tuple[str, ...]:
    """The names of the topics, by number.

    >>> get_label_names()[3]
    'earn'
    """
    return _TOPICS
