"""IntegerLookup: numbers integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from minidl.core.typing import Array, Config
from minidl.layers.preprocessing.category_encoding import encode
from minidl.layers.preprocessing.host_layer import integers
from minidl.layers.preprocessing.index_lookup import IndexLookup


class IntegerLookup(IndexLookup):
    """The number of each integer in a vocabulary, or an encoding of these numbers.

    Args:
        max_tokens: see `StringLookup`.
        num_oov_indices: see `StringLookup`.
        mask_token: an integer that means padding; see `StringLookup`.
        oov_token: what `invert` gives for the numbers of unknown integers.
        vocabulary: see `StringLookup`.
        vocabulary_dtype: "int64".
        idf_weights: see `StringLookup`.
        invert: see `StringLookup`.
        output_mode: see `StringLookup`.
        sparse: must be False.
        pad_to_max_tokens: see `StringLookup`.
        oov_method: how one of several numbers is chosen for an unknown integer: "floormod" by the remainder of a
            division, "farmhash" by the hash of its decimal form.
        salt: with "farmhash"; see `StringLookup`.
        name: see `Layer`.
        **kwargs: see `Layer`.

    Input shape: (...), integers.
    Output shape: as of `StringLookup`.

    Raises:
        ValueError: arguments that do not match each other, or a vocabulary with tokens that come twice.

    Example:
    >>> IntegerLookup(vocabulary=[12, 36], output_mode="multi_hot")([[36, 7]])
    Array([[1., 0., 1.]], dtype=float32)
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int | None = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: int | Sequence[int] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        if vocabulary_dtype != "int64":
            raise ValueError(f"IntegerLookup: vocabulary_dtype must be 'int64', got {vocabulary_dtype!r}.")
        self.vocabulary_dtype = vocabulary_dtype
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
    def needs_host(self) -> bool:  # type: ignore[override]
        """False where arithmetic is enough: then numbers are looked up on the device in a compiled model."""
        uses_hash = self.oov_method == "farmhash" and self.num_oov_indices > 1
        return self.invert or uses_hash or not self.num_oov_indices or not len(self._vocabulary)

    def call_traced(self, inputs: Array) -> Any:
        if self.needs_host:
            return super().call_traced(inputs)
        inputs = inputs.astype("int32")
        keys, numbers = self._vocabulary.sorted()
        keys, numbers = (part[abs(keys) < 2**31].astype("int32") for part in (keys, numbers))
        places = jnp.clip(jnp.searchsorted(keys, inputs), max=len(keys) - 1)
        unknown = inputs % self.num_oov_indices + self._oov_start
        found = jnp.where(jnp.asarray(keys)[places] == inputs, jnp.asarray(numbers)[places], unknown)
        if self.output_mode == "int":
            return found
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        return self.weighted(encode(found, mode, self.depth(), self.output_dtype))

    def _key(self, token: Any) -> int:
        return int(token)

    def _shown(self, key: Any) -> int:
        return key

    def _as_keys(self, inputs: Any) -> np.ndarray:
        return integers(self, inputs)

    def get_config(self) -> Config:
        return {**super().get_config(), "vocabulary_dtype": self.vocabulary_dtype}
