"""CIFAR-100: 60,000 colour images of 32 x 32 pixels in 100 classes, which make 20 groups."""

from __future__ import annotations

from minidl.datasets import cifar
from minidl.datasets.fetched import Parts


def load_data(label_mode: str = "fine") -> Parts:
    """The images, downloaded when they are first used (169 MB).

    Args:
        label_mode: "fine" for the 100 classes, "coarse" for the 20 groups.

    Returns:
        `(x_train, y_train), (x_test, y_test)`. x: uint8 of shape (50000, 32, 32, 3) and (10000, 32, 32, 3). y: int64 of
        shape (50000, 1) and (10000, 1).

    Raises:
        OSError: there is no network; the message says where to put the file.
        ValueError: another label_mode, or a file in the cache is damaged.

    Example:
    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (50000, 32, 32, 3)

    Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"cifar100.load_data: label_mode must be 'fine' or 'coarse', got {label_mode!r}.")
    return cifar.load("cifar100", "cifar-100-python", ["train"], ["test"], f"{label_mode}_labels")
