"""VocabularyLayer: a layer that has a vocabulary: given, learned from data, or read from a file."""

from __future__ import annotations

import abc
import collections
import os
import pathlib
from collections.abc import MutableMapping
from typing import Any

import numpy as np

from minidl.core import dtypes
from minidl.core.host_arrays import DTYPE
from minidl.core.text import as_string
from minidl.core.typing import Config
from minidl.layers.preprocessing import vocabulary as vocabularies
from minidl.layers.preprocessing.host_layer import HostLayer
from minidl.layers.preprocessing.vocabulary import Counts, Vocabulary

DROPPED = -2  # the number of masked tokens, where no vector counts them
_FILE = "vocabulary.txt"


class VocabularyLayer(HostLayer):
    """The vocabulary of `IndexLookup`, which has the arguments.

    Numbers are given to the mask token (with output_mode="int"), then to unknown tokens, then to the vocabulary.
    """

    vocabulary_dtype: str
    max_tokens: int | None
    num_oov_indices: int
    mask_token: Any
    oov_token: Any
    invert: bool
    output_mode: str
    pad_to_max_tokens: bool
    input_vocabulary: list[Any] | None  # what configs hold; None where files have the vocabulary as an asset
    input_idf_weights: list[float] | None
    is_fixed: bool  # not to be adapted
    _frozen_size: int | None  # the number of tokens that vectors were made for
    _vocabulary: Vocabulary
    _idf: np.ndarray | None
    _counts: Counts

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens, in the order of their numbers.

        Args:
            include_special_tokens: whether to begin with the mask token and those of unknown tokens.
        """
        tokens = [self._shown(token) for token in self._vocabulary.tokens]
        return [*self._special_tokens(), *tokens] if include_special_tokens else tokens

    def vocabulary_size(self) -> int:
        """The number of tokens, special ones included."""
        return self._token_start + len(self._vocabulary)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary.

        Args:
            vocabulary: tokens, (n,), with or without the special tokens first; or the path of a file with one per line.
            idf_weights: with output_mode="tf_idf" the inverse document frequency of each, (n,).

        Raises:
            ValueError: an empty vocabulary, tokens that come twice, special tokens that are not first, more tokens than
                max_tokens, or weights that do not match them.
            RuntimeError: another number of tokens than before, which vectors were made for.
        """
        if (self.output_mode == "tf_idf") != (idf_weights is not None):
            raise self._error(f"idf_weights are for output_mode='tf_idf', and needed there; it is {self.output_mode!r}")
        name = type(self).__name__
        if isinstance(vocabulary, (str, os.PathLike)):
            if self.output_mode == "tf_idf":
                raise self._error("with output_mode='tf_idf' the vocabulary cannot be a file: give a list")
            lines = vocabularies.read_lines(os.fspath(vocabulary), name)
            tokens = lines if self.vocabulary_dtype == DTYPE else [int(line) for line in lines]
            special: list[Any] = []
        else:
            tokens = vocabularies.as_tokens(vocabulary, self.vocabulary_dtype == DTYPE, name)
            special = [token if token is None else self._key(token) for token in self._special_tokens()]
        if not tokens:
            raise self._error("the vocabulary is empty")
        has_special = bool(special) and tokens[: len(special)] == special
        self._check_tokens(tokens[len(special) :] if has_special else tokens)
        weights = None if idf_weights is None else self._padded_weights(tokens, idf_weights, has_special)
        self._put(tokens[len(special) :] if has_special else tokens, weights)
        if self.input_vocabulary is not None or _have_line_ends(tokens):
            self.input_vocabulary = [self._shown(token) for token in tokens]
            self.input_idf_weights = None if idf_weights is None else np.asarray(idf_weights).tolist()

    def _check_tokens(self, tokens: list[Any]) -> None:
        if len(tokens) != len(set(tokens)):
            repeated = [token for token, count in collections.Counter(tokens).items() if count > 1][:10]
            raise self._error(f"tokens come more than once in the vocabulary: {list(map(as_string, repeated))}")
        first = self._special_tokens()
        for token in (self.mask_token, self.oov_token if self.invert else None):
            if token is not None and self._key(token) in tokens:
                raise self._error(
                    f"the vocabulary has {token!r} in the wrong place: leave special tokens out, or begin with {first}"
                )
        if self.max_tokens is not None and self._token_start + len(tokens) > self.max_tokens:
            raise self._error(
                f"the vocabulary has {self._token_start + len(tokens)} tokens, special ones included, but max_tokens "
                f"is {self.max_tokens}"
            )

    def _padded_weights(self, tokens: list[Any], idf_weights: Any, has_special: bool) -> np.ndarray:
        """The weight of each number: unknown tokens have the mean, numbers without a token 0."""
        weights = np.asarray(idf_weights)
        if weights.shape != (len(tokens),):
            raise self._error(
                f"idf_weights must have the shape of the vocabulary, ({len(tokens)},), got {weights.shape}"
            )
        front = 0 if has_special else self._token_start
        back = self.max_tokens - front - len(weights) if self.pad_to_max_tokens and self.max_tokens is not None else 0
        return np.concatenate([np.full(front, np.average(weights)), weights, np.zeros(back)]).astype(dtypes.floatx())

    def _put(self, tokens: list[Any], weights: np.ndarray | None) -> None:
        size = self._token_start + len(tokens)
        if self.output_mode != "int" and not self.pad_to_max_tokens and self._frozen_size not in (None, size):
            raise RuntimeError(
                f"{type(self).__name__}: the layer was used with a vocabulary of {self._frozen_size} tokens, which its "
                f"outputs have the size of; it cannot get one of {size}. Make another layer, or set pad_to_max_tokens."
            )
        self._vocabulary = self._numbered(tokens)
        self._frozen_size = size
        if weights is not None:
            self._idf = weights

    def _numbered(self, tokens: list[Any]) -> Vocabulary:
        masked = {} if self.mask_token is None or self.invert else {self._key(self.mask_token): self._masked}
        return Vocabulary(tokens, self._token_start, masked)

    @property
    def _masked(self) -> int:
        return 0 if self.output_mode == "int" else DROPPED

    @property
    def _oov_start(self) -> int:
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _token_start(self) -> int:
        return self._oov_start + self.num_oov_indices

    def _special_tokens(self) -> list[Any]:
        return [self.mask_token] * self._oov_start + [self.oov_token] * self.num_oov_indices

    # Adapting

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Make a vocabulary of the tokens in data, the most frequent first, then in descending order.

        Args:
            data: an array, a list, a Series, or an iterable of batches, such as a `tf.data.Dataset`.
            steps: how many batches to use, default all.

        Raises:
            ValueError: the layer was constructed with a vocabulary.
        """
        self.reset_state()
        for batch in vocabularies.batches(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the tokens of a batch: each row is a document, and a batch of one axis is one document."""
        array = np.atleast_2d(self.as_inputs(data))
        keys = vocabularies.as_tokens(array, self.vocabulary_dtype == DTYPE, type(self).__name__)
        width = array.shape[-1]
        self.count([keys[start : start + width] for start in range(0, len(keys), max(1, width))])

    def count(self, documents: list[list[Any]]) -> None:
        """Count tokens of documents.

        Raises:
            ValueError: the layer was constructed with a vocabulary.
        """
        if self.is_fixed:
            raise self._error("a layer that was constructed with a vocabulary cannot be adapted")
        self._counts.add(documents)

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted."""
        if self.is_fixed or not self._counts.tokens:
            self._put(self._vocabulary.tokens, None)
            return
        limit = None if self.max_tokens is None else self.max_tokens - self._token_start
        special = [self._key(token) for token in (self.mask_token, self.oov_token) if token is not None]
        tokens = self._counts.most_common(limit, special)
        weights = None
        if self.output_mode == "tf_idf":
            weights = self._padded_weights(tokens, self._counts.inverse_document_frequencies(tokens), False)
        self._put(tokens, weights)
        is_for_config = _have_line_ends(tokens)
        self.input_vocabulary = self.get_vocabulary() if is_for_config else None
        self.input_idf_weights = None
        if is_for_config and weights is not None:
            self.input_idf_weights = weights[: self.vocabulary_size()].tolist()
        self.reset_state()

    def reset_state(self) -> None:
        """Forget what was counted."""
        self._counts = Counts()

    # Files

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Store the weights of tokens."""
        if self._idf is not None:
            store["idf_weights"] = self._idf

    def load_own_variables(self, store: Any) -> None:
        """Read the weights of tokens."""
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            weights = np.asarray(store["idf_weights"])
            if weights.shape != (self.depth(),):
                raise ValueError(f"{self.name!r} has {self.depth()} tokens, stored weights have shape {weights.shape}.")
            self._idf = weights

    def save_assets(self, dir_path: str) -> None:
        """Write the vocabulary, unless the config has it: one token per line, special ones first."""
        if self.input_vocabulary is None:
            lines = [str(token) for token in self.get_vocabulary()]
            text = "\n".join(lines).encode("utf-8", "surrogateescape")
            pathlib.Path(dir_path, _FILE).write_bytes(text)

    def load_assets(self, dir_path: str) -> None:
        """Read the vocabulary that `save_assets` wrote."""
        if self.input_vocabulary is not None:
            return
        lines = pathlib.Path(dir_path, _FILE).read_bytes().splitlines()
        while lines and not lines[-1]:
            del lines[-1]
        tokens = lines if self.vocabulary_dtype == DTYPE else [int(line) for line in lines]
        is_special = tokens[: self._token_start] == [self._key(token) for token in self._special_tokens()]
        if tokens := tokens[self._token_start :] if is_special else tokens:
            self._check_tokens(tokens)
            if self._frozen_size not in (None, self._token_start + len(tokens)):
                raise self._error(
                    f"the file has {self._token_start + len(tokens)} tokens, its config says {self._frozen_size}"
                )
            self._put(tokens, None)

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """The layer that `get_config` described.

        Raises:
            ValueError: the config names a file to read: only the constructor reads files.
        """
        vocabularies.refuse_file(cls.__name__, config)
        return super().from_config(config)

    # Tokens

    @abc.abstractmethod
    def depth(self) -> int:
        """The size of a vector."""

    @abc.abstractmethod
    def _key(self, token: Any) -> Any:
        """A token as the vocabulary has it."""

    @abc.abstractmethod
    def _shown(self, key: Any) -> Any:
        """A token as the user has it."""

    @abc.abstractmethod
    def _as_keys(self, inputs: Any) -> np.ndarray:
        """Inputs in the dtype of the vocabulary."""

    def _listed(self, vocabulary: Any) -> list[Any]:
        keys = vocabularies.as_tokens(vocabulary, self.vocabulary_dtype == DTYPE, type(self).__name__)
        return [self._shown(key) for key in keys]

    def _error(self, message: str) -> ValueError:
        return ValueError(f"{type(self).__name__}: {message}.")


def _have_line_ends(tokens: list[Any]) -> bool:
    """Whether a file with one token per line cannot hold the tokens."""
    return any(isinstance(token, bytes) and token.splitlines() != [token] for token in tokens)
