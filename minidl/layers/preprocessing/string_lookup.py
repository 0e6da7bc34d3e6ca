"""StringLookup: numbers strings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.core.host_arrays import DTYPE
from minidl.core.text import as_string, as_text
from minidl.core.typing import Config
from minidl.layers.preprocessing.index_lookup import IndexLookup


class StringLookup(IndexLookup):
    """The number of each string in a vocabulary, or an encoding of these numbers.

    Numbers from 0 are given to the mask token (with output_mode="int"), then to unknown strings, then to the
    vocabulary.

    Args:
        max_tokens: the largest size of the vocabulary that `adapt` makes, special tokens included.
        num_oov_indices: how many numbers unknown ("out-of-vocabulary") strings have: with several, the hash of a string
            chooses one; with 0 an unknown string is an error.
        mask_token: a string that means padding: with output_mode="int" it has the number 0, else it is left out.
        oov_token: what `invert` gives for the numbers of unknown strings.
        vocabulary: the strings, (n,), or the path of a file with one per line; else call `adapt`.
        idf_weights: with output_mode="tf_idf" and a vocabulary: the inverse document frequency of each string.
        invert: whether to map numbers to strings.
        output_mode: "int" for numbers; "one_hot" for a vector for each string; for a vector for all strings of the last
            axis "multi_hot" (which are there), "count" (how often), or "tf_idf" (how often, times idf_weights).
        pad_to_max_tokens: whether vectors have the size max_tokens, also if the vocabulary is smaller.
        sparse: must be False.
        encoding: of the vocabulary, where it is given as `bytes`.
        name: see `Layer`.
        salt: an integer or two, for unknown strings to be hashed with SipHash; default FarmHash.
        **kwargs: see `Layer`.

    Input shape: (...), strings.
    Output shape: the same, int32; "one_hot" (..., n, size) or from (..., 1) (..., size), other modes from (..., n)
        (..., size), floats.

    Raises:
        ValueError: arguments that do not match each other, or a vocabulary with tokens that come twice.

    Example:
    >>> layer = StringLookup(vocabulary=["a", "b", "c"])
    >>> layer([["a", "c"], ["b", "?"]])
    Array([[1, 3],
           [2, 0]], dtype=int32)
    """

    vocabulary_dtype = DTYPE

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: int | Sequence[int] | None = None,
        **kwargs: Any,
    ):
        self.encoding = encoding
        oov_method = kwargs.pop("oov_method", "floormod")
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            oov_method,
            salt,
            name,
            **kwargs,
        )

    @property
    def takes_numbers(self) -> bool:  # type: ignore[override]
        """Whether the layer takes numbers instead of text."""
        return self.invert

    def _key(self, token: Any) -> bytes:
        return as_text(token, type(self).__name__).item()

    def _shown(self, key: Any) -> str:
        return as_string(key, self.encoding)

    def _as_keys(self, inputs: Any) -> np.ndarray:
        return inputs

    def get_config(self) -> Config:
        return {**super().get_config(), "encoding": self.encoding}
