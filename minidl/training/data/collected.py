"""The outputs of `predict`, joined from chunks."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from minidl.core import placement, structures


class Collected:
    """The rows of all chunks, in preallocated arrays if their number is known, else concatenated at the end."""

    def __init__(self, num_rows: int | None):
        self._num_rows = num_rows
        self._count = 0
        self._arrays: list[np.ndarray] = []
        self._parts: list[list[np.ndarray]] = []
        self._structure: Any = None

    def add(self, structure: Any) -> None:
        """Add the rows of a chunk."""
        parts, self._structure = jax.tree.flatten(structures.ordered(structure))
        count = len(parts[0]) if parts else 0
        if self._num_rows is None:
            self._parts.append(parts)
        else:
            if not self._arrays:
                self._arrays = [np.empty((self._num_rows, *part.shape[1:]), part.dtype) for part in parts]
            for array, part in zip(self._arrays, parts):
                array[self._count : self._count + count] = part
        self._count += count

    def joined(self) -> Any:
        """All rows."""
        if self._num_rows is None:
            arrays = [np.concatenate(parts) for parts in zip(*self._parts)]
        else:
            arrays = [array[: self._count] for array in self._arrays]
        return structures.plain(jax.tree.unflatten(self._structure, arrays))


def rows_of(outputs: Any, count: int) -> Any:
    """Outputs (capacity, batch, ...) -> the rows (rows, ...) of the valid batches, as NumPy arrays."""

    def rows(leaf: jax.Array) -> np.ndarray:
        leaf.block_until_ready()  # raises if an allocation has failed
        kept = placement.whole(leaf)[:count]
        return kept.reshape(kept.shape[0] * kept.shape[1], *kept.shape[2:])

    return structures.map(rows, outputs)
