"""`timeseries_dataset_from_array`: windows that slide over a time series."""

from __future__ import annotations

import operator

import numpy as np

from minidl.core.typing import ArrayLike
from minidl.data import AUTOTUNE, Dataset
from minidl.data.elements import as_array
from minidl.data.rows import Windows
from minidl.utils.directories import check_format


def timeseries_dataset_from_array(
    data: ArrayLike,
    targets: ArrayLike | None,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """Windows of a time series, each with the target of its first time.

    Window i has the times `start_index + i * sequence_stride + k * sampling_rate` for k below `sequence_length`.
    Nothing is copied before it is needed, so that `data` may be a memory map.

    Args:
        data: array of shape (time, ...).
        targets: `targets[t]` belongs to the window that begins at time t; None for windows alone.
        sequence_length: times in a window.
        sequence_stride: times between the beginnings of windows.
        sampling_rate: times between those of a window.
        batch_size: windows in a batch; None for single ones.
        shuffle: whether to give them in random order, a new one in each pass.
        seed: of the order; by default drawn from NumPy's global generator.
        start_index: times before it are not used.
        end_index: this time and later ones are not used.
        format: "tf" or "grain", with the same result.

    Returns:
        A `minidl.data.Dataset` of windows, arrays of shape (batch, sequence_length, ...), or of (windows, targets).

    Raises:
        ValueError: an invalid argument, or data too short for one window.

    Example:
    >>> for windows, targets in timeseries_dataset_from_array(np.arange(6), np.arange(6) + 3, 3, batch_size=2):
    ...     print(windows.tolist(), targets)
    [[0, 1, 2], [1, 2, 3]] [3 4]
    [[2, 3, 4], [3, 4, 5]] [5 6]
    """
    call = "timeseries_dataset_from_array"
    check_format(call, format)
    series = as_array(data)
    count = len(series)
    start, end = start_index or 0, end_index or count
    if not 0 <= start < end <= count:
        raise ValueError(
            f"{call}: start_index and end_index must be in order and within the {count} times of data, got "
            f"{start_index} and {end_index}."
        )
    for name, value in (
        ("sequence_length", sequence_length),
        ("sequence_stride", sequence_stride),
        ("sampling_rate", sampling_rate),
    ):
        if not 1 <= operator.index(value) <= count:
            raise ValueError(f"{call}: {name} must be from 1 to the {count} times of data, got {value}.")
    windows = end - start - (sequence_length - 1) * sampling_rate
    values = None if targets is None else as_array(targets)[start:end]
    if values is not None:
        windows = min(windows, len(values))
    if windows < 1:
        raise ValueError(
            f"{call}: {end - start} times"
            + ("" if values is None else f" with {len(values)} targets")
            + " hold no window "
            f"of {sequence_length} times at a sampling_rate of {sampling_rate}."
        )
    starts = np.arange(0, windows, sequence_stride)
    if shuffle:
        seed = np.random.randint(1000000) if seed is None else seed
        np.random.RandomState(seed).shuffle(starts)
    result = Dataset(Windows(series[start:end], values, starts, np.arange(sequence_length) * sampling_rate))
    if shuffle:
        result = result.shuffle(len(starts), seed=seed)
    if batch_size is not None:
        result = result.batch(batch_size)
    return result.prefetch(AUTOTUNE)
