"""`image_dataset_from_directory`: the images of a folder, decoded and resized by threads while the device computes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidl.data import Dataset
from minidl.data.loaded import Loaded, Row
from minidl.utils import resampling
from minidl.utils.decoding import decode
from minidl.utils.directories import Folder, check_format
from minidl.utils.images import MODES, centred_box, is_channels_last, pillow

_EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: int | tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The images of a folder, with the folders in it as classes.

    The files, their order, the split and the pixels are Keras's; `fit` takes the result, and TensorFlow is not needed.

    Args:
        directory: a folder with a folder of images for each class; without labels, with images at any depth.
        labels: "inferred" from the folders, None, or the integer of each file in the order of their paths.
        label_mode: "int" for int32 labels, "categorical" for one-hot ones, "binary" for 0.0 and 1.0, None for none.
        class_names: the folders to read, in the order of their labels; by default all, by name.
        color_mode: "rgb", "rgba" or "grayscale".
        batch_size: images in a batch; None for single ones.
        image_size: (height, width) that all are resized to.
        shuffle: whether to read them in random order, a new one in each pass; else in the order of their paths.
        seed: of the order; by default drawn from NumPy's global generator.
        validation_split: the share of the files for validation, taken from the end of the shuffled order.
        subset: "training", "validation", or "both" for a list of the two.
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian" or "mitchellcubic",
            without antialiasing.
        follow_links: whether to read folders that are links.
        crop_to_aspect_ratio: whether to crop to the aspect ratio of `image_size` first, rather than to distort.
        pad_to_aspect_ratio: whether to pad with zeros instead.
        data_format: "channels_last" or "channels_first"; None for `minidl.config.image_data_format()`.
        format: "tf" or "grain", with the same result.
        verbose: whether to print how many files there are.

    Returns:
        A `minidl.data.Dataset` of images, float32 of shape (batch, height, width, channels) with values from 0 to 255,
        or of (images, labels). It has `class_names` and `file_paths`.

    Raises:
        ValueError: an invalid argument, or no images; while reading, a file that is not an image.
        ImportError: Pillow is not installed.

    Example:
    >>> train = image_dataset_from_directory("images", image_size=(180, 180))  # doctest: +SKIP
    Found 3670 files belonging to 5 classes.
    >>> model.fit(train, epochs=3)  # doctest: +SKIP
    """
    call = "image_dataset_from_directory"
    if color_mode not in MODES:
        raise ValueError(f"{call}: color_mode must be one of {list(MODES)}, got {color_mode!r}.")
    if interpolation.lower() not in resampling.METHODS:
        raise ValueError(f"{call}: interpolation must be one of {resampling.METHODS}, got {interpolation!r}.")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(f"{call}: crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other.")
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"{call}: image_size must be (height, width), got {image_size!r}.")
    check_format(call, format)
    pillow(call)
    fit = "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else "distort"
    reader = Reader(MODES[color_mode], size, interpolation.lower(), fit, is_channels_last(call, data_format))
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
        extensions=_EXTENSIONS,
    ).read(reader, reader.batches)


class Reader:
    """From a path to pixels.

    Args:
        mode: of Pillow.
        size: height and width.
        method: of resampling.
        fit: "crop", "pad" or "distort".
        channels_last: where the channels are.
    """

    def __init__(self, mode: str, size: tuple[int, int], method: str, fit: str, channels_last: bool):
        self._mode = mode
        self._size = size
        self._method = method
        self._fit = fit
        self._channels_last = channels_last

    @property
    def _row(self) -> Row:
        height, width = self._size
        channels = len(self._mode)
        shape = (height, width, channels) if self._channels_last else (channels, height, width)
        return Row(self._read, shape, "uint8" if self._method == "nearest" else "float32")

    def __call__(self, path: str) -> np.ndarray:
        row = np.empty(self._row.shape, self._row.dtype)
        self._read(path, row)
        return row

    def batches(self, data: Dataset, size: int) -> Dataset:
        """Batches of a data set of paths, or of (path, label)."""
        return Dataset(Loaded(data.batch(size)._stage, size, self._row))

    def _read(self, path: str, row: np.ndarray) -> None:
        pixels = decode(path, self._mode)
        row = row if self._channels_last else row.transpose(1, 2, 0)
        height, width = pixels.shape[:2]
        if self._fit == "pad":
            row[...] = 0
            row = self._inside(row, height, width)
        elif self._fit == "crop":
            left, top, right, bottom = centred_box((width, height), self._size[::-1])
            pixels = pixels[top:bottom, left:right]
        if row.flags.c_contiguous:
            resampling.resize(pixels, row.shape[:2], self._method, out=row)
        else:
            row[...] = resampling.resize(pixels, row.shape[:2], self._method)

    def _inside(self, row: np.ndarray, *old: int) -> np.ndarray:
        """The part that is not padding; sizes are computed in float32, as `tf.image.resize_with_pad` does."""
        new = np.array(self._size, "float32")
        wanted = np.array(old, "float32") / (np.array(old, "float32") / new).max()
        high, wide = np.maximum(wanted, 1).astype(int).tolist()
        top, left = np.maximum((new - wanted) / 2, 0).astype(int).tolist()
        return row[top : top + high, left : left + wide]
