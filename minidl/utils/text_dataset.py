"""`text_dataset_from_directory`: the text files of a folder."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.utils.directories import Folder, check_format


def text_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The `.txt` files of a folder, with the folders in it as classes.

    The files, their order and the split are Keras's.

    Args:
        directory: a folder with a folder of files for each class; without labels, with files at any depth.
        labels: "inferred" from the folders, None, or the integer of each file in the order of their paths.
        label_mode: "int" for int32 labels, "categorical" for one-hot ones, "binary" for 0.0 and 1.0, None for none.
        class_names: the folders to read, in the order of their labels; by default all, by name.
        batch_size: texts in a batch; None for single ones.
        max_length: how many characters of each text are kept; None for all.
        shuffle: whether to read them in random order, a new one in each pass; else in the order of their paths.
        seed: of the order; by default drawn from NumPy's global generator.
        validation_split: the share of the files for validation, taken from the end of the shuffled order.
        subset: "training", "validation", or "both" for a list of the two.
        follow_links: whether to read folders that are links.
        format: "tf" or "grain", with the same result.
        verbose: whether to print how many files there are.

    Returns:
        A `minidl.data.Dataset` of texts, arrays of `str` (dtype object) of shape (batch,), or of (texts, labels). It
        has `class_names` and `file_paths`.

    Raises:
        ValueError: an invalid argument, or no files; while reading, a file that is not UTF-8.

    Example:
    >>> train = text_dataset_from_directory("aclImdb/train", batch_size=64)  # doctest: +SKIP
    Found 25000 files belonging to 2 classes.
    """
    call = "text_dataset_from_directory"
    check_format(call, format)
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
        extensions=(".txt",),
    ).read(lambda path: np.array(_text(path)[:max_length], dtype=object))


def _text(path: str) -> str:
    try:
        return pathlib.Path(path).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}. Write it as UTF-8, or remove it.") from error
