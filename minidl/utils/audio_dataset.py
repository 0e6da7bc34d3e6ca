"""`audio_dataset_from_directory`: the WAV files of a folder."""

from __future__ import annotations

import functools
import math
import os
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.core.optional import needed
from minidl.utils.directories import Folder, loaded

_FORMATS = {1: ("u1", 128, 128), 2: ("<i2", 0, 2**15), 4: ("<i4", 0, 2**31)}  # bytes -> dtype, zero, scale


def audio_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """The `.wav` files of a folder, with the folders in it as classes.

    The files, their order and the split are Keras's.

    Args:
        directory: a folder with a folder of files for each class; without labels, with files at any depth.
        labels: "inferred" from the folders, None, or the integer of each file in the order of their paths.
        label_mode: "int" for int32 labels, "categorical" for one-hot ones, "binary" for 0.0 and 1.0, None for none.
        class_names: the folders to read, in the order of their labels; by default all, by name.
        batch_size: recordings in a batch; None for single ones.
        sampling_rate: samples in a second, to which recordings with another rate are converted, with scipy; None for
            the rates that they have.
        output_sequence_length: samples to which recordings are cut, or filled up with zeros; None to fill up to the
            longest of a batch.
        ragged: refused: minidl has no ragged arrays.
        shuffle: whether to read them in random order, a new one in each pass; else in the order of their paths.
        seed: of the order; by default drawn from NumPy's global generator.
        validation_split: the share of the files for validation, taken from the end of the shuffled order.
        subset: "training", "validation", or "both" for a list of the two.
        follow_links: whether to read folders that are links.
        verbose: whether to print how many files there are.

    Returns:
        A `minidl.data.Dataset` of recordings, float32 of shape (batch, samples, channels) with values from -1 to 1, or
        of (recordings, labels). It has `class_names` and `file_paths`.

    Raises:
        ValueError: an invalid argument, or no files; while reading, a file that is not PCM of 8, 16 or 32 bits.
        ImportError: sampling_rate is given and scipy is not installed.

    Example:
    >>> train = audio_dataset_from_directory("commands", output_sequence_length=16000)  # doctest: +SKIP
    Found 8000 files belonging to 8 classes.
    """
    call = "audio_dataset_from_directory"
    if ragged:
        raise ValueError(f"{call}: minidl has no ragged arrays. Leave ragged out: batches are filled up with zeros.")
    for name, value in (("sampling_rate", sampling_rate), ("output_sequence_length", output_sequence_length)):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ValueError(f"{call}: {name} must be a positive integer, got {value!r}.")
    load = functools.partial(_recording, rate=sampling_rate, length=output_sequence_length)
    padded = lambda data, size: loaded(data, load).padded_batch(size)  # noqa: E731
    return Folder(
        call=call,
        directory=directory,
        labels=labels,
        label_mode=label_mode,
        class_names=class_names,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        validation_split=validation_split,
        subset=subset,
        follow_links=follow_links,
        verbose=verbose,
        extensions=(".wav",),
    ).read(load, padded if output_sequence_length is None else None)


def _recording(path: str, rate: int | None, length: int | None) -> np.ndarray:
    """The samples of a file, (samples, channels)."""
    try:
        with wave.open(path) as file:
            if file.getsampwidth() not in _FORMATS:
                raise wave.Error(f"{8 * file.getsampwidth()} bits")
            dtype, zero, scale = _FORMATS[file.getsampwidth()]
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype).reshape(-1, file.getnchannels())
            own_rate = file.getframerate()
    except (wave.Error, EOFError, ValueError) as error:
        raise ValueError(f"{path} is not a WAV file of PCM with 8, 16 or 32 bits: {error}.") from error
    recording = ((samples.astype("float64") - zero) / scale).astype("float32")
    if rate is not None and rate != own_rate:
        common = math.gcd(rate, own_rate)
        signal = needed("scipy.signal", "audio_dataset_from_directory(sampling_rate=...)", "scipy")
        recording = signal.resample_poly(recording, rate // common, own_rate // common, axis=0).astype("float32")
    if length is None:
        return recording
    return np.pad(recording[:length], ((0, max(0, length - len(recording))), (0, 0)))
