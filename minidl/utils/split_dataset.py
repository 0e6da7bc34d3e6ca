"""`split_dataset`: two data sets from one that fits in memory."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sized
from typing import Any

import numpy as np

from minidl.core.arrays import holds_array
from minidl.core.typing import PyTree
from minidl.data import AUTOTUNE, Dataset
from minidl.data.elements import as_array, leaves, map_leaves, stacked

Size = int | float | None


def split_dataset(
    dataset: Any,
    left_size: Size = None,
    right_size: Size = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """Split data in two, by examples.

    Args:
        dataset: a `Dataset`, of batches or not, an array, a tuple or list of arrays with the same number of rows, a
            `tf.data.Dataset`, or a map-style data set of torch.
        left_size: how many examples, or as a float which share of them, the first part has; None for the rest.
        right_size: likewise of the second part, which is taken from the end.
        shuffle: whether to shuffle the examples before.
        seed: of the shuffle; as in Keras, Python's `random` is seeded with it.
        preferred_backend: ignored: both parts are a `Dataset` of minidl's.

    Returns:
        Two data sets, of batches as large as those of `dataset`, or of examples.

    Raises:
        ValueError: sizes that are missing, too large, or leave a part empty; examples of different shapes.
        TypeError: sizes that are not numbers, or another kind of data.

    Example:
    >>> left, right = split_dataset(np.arange(10), left_size=0.8)
    >>> len(left), len(right)
    (8, 2)
    """
    arrays, batch_size = _examples(dataset)
    total = len(leaves(arrays)[0])
    left, right = _counts(left_size, right_size, total)
    order = list(range(total))
    if shuffle:
        random.seed(random.randint(0, 1000000) if seed is None else seed)
        random.shuffle(order)
    parts = []
    for numbers in (order[:left], order[-right:]):
        part = Dataset.from_tensor_slices(map_leaves(lambda array, numbers=numbers: array[numbers], arrays))
        parts.append((part if batch_size is None else part.batch(batch_size)).prefetch(AUTOTUNE))
    return parts[0], parts[1]


def _examples(dataset: Any) -> tuple[PyTree, int | None]:
    """All examples as arrays, and the size of the batches that they came in."""
    batch_size = None
    if isinstance(dataset, (list, tuple)):
        arrays: PyTree = tuple(map(as_array, dataset))
    elif holds_array(dataset):
        arrays = as_array(dataset)
    else:
        elements = list(_elements(dataset))
        batched = dataset.is_batched if isinstance(dataset, Dataset) else hasattr(dataset, "_batch_size")
        if batched and elements:
            batch_size = len(leaves(elements[0])[0])
            arrays = map_leaves(lambda *parts: np.concatenate(parts), *elements)
        else:
            arrays = stacked(elements) if elements else ()
    sizes = {array.shape[:1] for array in leaves(arrays)}
    if len(sizes) != 1 or sizes & {(), (0,)}:
        shapes = [array.shape for array in leaves(arrays)]
        raise ValueError(f"split_dataset: expected examples in arrays with the same number of rows, got {shapes}.")
    return arrays, batch_size


def _elements(dataset: Any) -> Iterable[PyTree]:
    if isinstance(dataset, Dataset):
        return dataset.read()
    if isinstance(dataset, Iterable):
        return (map_leaves(as_array, element) for element in dataset)
    if isinstance(dataset, Sized) and hasattr(dataset, "__getitem__"):
        return (map_leaves(as_array, dataset[number]) for number in range(len(dataset)))
    raise TypeError(f"split_dataset: expected a data set or arrays, got a {type(dataset).__name__}.")


def _counts(left: Size, right: Size, total: int) -> tuple[int, int]:
    """How many examples each part has."""
    counts: list[int | None] = []
    for name, size in (("left_size", left), ("right_size", right)):
        if size is not None and type(size) not in (int, float):
            raise TypeError(f"split_dataset: {name} must be an integer, a float or None, got {size!r}.")
        if size is not None and not 0 < size < (1 if isinstance(size, float) else total):
            raise ValueError(
                f"split_dataset: {name} must be a share between 0 and 1 or a number from 1 to {total - 1}, got {size}."
            )
        counts.append(round(size * total) if isinstance(size, float) else size)
    if counts == [None, None]:
        raise ValueError("split_dataset: pass left_size or right_size.")
    first, second = counts[0], counts[1]
    first = total - (second or 0) if first is None else first
    second = total - first if second is None else second
    if first + second > total or not first or not second:
        raise ValueError(f"split_dataset: {total} examples cannot be split into {first} and {second}.")
    return first, second
