"""Encodings of integers on the host: as vectors for each integer, or for all integers of an example."""

from __future__ import annotations

import math

import numpy as np


def encoded(indices: np.ndarray, output_mode: str, depth: int, dtype: str) -> np.ndarray:
    """Integers as vectors of size `depth`; those that are not below it are left out.

    Args:
        indices: (..., n).
        output_mode: "one_hot" for a vector for each; "multi_hot" and "count" for one for each n.
        depth: the size of a vector.
        dtype: of the vectors.

    Returns:
        (..., n, depth), or (..., depth) if n is 1; with "multi_hot" and "count" (..., depth).

    >>> encoded(np.array([[0, 2, 2]]), "count", 3, "int32")
    array([[1, 0, 2]], dtype=int32)
    """
    if indices.ndim == 0:
        indices = indices[None]
    if output_mode == "one_hot":
        if indices.ndim > 1 and indices.shape[-1] == 1:
            indices = indices[..., 0]
        indices = indices[..., None]
    return counted(indices.reshape(-1), _rows(indices), indices.shape[:-1], output_mode, depth, dtype)


def counted(
    indices: np.ndarray, rows: np.ndarray, shape: tuple[int, ...], output_mode: str, depth: int, dtype: str
) -> np.ndarray:
    """How often each integer comes in each row, or whether it does.

    Args:
        indices: integers.
        rows: the row of each, from 0 to the product of `shape` - 1.
        shape: of the rows.
        output_mode: "count" for numbers, else 0 and 1.
        depth: the number of different integers.
        dtype: of the result, (*shape, depth).
    """
    found = np.zeros((math.prod(shape), depth), dtype)
    valid = (indices >= 0) & (indices < depth)
    if output_mode == "count":
        np.add.at(found, (rows[valid], indices[valid]), 1)
    else:
        found[rows[valid], indices[valid]] = 1
    return found.reshape(*shape, depth)


def encoded_shape(shape: tuple[int | None, ...], output_mode: str, depth: int | None) -> tuple[int | None, ...]:
    """The shape of what `encoded` gives."""
    if output_mode == "int":
        return shape
    shape = shape or (1,)
    if output_mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*shape[:-1], depth)


def _rows(indices: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(math.prod(indices.shape[:-1])), indices.shape[-1])
