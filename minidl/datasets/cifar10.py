"""CIFAR-10: 60,000 colour images of 32 x 32 pixels in ten classes."""

from __future__ import annotations

import numpy as np

from minidl.datasets import cifar
from minidl.datasets.fetched import Parts


def load_data() -> Parts:
    """The images, downloaded when they are first used (170 MB).

    Returns:
        `(x_train, y_train), (x_test, y_test)`. x: uint8 of shape (50000, 32, 32, 3) and (10000, 32, 32, 3). y: uint8 of
        shape (50000, 1) and (10000, 1): 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse,
        8 ship, 9 truck.

    Raises:
        OSError: there is no network; the message says where to put the file.
        ValueError: a file in the cache is damaged.

    Example:
    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (50000, 32, 32, 3)

    Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
    """
    batches = [f"data_batch_{i}" for i in range(1, 6)]
    (x_train, y_train), (x_test, y_test) = cifar.load(
        "cifar10", "cifar-10-batches-py", batches, ["test_batch"], "labels"
    )
    return (x_train, y_train.astype(np.uint8)), (x_test, y_test.astype(np.uint8))
