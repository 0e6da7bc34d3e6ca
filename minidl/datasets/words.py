"""Texts as sequences of word numbers: the options that the data sets of texts share.

Word numbers are ranks: 1 is the most frequent word. All sequences are handled as one long array: loops over 20 million
Python integers would take seconds.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np


class Options(NamedTuple):
    """What `load_data` was given."""

    num_words: int | None
    skip_top: int
    maxlen: int | None
    start_char: int | None
    oov_char: int | None
    index_from: int


def prepare(texts: Any, options: Options) -> tuple[np.ndarray, np.ndarray]:
    """Number the words as the options say.

    Args:
        texts: lists of word numbers.
        options: see `load_data` of the data sets.

    Returns:
        An array of lists, and for each of the texts whether it was kept, which is so if it is shorter than maxlen.

    Raises:
        ValueError: maxlen keeps none.

    >>> x, kept = prepare([[1, 5], [2, 3, 4]], Options(7, 0, 4, start_char=1, oov_char=2, index_from=3))
    >>> x.tolist(), kept.tolist()
    ([[1, 4, 2]], [True, False])
    """
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    flat = np.fromiter(itertools.chain.from_iterable(texts), np.int64, lengths.sum()) + options.index_from
    if options.start_char is not None:
        flat = np.insert(flat, np.cumsum(lengths) - lengths, options.start_char)
        lengths = lengths + 1
    kept = lengths < options.maxlen if options.maxlen else np.ones(len(texts), bool)
    if not kept.any():
        raise ValueError(
            f"load_data: maxlen={options.maxlen} keeps none of {len(texts)} texts, of which the shortest has "
            f"{np.min(lengths, initial=0)} words. Choose a larger maxlen."
        )
    flat, lengths = flat[np.repeat(kept, lengths)], lengths[kept]
    end = options.num_words or np.max(flat, initial=0)
    is_known = (options.skip_top <= flat) & (flat < end)
    if options.oov_char is not None:
        flat = np.where(is_known, flat, options.oov_char)
    else:
        lengths = np.add.reduceat(np.append(is_known, False), np.cumsum(lengths) - lengths, dtype=np.int64) * (
            lengths > 0
        )
        flat = flat[is_known]
    return _separate(flat, lengths), kept


def _separate(flat: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """An array of lists, of these lengths."""
    words = flat.tolist()
    ends = np.cumsum(lengths).tolist()
    lists = np.empty(len(lengths), object)
    lists[:] = [words[start:end] for start, end in zip([0, *ends], ends)]
    return lists
