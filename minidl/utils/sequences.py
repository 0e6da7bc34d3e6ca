"""Sequences of different lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """One row for each sequence: shorter ones are filled up, longer ones are cut.

    Args:
        sequences: lists or arrays, (length, ...); all but the length is the same for each.
        maxlen: the length of the rows, default: that of the longest sequence.
        dtype: of the result; `object` for texts of different lengths.
        padding: "pre" to fill up before the sequence, "post" after it.
        truncating: "pre" to cut off the beginning, "post" the end.
        value: what to fill up with.

    Returns:
        An array (sequences, maxlen, ...).

    Raises:
        ValueError: something that is no sequence, elements of different shapes, text in a dtype of numbers, or
            another way of padding or truncating.

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
            f"pad_sequences: `dtype` {dtype} is not compatible with the text {value!r}. Use dtype=object for text."
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
                f"pad_sequences: the elements of sequence {index} have shape {values.shape[1:]}, those before it "
                f"{element}. Give all elements one shape."
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
        raise ValueError(f"pad_sequences: each sequence must be a list or an array, got {sequence!r}.") from error
