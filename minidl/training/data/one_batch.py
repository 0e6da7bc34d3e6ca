"""One batch as a chunk, for calls that compute one batch."""

from __future__ import annotations

import jax
import numpy as np

from minidl.core import processes
from minidl.core.arrays import device_dtype
from minidl.core.typing import PyTree
from minidl.training.data.array_data import ArrayData
from minidl.training.data.chunks import Chunk


def one_batch(x: PyTree, y: PyTree = None, sample_weight: PyTree = None) -> Chunk:
    """All rows of checked arrays as one batch. Arrays in the dtype of the device are not copied.

    >>> one_batch(np.ones((4, 3), "float32")).batches[0].shape
    (1, 4, 3)
    """
    if type(x) is np.ndarray and y is None and sample_weight is None and not processes.are_many():
        return Chunk((one(x), None, None), 1, len(x))  # what a server asks for
    leaves, structure = jax.tree.flatten((x, y, sample_weight))
    rows = len(leaves[0])
    if processes.are_many() or not all(type(leaf) is np.ndarray for leaf in leaves):
        return next(ArrayData(x, y, sample_weight, batch_size=rows).epoch().chunks(lambda: 1))
    return Chunk(jax.tree.unflatten(structure, [one(leaf) for leaf in leaves]), 1, rows)


def is_one(x: PyTree, batch_size: int) -> bool:
    """Whether inputs are arrays in memory, or a list or dict of them, with the rows of a single batch.

    >>> is_one(np.ones((4, 3)), 32), is_one({"a": np.ones((4, 3))}, 2), is_one([[1.0, 2.0]], 32)
    (True, False, False)
    """
    if type(x) is np.ndarray:  # the usual case
        return x.ndim > 0 and 0 < len(x) <= batch_size
    leaves = jax.tree.leaves(x) if type(x) in (list, dict) else [x]
    are_arrays = bool(leaves) and all(type(leaf) is np.ndarray or isinstance(leaf, jax.Array) for leaf in leaves)
    return are_arrays and all(leaf.ndim and 0 < len(leaf) <= batch_size for leaf in leaves)


def one(array: np.ndarray) -> np.ndarray:
    """An array (batch, ...) as one batch (1, batch, ...), in the dtype of the device."""
    dtype = device_dtype(array)
    return (array if array.dtype == dtype else array.astype(dtype))[None]
