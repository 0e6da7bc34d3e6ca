"""IndexLookup: the base of layers that number the tokens of a vocabulary."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.core import budget, dtypes
from minidl.core.host_arrays import DTYPE
from minidl.core.string_hashes import buckets
from minidl.core.text import as_string
from minidl.core.typing import Config
from minidl.layers.preprocessing import vocabulary as vocabularies
from minidl.layers.preprocessing.encodings import encoded, encoded_shape
from minidl.layers.preprocessing.hash_options import salt_of
from minidl.layers.preprocessing.host_layer import integer_dtype, integers
from minidl.layers.preprocessing.vocabulary import Counts
from minidl.layers.preprocessing.vocabulary_layer import VocabularyLayer

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")


class IndexLookup(VocabularyLayer):
    """Numbers the tokens of a vocabulary; see `StringLookup` and `IntegerLookup` for the arguments."""

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        oov_method: str,
        salt: int | Sequence[int] | None,
        name: str | None,
        **kwargs: Any,
    ):
        size, has_vocabulary = kwargs.pop("vocabulary_size", None), kwargs.pop("has_input_vocabulary", None)
        super().__init__(name=name, **kwargs)
        self.max_tokens = max_tokens
        self.num_oov_indices = num_oov_indices
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.invert = invert
        self.output_mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)
        self.sparse = sparse
        self.pad_to_max_tokens = pad_to_max_tokens
        self.oov_method = oov_method
        self.salt = salt_of(salt, type(self).__name__)
        self.input_idf_weights = None if idf_weights is None else np.asarray(idf_weights).tolist()
        self._check_options()
        is_file = isinstance(vocabulary, (str, os.PathLike))
        self.input_vocabulary = None if vocabulary is None or is_file else self._listed(vocabulary)
        self.is_fixed = vocabulary is not None if has_vocabulary is None else has_vocabulary  # not to be adapted
        has_tokens = size is not None and size > self._token_start  # else it was saved without a vocabulary
        self._frozen_size: int | None = size if has_tokens else None
        self._vocabulary = self._numbered([])
        self._idf: np.ndarray | None = None
        self._counts = Counts()
        if self.output_mode != "int":
            budget.charge_numbers(self._depth or 0, "numbers in a vector")
        if self.output_mode == "tf_idf" and vocabulary is not None and idf_weights is None:
            raise self._error("with output_mode='tf_idf' a vocabulary needs idf_weights")
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    def _check_options(self) -> None:
        """Refuse arguments that are unknown or do not match each other."""
        if self.max_tokens is not None and self.max_tokens <= 1:
            raise self._error(f"max_tokens must be larger than 1, got {self.max_tokens}")
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise self._error("pad_to_max_tokens=True needs max_tokens")
        if self.num_oov_indices < 0:
            raise self._error(f"num_oov_indices must not be negative, got {self.num_oov_indices}")
        if self.oov_method not in ("floormod", "farmhash"):
            raise self._error(f"oov_method must be 'floormod' or 'farmhash', got {self.oov_method!r}")
        if self.output_mode not in _MODES:
            raise self._error(f"output_mode must be one of {_MODES}, got {self.output_mode!r}")
        if self.invert and self.output_mode != "int":
            raise self._error(f"invert=True needs output_mode='int', got {self.output_mode!r}")
        if self.sparse:
            raise self._error("sparse tensors are not supported; set sparse=False")
        if self.input_idf_weights is not None and self.output_mode != "tf_idf":
            raise self._error(f"idf_weights need output_mode='tf_idf', got {self.output_mode!r}")
        if self.salt is not None and self.vocabulary_dtype != DTYPE and self.oov_method != "farmhash":
            raise self._error(f"a salt needs oov_method='farmhash', got {self.oov_method!r}")
        budget.charge_numbers(self.num_oov_indices, "out-of-vocabulary indices")

    # Calling

    def compute(self, inputs: Any) -> np.ndarray:
        if self.invert:
            masked = {0: self._key(self.mask_token)} if self.mask_token is not None else {}
            return self._vocabulary.inverse(integers(self, inputs), masked, self._key(self.oov_token))
        keys = vocabularies.as_tokens(self._as_keys(inputs), self.vocabulary_dtype == DTYPE, type(self).__name__)
        return self.encode(self.lookup(keys).reshape(np.shape(inputs)))

    def lookup(self, keys: list[Any]) -> np.ndarray:
        """The number of each token."""
        if self.output_mode != "int":
            self.depth()
        if not len(self._vocabulary):
            raise self._error("the layer has no vocabulary yet: give it one, or call adapt() with data")
        found = self._vocabulary.numbers(keys, self._oov_start if self.num_oov_indices == 1 else -1)
        if self.num_oov_indices == 1:
            return found
        unknown = np.flatnonzero(found == -1)
        tokens = [keys[index] for index in unknown]
        if unknown.size and not self.num_oov_indices:
            raise self._error(
                f"with num_oov_indices=0 all tokens must be in the vocabulary; {list(map(as_string, tokens[:10]))} are "
                "not"
            )
        found[unknown] = self._oov_buckets(tokens) + self._oov_start
        return found

    def encode(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers of tokens in the output mode."""
        if self.output_mode == "int":
            return numbers
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        return self.weighted(encoded(numbers, mode, self.depth(), self.output_dtype))

    def weighted(self, vectors: Any) -> Any:
        """Counts times the weights of tokens; the vectors of other modes as they are."""
        return vectors if self.output_mode != "tf_idf" else vectors * self._idf

    def depth(self) -> int:
        """The size of a vector.

        Raises:
            RuntimeError: there is no vocabulary yet.
        """
        if self._depth is None:
            raise RuntimeError(
                f"{type(self).__name__}: with output_mode={self.output_mode!r} the layer needs its vocabulary before "
                "it is called: give it one, or call adapt() with data."
            )
        return self._depth

    @property
    def _depth(self) -> int | None:
        return self.max_tokens if self.pad_to_max_tokens else self._frozen_size

    def _oov_buckets(self, tokens: list[Any]) -> np.ndarray:
        if self.vocabulary_dtype != DTYPE and self.oov_method == "floormod":
            return np.array(tokens, "int64") % self.num_oov_indices
        text = [token if isinstance(token, bytes) else str(token).encode() for token in tokens]
        return buckets(np.array(text, object), self.num_oov_indices, self.salt)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output; its last size is None where there is no vocabulary yet."""
        return encoded_shape(tuple(input_shape), self.output_mode, self._depth)

    @property
    def output_dtype(self) -> str:
        """The dtype of the output."""
        if self.output_mode != "int":
            return dtypes.floatx()
        return DTYPE if self.invert and self.vocabulary_dtype == DTYPE else integer_dtype()

    @property
    def compute_dtype(self) -> str:
        """That of the vocabulary."""
        return self.vocabulary_dtype

    @property
    def variable_dtype(self) -> str:
        """That of the vocabulary."""
        return self.vocabulary_dtype

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "idf_weights": self.input_idf_weights,
            "vocabulary": self.input_vocabulary,
            "vocabulary_size": self._frozen_size,
            "has_input_vocabulary": self.is_fixed,
            "oov_method": self.oov_method,
            "salt": self.salt,
        }
