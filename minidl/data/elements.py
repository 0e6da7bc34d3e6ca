"""Elements of a `Dataset`: arrays of NumPy, in tuples and dicts.

A list is an array, as in tf.data: only tuples and dicts are structures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from minidl.core.typing import PyTree


class HostArray(np.ndarray):
    """A NumPy array with the `numpy` method that programs call on what `tf.data` gives."""

    def numpy(self) -> Any:
        """The plain array, or the number or text in an array of rank 0.

        >>> np.ones(2).view(HostArray).numpy()
        array([1., 1.])
        """
        return self.view(np.ndarray)[()]


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """The shape and dtype of a part of an element; text has the dtype object.

    Args:
        shape: None for sizes that differ.
        dtype: of NumPy.
    """

    shape: tuple[int | None, ...]
    dtype: Any


def map_leaves(function: Callable[..., Any], element: PyTree, *others: PyTree) -> PyTree:
    """Call a function with each leaf of an element, and with the leaves of others in the same place.

    Raises:
        ValueError: they have different structures.

    >>> map_leaves(lambda a, b: a + b, (1, {"b": 2, "a": 3}), (10, {"a": 20, "b": 30}))
    (11, {'b': 32, 'a': 23})
    """
    if isinstance(element, dict):
        if any(not isinstance(other, dict) or other.keys() != element.keys() for other in others):
            raise ValueError(f"Dataset: elements have different structures: {_kinds(element, *others)}.")
        return {key: map_leaves(function, part, *(other[key] for other in others)) for key, part in element.items()}
    if isinstance(element, tuple):
        if any(not isinstance(other, tuple) or len(other) != len(element) for other in others):
            raise ValueError(f"Dataset: elements have different structures: {_kinds(element, *others)}.")
        parts = [map_leaves(function, *parts) for parts in zip(element, *others)]
        return type(element)(*parts) if hasattr(element, "_fields") else tuple(parts)
    return None if element is None else function(element, *others)


def leaves(element: PyTree) -> list[Any]:
    """The arrays of an element."""
    found: list[Any] = []
    map_leaves(found.append, element)
    return found


def as_array(value: Any) -> np.ndarray:
    """A leaf as an array: text as objects, numbers of other libraries as NumPy has them.

    Raises:
        ValueError: a list whose parts have different lengths.
    """
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, (str, bytes)):
        return np.array(value, dtype=object)
    array = np.asarray(value)
    if array.dtype.kind in "US":
        return array.astype(object)
    narrow = {"f": "float32", "i": "int32"}.get(array.dtype.kind)
    is_narrow = narrow and array.dtype.itemsize == 8 and _is_of_python(value)
    fits = is_narrow and (narrow == "float32" or np.max(abs(array), initial=0) < 2**31)
    return array.astype(narrow) if fits else array


def _is_of_python(value: Any) -> bool:
    """Whether it is a number of Python's, or a list of them: those have the dtypes that TensorFlow gives them."""
    while isinstance(value, list) and value:
        value = value[0]
    return type(value) in (int, float)


def stacked(elements: list[PyTree]) -> PyTree:
    """Elements as a batch.

    Raises:
        ValueError: they have different shapes.
    """

    def stack(*parts: np.ndarray) -> np.ndarray:
        shapes = {part.shape for part in parts}
        if len(shapes) > 1:
            raise ValueError(
                f"Dataset.batch: the elements have different shapes: {sorted(shapes)[:5]}. Make them alike in a map "
                "before, or use padded_batch."
            )
        return np.stack(parts)

    return map_leaves(stack, *elements)


def padded(elements: list[PyTree]) -> PyTree:
    """Elements as a batch, with zeros after those that are shorter than the longest."""

    def pad(*parts: np.ndarray) -> np.ndarray:
        shape = np.max([part.shape for part in parts], axis=0).astype(int)
        batch = np.full((len(parts), *shape), "" if parts[0].dtype == object else 0, parts[0].dtype)
        for number, part in enumerate(parts):
            filled: Any = (number, *(slice(size) for size in part.shape))
            batch[filled] = part
        return batch

    return map_leaves(pad, *elements)


def _kinds(*elements: PyTree) -> str:
    return ", ".join(
        f"dict of {sorted(one)}"
        if isinstance(one, dict)
        else f"tuple of {len(one)}"
        if isinstance(one, tuple)
        else "array"
        for one in elements
    )
