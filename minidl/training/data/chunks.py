"""Chunks: fixed-shape stacks of batches.

A chunk holds K batches in arrays of shape (K, batch, ...). Its capacity is the same for a whole run, whatever the
number of rows, so that one compiled function serves all chunks; how many of its batches count is a number of its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

_CHUNK_BYTES = 4 * 2**20  # past this a chunk gains nothing and leaves the cache
_CHUNK_BATCHES = 128


class Chunk(NamedTuple):
    """Batches for one call of a compiled function."""

    batches: Any  # (x, y, sample_weight): structures of arrays (capacity, batch, ...)
    num_batches: int  # how many of the batches count
    num_rows: int  # how many examples they hold


def chunk_capacity(batch_bytes: int, num_batches: int) -> int:
    """How many batches of a size a chunk has room for; one where there is only one."""
    return 1 if num_batches == 1 else max(1, min(_CHUNK_BATCHES, _CHUNK_BYTES // max(1, batch_bytes)))
