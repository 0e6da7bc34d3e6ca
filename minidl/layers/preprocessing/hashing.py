"""Hashing: the bucket of a hash for each value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.core import budget, dtypes
from minidl.core.string_hashes import buckets
from minidl.core.text import as_text, is_text, may_be_text
from minidl.core.typing import Config, DType
from minidl.layers.preprocessing.encodings import encoded, encoded_shape
from minidl.layers.preprocessing.hash_options import salt_of
from minidl.layers.preprocessing.host_layer import HostLayer, integers


class Hashing(HostLayer):
    """The hash of each string or integer modulo num_bins, or an encoding of these numbers.

    The hash is FarmHash64, or SipHash-2-4 with a salt; of an integer that of its decimal form.

    Args:
        num_bins: the number of bins, that for mask_value included.
        mask_value: a value that has bin 0, which then no other has.
        salt: an integer or two, for SipHash.
        output_mode: "int" for the numbers of bins, or as in `StringLookup`.
        sparse: must be False.
        dtype: of the output, default an integer type with "int" and `floatx()` otherwise.
        **kwargs: see `Layer`.

    Input shape: (...), strings or integers.
    Output shape: the same; "one_hot" (..., n, num_bins) or from (..., 1) (..., num_bins), other modes from (..., n)
        (..., num_bins).

    Raises:
        ValueError: num_bins that is not positive, an unknown output_mode, or a dtype of floats with "int".

    Example:
    >>> Hashing(3)([["A"], ["B"], ["C"], ["D"], ["E"]])[:, 0]
    Array([1, 0, 1, 1, 2], dtype=int32)
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: int | Sequence[int] | None = None,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: DType | None = None,
        **kwargs: Any,
    ):
        super().__init__(dtype=dtype or ("int64" if output_mode == "int" else dtypes.floatx()), **kwargs)
        if num_bins is None or num_bins <= 0:
            raise ValueError(f"Hashing: num_bins must be a positive integer, got {num_bins!r}.")
        if output_mode not in ("int", "one_hot", "multi_hot", "count"):
            raise ValueError(
                f"Hashing: output_mode must be 'int', 'one_hot', 'multi_hot' or 'count', got {output_mode!r}."
            )
        if output_mode == "int" and self.dtype_policy.name not in ("int32", "int64"):
            raise ValueError(f"Hashing: with output_mode='int', dtype must be 'int32' or 'int64', got {dtype!r}.")
        if sparse:
            raise ValueError("Hashing: sparse tensors are not supported; set sparse=False.")
        if output_mode != "int":
            budget.charge_numbers(num_bins, "numbers in a vector")
        self.num_bins = num_bins
        self.mask_value = mask_value
        self.salt = salt_of(salt, "Hashing")
        self.output_mode = output_mode
        self.sparse = sparse

    def compute(self, inputs: Any) -> np.ndarray:
        array = np.asarray(inputs)
        if may_be_text(array):
            array = as_text(array, "Hashing")
            text, masked = array, self.mask_value
            masked = masked.encode() if isinstance(masked, str) else masked
        else:
            array = integers(self, array)
            text, masked = array.astype("U").astype(object), self.mask_value
            text = as_text(text)
        if masked is not None and is_text(array) != isinstance(masked, (str, bytes)):
            raise TypeError(f"Hashing: mask_value {self.mask_value!r} has another type than the inputs, {array.dtype}.")
        has_mask = masked is not None and self.num_bins > 1
        found = buckets(text, self.num_bins - has_mask, self.salt)
        if has_mask:
            found = np.where(array == masked, 0, found + 1)
        return (
            found if self.output_mode == "int" else encoded(found, self.output_mode, self.num_bins, self.output_dtype)
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output."""
        return encoded_shape(tuple(input_shape), self.output_mode, self.num_bins)

    @property
    def output_dtype(self) -> str:
        """The dtype of the output."""
        return dtypes.canonical(self.compute_dtype)

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "num_bins": self.num_bins,
            "salt": self.salt,
            "mask_value": self.mask_value,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
        }
