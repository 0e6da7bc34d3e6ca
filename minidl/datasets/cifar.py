"""The files of CIFAR-10 and CIFAR-100: pickled dicts of images and labels."""

from __future__ import annotations

import os

import numpy as np

from minidl import config
from minidl.datasets.fetched import Parts, fetch, read_pickle

_SHAPE = (3, 32, 32)


def load(source: str, folder: str, train: list[str], test: list[str], labels: str) -> Parts:
    """The training and test parts, in the default data format.

    Args:
        source: name in `fetched.SOURCES`.
        folder: the folder in the archive.
        train: files of the training part.
        test: files of the test part.
        labels: key of the labels.

    Raises:
        ValueError: a file is damaged.
    """
    root = os.path.join(fetch(source, f"{folder}-target", extract=True), folder)
    read = [[_read(os.path.join(root, name), labels) for name in names] for names in (train, test)]
    (x_train, y_train), (x_test, y_test) = ([np.concatenate(arrays) for arrays in zip(*part)] for part in read)
    return (x_train, y_train), (x_test, y_test)


def _read(path: str, labels: str) -> tuple[np.ndarray, np.ndarray]:
    content = read_pickle(path)
    try:
        images, classes = content[b"data"], content[labels.encode()]
        x, y = np.asarray(images, np.uint8).reshape(-1, *_SHAPE), np.asarray(classes).reshape(-1, 1)
        if len(x) != len(y):
            raise ValueError(f"it has {len(x)} images and {len(y)} labels")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a file of CIFAR: {error}. Remove its folder.") from error
    return (x.transpose(0, 2, 3, 1) if config.image_data_format() == "channels_last" else x), y
