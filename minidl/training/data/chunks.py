"""Chunks: fixed-shape stacks of batches.

A chunk holds K batches in arrays of shape (K, batch, ...). Its capacity is the same for a whole run, whatever the
number of rows, so that one compiled function serves all chunks; the number of valid batches is stored separately.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import numpy as np

from minidl.core.typing import PyTree

_CHUNK_BYTES = 4 * 2**20  # larger chunks are no faster and exceed the cache
_CHUNK_BATCHES = 128


class Chunk(NamedTuple):
    """Batches for one call of a compiled function."""

    batches: Any  # (x, y, sample_weight): structures of arrays (capacity, batch, ...)
    num_batches: int  # the number of valid batches
    num_rows: int  # the number of examples in them
    tail: Chunk | None = None  # the chunk with fewer rows that will end the pass, with shapes and dtypes for arrays
    is_rare: bool = False  # whether it is the tail of a pass so long that the speed of this chunk does not count


def chunk_capacity(batch_bytes: int, num_batches: int) -> int:
    """The capacity of chunks for batches of a size; 1 if there is only one batch."""
    return 1 if num_batches == 1 else max(1, min(_CHUNK_BATCHES, _CHUNK_BYTES // max(1, batch_bytes)))


def row_bytes(specs: PyTree) -> int:
    """The bytes of one example, given shapes (None, ...) and dtypes of a batch.

    >>> row_bytes(jax.ShapeDtypeStruct((None, 3, 2), "float32"))
    24
    """
    leaves = jax.tree.leaves(specs)
    return sum(math.prod(size or 1 for size in leaf.shape[1:]) * np.dtype(leaf.dtype).itemsize for leaf in leaves)
