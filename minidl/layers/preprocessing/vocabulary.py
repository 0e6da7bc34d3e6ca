"""Vocabularies: tokens and their numbers, counted in data, or read from files and arrays."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from minidl.core.arrays import holds_array
from minidl.core.text import as_text

Token = bytes | int


class Vocabulary:
    """Tokens with consecutive numbers.

    Args:
        tokens: text as `bytes`, or integers.
        start: the number of the first.
        special: further tokens -> their numbers.
    """

    def __init__(self, tokens: list[Any], start: int, special: dict[Any, int]):
        self.tokens = tokens
        self.start = start
        self._numbers = dict(zip(tokens, itertools.count(start))) | special

    def __len__(self) -> int:
        return len(self.tokens)

    def numbers(self, tokens: list[Any], default: int) -> np.ndarray:
        """The number of each token, `default` for unknown ones, as int64."""
        found = map(self._numbers.get, tokens, itertools.repeat(default))
        return np.fromiter(found, np.int64, len(tokens))

    def inverse(self, numbers: np.ndarray, special: dict[int, Any], default: Any) -> np.ndarray:
        """The token of each number; `special` and then `default` for those that no token has."""
        table = dict(enumerate(self.tokens, self.start)) | special
        found = np.empty(numbers.size, object if isinstance(default, bytes) else np.int64)
        found[:] = [table.get(number, default) for number in numbers.ravel().tolist()]
        return found.reshape(numbers.shape)

    def sorted(self) -> tuple[np.ndarray, np.ndarray]:
        """The integers that have a number in ascending order, and their numbers."""
        keys = np.fromiter(self._numbers, np.int64, len(self._numbers))
        order = np.argsort(keys)
        return keys[order], np.fromiter(self._numbers.values(), np.int64, len(keys))[order]


class Counts:
    """How often tokens come in data, and in how many documents."""

    def __init__(self) -> None:
        self.tokens: collections.Counter[Any] = collections.Counter()
        self.documents: collections.Counter[Any] = collections.Counter()
        self.num_documents = 0

    def add(self, rows: Iterable[list[Any]]) -> None:
        """Count documents, each a list of tokens."""
        for row in rows:
            self.tokens.update(row)
            self.documents.update(set(row))
            self.num_documents += 1

    def most_common(self, limit: int | None, without: Iterable[Any]) -> list[Any]:
        """The tokens by how often they come, those that come equally often in descending order."""
        for token in without:
            self.tokens.pop(token, None)
        ordered = sorted(self.tokens.items(), key=lambda item: (item[1], item[0]), reverse=True)
        return [token for token, _ in ordered[:limit]]

    def inverse_document_frequencies(self, tokens: list[Any]) -> np.ndarray:
        """`log(1 + documents / (1 + documents with the token))`."""
        found = np.array([self.documents[token] for token in tokens], float)
        return np.log(1 + self.num_documents / (1 + found))


def batches(data: Any, steps: int | None) -> Iterator[Any]:
    """The batches of data for `adapt`: all of an array or list, whose rows are documents; or those of an iterable.

    Args:
        data: an array, a list, a Series, or an iterable of batches, such as a `tf.data.Dataset`.
        steps: how many batches, default all.
    """
    if isinstance(data, (str, bytes, list, tuple)) or holds_array(data):
        whole = np.asarray(data)
        yield whole[:, None] if whole.ndim == 1 else whole
    else:
        yield from itertools.islice(data, steps)


def read_lines(path: str, owner: str) -> list[bytes]:
    """The lines of a vocabulary file.

    Raises:
        ValueError: there is no such file.
    """
    try:
        with open(path, "rb") as file:
            return file.read().removesuffix(b"\n").split(b"\n")
    except OSError as error:
        raise ValueError(f"{owner}: the vocabulary file {path!r} cannot be read: {error}.") from error


def as_tokens(values: Any, is_text: bool, owner: str) -> list[Any]:
    """Tokens in any form as a list of `bytes` or of integers.

    Raises:
        TypeError: text instead of integers, or the other way round.
    """
    if is_text:
        return as_text(values, owner).ravel().tolist()
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{owner} takes integers, got an array of dtype {array.dtype}.")
    return array.ravel().tolist()


def refuse_file(kind: str, config: dict[str, Any]) -> None:
    """Refuse a config that names a file to read.

    Raises:
        ValueError: it does.
    """
    if isinstance(config.get("vocabulary"), str):
        raise ValueError(
            f"{kind}: a config cannot name a vocabulary file, got {config['vocabulary']!r}. Give the path to the "
            "constructor or to set_vocabulary()."
        )
