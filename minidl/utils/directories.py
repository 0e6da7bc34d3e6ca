"""Folders of files with a class each: which files there are, in which order, and with which labels.

The order, the shuffle and the split are Keras's: a program that reads a folder with the same seed has the same files in
its training part.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from minidl.core import messages
from minidl.data import AUTOTUNE, Dataset

_UNBATCHED_BUFFER = 1024
LABEL_MODES = ("int", "categorical", "binary", None)


class FolderDataset(Dataset):
    """A `Dataset` of files, which knows their paths in the order of an unshuffled pass."""

    file_paths: list[str]


@dataclasses.dataclass
class Folder:
    """The arguments that functions of folders share.

    Args:
        call: name of the function, for errors.
        directory: with a folder for each class, or with files.
        labels: "inferred" from the folders, None, or the integer of each file in the order of their paths.
        label_mode: "int", "categorical" (one-hot), "binary" (0.0 or 1.0), or None for no labels.
        class_names: the folders to read, in the order of their labels; by default all, by name.
        batch_size: files in a batch; None for single ones.
        shuffle: whether to shuffle them.
        seed: of the shuffle; by default from NumPy's global generator.
        validation_split: the share of the files for validation.
        subset: "training", "validation" or "both".
        follow_links: whether to read folders that are links.
        verbose: whether to print how many files there are.
        extensions: of the files.
    """

    call: str
    directory: str | os.PathLike[str]
    labels: Any
    label_mode: str | None
    class_names: Sequence[str] | None
    batch_size: int | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    verbose: bool
    extensions: tuple[str, ...]

    def read(self, load: Callable[[str], Any], batched: Callable[[Dataset, int], Dataset] | None = None) -> Any:
        """The data set of the files, or of both subsets.

        Args:
            load: the contents of a file as an array; called in threads.
            batched: makes batches of the data set of paths, or of (path, label); by default of what `load` gives.

        Raises:
            ValueError: an argument is invalid, or there are no files.
        """
        self._check()
        seed = np.random.randint(1000000) if self.seed is None else self.seed
        paths, labels, names = self._files()
        if self.label_mode == "binary" and len(names or ()) != 2:
            raise ValueError(f"{self.call}: label_mode='binary' needs two classes, found {len(names or ())}: {names}.")
        if self.shuffle:
            for items in (paths, labels):  # each from the seed, so that they stay together
                np.random.RandomState(seed).shuffle(items)
        found = [
            self._dataset(subset, paths[part], labels[part], names, seed, load, batched)
            for subset, part in self._parts(len(paths))
        ]
        return found if self.subset == "both" else found[0]

    def _check(self) -> None:
        if self.labels not in ("inferred", None) and not isinstance(self.labels, (list, tuple, np.ndarray)):
            raise ValueError(
                f"{self.call}: labels must be 'inferred', None or a list of integers, got {self.labels!r}."
            )
        if self.label_mode not in LABEL_MODES:
            raise ValueError(f"{self.call}: label_mode must be one of {LABEL_MODES}, got {self.label_mode!r}.")
        if self.class_names is not None and self.labels != "inferred":
            raise ValueError(f"{self.call}: class_names choose folders, and need labels='inferred'.")
        if self.subset not in ("training", "validation", "both", None):
            raise ValueError(f"{self.call}: subset must be 'training', 'validation' or 'both', got {self.subset!r}.")
        if (self.subset is None) != (not self.validation_split):
            raise ValueError(
                f"{self.call}: subset and validation_split need each other, got subset={self.subset!r} and "
                f"validation_split={self.validation_split}."
            )
        if self.validation_split and not 0 < self.validation_split < 1:
            raise ValueError(f"{self.call}: validation_split must be between 0 and 1, got {self.validation_split}.")
        if self.validation_split and self.shuffle and self.seed is None:
            raise ValueError(
                f"{self.call}: with validation_split and shuffle, pass a seed: else the two subsets are drawn each by "
                "itself and overlap."
            )
        if not os.path.isdir(self.directory):
            raise ValueError(f"{self.call}: there is no folder {os.path.abspath(self.directory)}.")

    def _files(self) -> tuple[list[str], Any, list[str] | None]:
        """The paths, their labels, and the names of the classes."""
        root = os.fspath(self.directory)
        if self.labels is None or self.label_mode is None:
            folders, names = [""], None
        elif isinstance(self.labels, str):
            folders = names = self._classes(root)
        else:
            folders, names = [""], [str(label) for label in sorted(set(self.labels))]
        lists = [list(self._walk(os.path.join(root, folder))) for folder in folders]
        paths = [path for paths in lists for path in paths]
        labels: Any = np.repeat(np.arange(len(lists), dtype="int32"), [len(paths) for paths in lists])
        if names is not None and not isinstance(self.labels, str):
            labels = np.asarray(self.labels)
            if len(labels) != len(paths):
                raise ValueError(f"{self.call}: got {len(labels)} labels for the {len(paths)} files in {root}.")
        if self.verbose:
            classes = "" if names is None else f" belonging to {len(names)} classes"
            messages.say(f"Found {len(paths)} files{classes}.")
        return paths, labels, names

    def _classes(self, root: str) -> list[str]:
        entries = sorted(os.listdir(root))
        found = [name for name in entries if name[0] != "." and os.path.isdir(os.path.join(root, name))]
        if self.class_names is None:
            return found
        if unknown := [name for name in self.class_names if name not in found]:
            raise ValueError(f"{self.call}: there are no folders {unknown} in {root}, which has {found}.")
        return list(self.class_names)

    def _walk(self, folder: str) -> Iterator[str]:
        """The files in a folder and those below it, in the order of Keras: by folder, then by name."""
        walked = os.walk(folder, followlinks=self.follow_links)
        for root, _, names in sorted(walked, key=lambda entry: entry[0]):
            for name in sorted(names):
                if name.lower().endswith(self.extensions):
                    yield os.path.join(folder, os.path.relpath(os.path.join(root, name), folder))

    def _parts(self, count: int) -> list[tuple[str, slice]]:
        """The subsets, each as a part of all files."""
        if not self.validation_split:
            return [("", slice(None))]
        held_out = int(self.validation_split * count)
        parts = {"training": slice(None, count - held_out), "validation": slice(count - held_out, None)}
        for subset, number in (("training", count - held_out), ("validation", held_out)):
            if self.subset in (subset, "both"):
                messages.say(f"Using {number} files for {subset}.")
        return [(subset, part) for subset, part in parts.items() if self.subset in (subset, "both")]

    def _dataset(
        self,
        subset: str,
        paths: list[str],
        labels: Any,
        names: list[str] | None,
        seed: int,
        load: Callable[[str], Any],
        batched: Callable[[Dataset, int], Dataset] | None,
    ) -> FolderDataset:
        if not paths:
            kind = f"{subset} " if subset else ""
            raise ValueError(f"{self.call}: there are no {kind}files {self.extensions} in {self.directory}.")
        files = np.array(paths, dtype=object)
        data = Dataset.from_tensor_slices(files if names is None else (files, self._encoded(labels, len(names))))
        if self.shuffle and not (subset == "validation" and self.subset == "both"):
            data = data.shuffle(len(paths), seed=seed)
        if self.batch_size is None:
            data = loaded(data, load)
        else:
            data = loaded(data, load).batch(self.batch_size) if batched is None else batched(data, self.batch_size)
        found = FolderDataset(data.prefetch(AUTOTUNE)._stage, names)
        found.file_paths = paths
        return found

    def _encoded(self, labels: Any, count: int) -> np.ndarray:
        if self.label_mode == "binary":
            return np.asarray(labels, "float32")[:, None]
        if self.label_mode == "categorical":
            return (np.asarray(labels)[:, None] == np.arange(count)).astype("float32")
        return np.asarray(labels, "int32")


def loaded(data: Dataset, load: Callable[[str], Any]) -> Dataset:
    """The contents of files, in place of their paths.

    Args:
        data: of paths, or of (path, label).
        load: as of `Folder.read`.
    """
    return data.map(lambda path, *label: (load(path.item()), *label) if label else load(path.item()), AUTOTUNE)


def check_format(call: str, format: str) -> None:
    """Refuse a kind of data set that Keras does not have."""
    if format not in ("tf", "grain"):
        raise ValueError(f"{call}: format must be 'tf' or 'grain', got {format!r}.")
