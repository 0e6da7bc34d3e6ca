"""pad_sequences: sequences of different lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.core.typing import DType


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: DType = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Pad or truncate sequences to the same length.

    Args:
        sequences: lists or arrays, (length, ...); only the lengths may differ.
        maxlen: the length of all rows; default: that of the longest sequence.
        dtype: the dtype of the result; `object` for strings of different lengths.
        padding: "pre" to pad before the sequence, "post" after it.
        truncating: "pre" to remove values from the beginning, "post" from the end.
        value: the padding value.

    Returns:
        An array (sequences, maxlen, ...).

    Raises:
        ValueError: an item that is not a sequence, elements of different shapes, strings in a numeric dtype, or an
            unknown kind of padding or truncating.

    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1],
           [2, 3],
           [5, 6]], dtype=int32)
    """
    for argument, given in (("padding", padding), ("truncating", truncating)):
        if given not in ("pre", "post"):
            raise ValueError(f"pad_sequences: {argument} must be 'pre' or 'post', got {given!r}.")
    lengths = [_length(sequence) for sequence in sequences]
    maxlen = max(lengths, default=0) if maxlen is None else maxlen
    if isinstance(value, str) and np.dtype(dtype).kind not in "OUS":
        raise ValueError(
            f"pad_sequences: value is the string {value!r}, but dtype is {dtype}. For strings, pass dtype=object."
        )
    element = next((np.asarray(row).shape[1:] for row, length in zip(sequences, lengths) if length), ())
    result = np.full((len(lengths), maxlen, *element), value, dtype)
    for index, (row, length) in enumerate(zip(sequences, lengths)):
        kept = min(length, maxlen)
        if kept == 0:
            continue
        values = np.asarray(row[length - kept :] if truncating == "pre" else row[:kept], dtype)
        if values.shape[1:] != element:
            raise ValueError(
                f"pad_sequences: the elements of sequence {index} have shape {values.shape[1:]}, those of the "
                f"sequences before it {element}. All elements must have the same shape."
            )
        if padding == "pre":
            result[index, maxlen - kept :] = values
        else:
            result[index, :kept] = values
    return result


def _length(sequence: Any) -> int:
    try:
        return len(sequence)
    except TypeError as error:
        raise ValueError(f"pad_sequences: expected a list or an array as each sequence, got {sequence!r}.") from error
