"""TextVectorization: texts as the numbers of their tokens."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from minidl.core import serialization
from minidl.core.host_arrays import DTYPE
from minidl.core.text import as_text
from minidl.core.typing import Config, Shape
from minidl.layers.preprocessing import tokens, vocabulary
from minidl.layers.preprocessing.encodings import counted
from minidl.layers.preprocessing.host_layer import HostLayer
from minidl.layers.preprocessing.string_lookup import StringLookup
from minidl.layers.preprocessing.tokens import Option


class TextVectorization(HostLayer):
    """Splits texts into tokens, and gives the number of each token in a vocabulary, or an encoding of these numbers.

    A text is standardized, split into tokens, these are joined to n-grams, and looked up as by `StringLookup`, whose
    mask token is "" and unknown token "[UNK]". Lower case and white space are those of ASCII, as in TensorFlow.

    Args:
        max_tokens: the largest size of the vocabulary that `adapt` makes, special tokens included.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation", None, or a function that takes an
            array of `str` and gives one of the same shape, such as functions of `np.strings` and `tf.strings`.
        split: "whitespace", "character", None (each string is a token), or a function that takes an array of `str` (n,)
            and gives n rows of tokens.
        ngrams: a number for n-grams of up to so many tokens, a tuple of sizes, or None.
        output_mode: "int" for the numbers of tokens, padded with 0; else as in `StringLookup`.
        output_sequence_length: with "int", how many numbers each text gets; default: as many as the longest of the
            batch has, of all texts where a model is given arrays.
        pad_to_max_tokens: see `StringLookup`.
        vocabulary: see `StringLookup`.
        idf_weights: see `StringLookup`.
        sparse: must be False.
        ragged: must be False.
        encoding: see `StringLookup`.
        name: see `Layer`.
        **kwargs: see `Layer`.

    Input shape: (batch,) or (batch, 1), strings; with split=None any.
    Output shape: (batch, output_sequence_length), int32; "one_hot" (batch, tokens, size), other modes (batch, size),
        floats.

    Raises:
        ValueError: unknown or unsupported arguments, or ones that do not match each other.

    Example:
    >>> layer = TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["The cat sat.", "The dog!"])
    >>> layer.get_vocabulary()
    ['', '[UNK]', 'the', 'sat', 'dog', 'cat']
    >>> layer(["the cat", "a dog sat"])
    Array([[2, 5, 0, 0],
           [1, 4, 3, 0]], dtype=int32)
    """

    takes_numbers = False

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Option = "lower_and_strip_punctuation",
        split: Option = "whitespace",
        ngrams: int | tuple[int, ...] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ):
        own = {key: kwargs.pop(key) for key in ("vocabulary_size", "has_input_vocabulary") if key in kwargs}
        super().__init__(name=name, **kwargs)
        if not callable(standardize) and standardize not in tokens.STANDARDIZE:
            raise self._error(f"standardize must be a function or one of {tokens.STANDARDIZE}, got {standardize!r}")
        if not callable(split) and split not in tokens.SPLIT:
            raise self._error(f"split must be a function or one of {tokens.SPLIT}, got {split!r}")
        sizes = ngrams if isinstance(ngrams, tuple) else (ngrams,)
        if ngrams is not None and not all(isinstance(size, int) for size in sizes):
            raise self._error(f"ngrams must be None, an integer, or a tuple of integers, got {ngrams!r}")
        if not isinstance(output_sequence_length, (int, type(None))):
            raise self._error(f"output_sequence_length must be an integer or None, got {output_sequence_length!r}")
        if output_mode != "int" and output_sequence_length is not None:
            raise self._error(f"output_sequence_length needs output_mode='int', got {output_mode!r}")
        if ragged:
            raise self._error("ragged tensors are not supported; set ragged=False")
        self.standardize = standardize
        self.split = split
        self.ngrams = ngrams
        self.output_sequence_length = output_sequence_length
        self.encoding = encoding
        self._sizes = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else ngrams
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=output_mode,
            sparse=sparse,
            encoding=encoding,
            **own,
        )
        self.output_mode = self._lookup_layer.output_mode

    # The vocabulary

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Make a vocabulary of the tokens in texts, the most frequent first, then in descending order.

        Args:
            data: an array, a list, a Series, or an iterable of batches, such as a `tf.data.Dataset`.
            batch_size: without effect.
            steps: how many batches to use, default all.

        Raises:
            ValueError: the layer was constructed with a vocabulary.
        """
        self.reset_state()
        for batch in vocabulary.batches(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the tokens of a batch of texts."""
        documents, _ = self._documents(as_text(self.as_inputs(data), "TextVectorization"))
        self._lookup_layer.count(documents)

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self) -> None:
        """Forget what was counted."""
        self._lookup_layer.reset_state()

    @property
    def is_fixed(self) -> bool:
        """Whether the layer was constructed with a vocabulary, so that it is not to be adapted."""
        return self._lookup_layer.is_fixed

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The tokens, in the order of their numbers; see `StringLookup`."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """The number of tokens, special ones included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary; see `StringLookup`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    # Calling

    def compute(self, inputs: Any) -> np.ndarray:
        documents, shape = self._documents(as_text(inputs, "TextVectorization"))
        lookup = self._lookup_layer
        lengths = np.fromiter(map(len, documents), np.int64, len(documents))
        numbers = lookup.lookup(list(itertools.chain.from_iterable(documents)))
        rows = np.repeat(np.arange(len(documents)), lengths)
        if self.output_mode in ("int", "one_hot"):
            width = self.output_sequence_length
            width = int(np.max(lengths, initial=0)) if width is None else width
            columns = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            kept = columns < width
            if self.output_mode == "int":
                found = np.zeros((len(documents), width), np.int64)
                found[rows[kept], columns[kept]] = numbers[kept]
                return found[0, 0] if shape is None else found.reshape(*shape, width)
            shape, rows = (*(shape or ()), width), rows * width + columns
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        return lookup.weighted(counted(numbers, rows, shape or (), mode, lookup.depth(), lookup.output_dtype))

    def _documents(self, text: np.ndarray) -> tuple[list[list[bytes]], tuple[int, ...] | None]:
        """The tokens of each text, and the shape of the texts; None for a single token."""
        text = tokens.standardized(text, self.standardize)
        if self.split is not None:
            if text.ndim > 1 and text.shape[-1] != 1:
                raise self._error(f"expected texts of shape (batch,) or (batch, 1) to split, got {text.shape}")
            shape = text.shape[:-1] if text.ndim > 1 else text.shape
            documents = tokens.split(text.reshape(-1), self.split)
        else:
            shape = text.shape[:-1]
            rows = text.reshape(-1, text.shape[-1]) if text.ndim else text.reshape(1, 1)
            documents = rows.tolist()
        if self._sizes is not None:
            documents = [tokens.n_grams(document, self._sizes) for document in documents]
        return documents, None if self.split is None and not text.ndim else shape

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output; None for an unknown number of tokens."""
        shape: Shape = tuple(input_shape)
        if self.split is not None:
            shape = (*(shape[:-1] if len(shape) > 1 else shape), None)
        elif self._sizes is not None:
            shape = (*shape[:-1], None)
        if self.output_mode == "int":
            length = self.output_sequence_length
            return shape if length is None or not shape else (*shape[:-1], length)
        if self.output_mode == "one_hot":
            return (*shape, self._lookup_layer._depth)
        return (*shape[:-1], self._lookup_layer._depth)

    @property
    def output_dtype(self) -> str:
        """The dtype of the output."""
        return self._lookup_layer.output_dtype

    @property
    def compute_dtype(self) -> str:
        """That of text."""
        return DTYPE

    @property
    def variable_dtype(self) -> str:
        """That of text."""
        return DTYPE

    def _error(self, message: str) -> ValueError:
        return ValueError(f"TextVectorization: {message}.")

    # Files

    def save_own_variables(self, store: Any) -> None:
        """Store the weights of tokens."""
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """Read the weights of tokens."""
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path: str) -> None:
        """Write the vocabulary, unless the config has it."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: str) -> None:
        """Read the vocabulary that `save_assets` wrote."""
        self._lookup_layer.load_assets(dir_path)

    def get_config(self) -> Config:
        lookup = self._lookup_layer
        return {
            **super().get_config(),
            "max_tokens": lookup.max_tokens,
            "standardize": serialization.serialize(self.standardize),
            "split": serialization.serialize(self.split),
            "ngrams": self.ngrams,
            "output_mode": self.output_mode,
            "output_sequence_length": self.output_sequence_length,
            "pad_to_max_tokens": lookup.pad_to_max_tokens,
            "sparse": False,
            "ragged": False,
            "vocabulary": lookup.input_vocabulary,
            "idf_weights": lookup.input_idf_weights,
            "encoding": self.encoding,
            "vocabulary_size": lookup.vocabulary_size(),
            "has_input_vocabulary": lookup.is_fixed,
        }

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """The layer that `get_config` described.

        Raises:
            ValueError: a function that is not known, or a file to read: only the constructor reads files.
        """
        vocabulary.refuse_file(cls.__name__, config)
        config = {**config}
        for name in ("standardize", "split"):
            config[name] = serialization.deserialize_any(config.get(name))
        if isinstance(config.get("ngrams"), list):
            config["ngrams"] = tuple(config["ngrams"])
        return super().from_config(config)
