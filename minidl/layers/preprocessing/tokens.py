"""Text into tokens: standardized, split, joined to n-grams, as TensorFlow's string operations do it on UTF-8 bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from minidl.core.text import as_strings, as_text

_PUNCTUATION = b"!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"
_STANDARDIZE: dict[str | None, Callable[[bytes], bytes]] = {
    None: lambda text: text,
    "lower": bytes.lower,  # of ASCII alone
    "strip_punctuation": lambda text: text.translate(None, _PUNCTUATION),
    "lower_and_strip_punctuation": lambda text: text.lower().translate(None, _PUNCTUATION),
}
STANDARDIZE = tuple(_STANDARDIZE)
SPLIT = (None, "whitespace", "character")

Option = str | Callable[[Any], Any] | None


def standardized(text: np.ndarray, standardize: Option) -> np.ndarray:
    """Text in its standard form.

    Args:
        text: `bytes` objects.
        standardize: a name in `STANDARDIZE`, or a function of an array of `str`.
    """
    if callable(standardize):
        return as_text(standardize(_strings(text)), "standardize").reshape(text.shape)
    function, found = _STANDARDIZE[standardize], np.empty(text.size, object)
    found[:] = [function(value) for value in text.ravel().tolist()]
    return found.reshape(text.shape)


def split(text: np.ndarray, how: Option) -> list[list[bytes]]:
    """The tokens of each text.

    Args:
        text: `bytes` objects, (n,).
        how: "whitespace", "character", or a function of an array of `str` that gives rows of tokens.
    """
    if callable(how):
        rows = how(_strings(text))
        rows = rows.to_list() if hasattr(rows, "to_list") else rows  # a RaggedTensor of TensorFlow
        return [as_text(row, "split").ravel().tolist() for row in rows]
    if how == "whitespace":
        return [value.split() for value in text.tolist()]
    return [[character.encode() for character in value.decode("utf-8", "replace")] for value in text.tolist()]


def n_grams(tokens: Sequence[bytes], sizes: Iterable[int]) -> list[bytes]:
    """Runs of consecutive tokens joined by spaces, those of the first size first.

    >>> n_grams([b"a", b"b", b"c"], (1, 2))
    [b'a', b'b', b'c', b'a b', b'b c']
    """
    return [b" ".join(tokens[i : i + size]) for size in sizes for i in range(len(tokens) - size + 1)]


def _strings(text: np.ndarray) -> np.ndarray:
    return np.asarray(as_strings(text).tolist(), "U")
