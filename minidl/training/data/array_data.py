"""Arrays as chunks: batches of rows, gathered on the host while the device computes.

The rows of an epoch that do not fill a batch make a smaller batch of their own, exactly as Keras has it.
"""

from __future__ import annotations

import functools
import math
import mmap
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from minidl.core import placement
from minidl.core.arrays import LazyRows, as_arrays, device_dtype
from minidl.core.memory import aligned_empty
from minidl.core.tracebacks import warn
from minidl.training.data.chunks import Chunk, chunk_capacity, row_bytes
from minidl.training.data.mapped import mapping_of, read_rows
from minidl.training.data.orders import Orders

_MANY_BATCHES = 50  # a pass after which one slow batch more makes no difference


class ArrayData:
    """Examples in arrays, as batches.

    Args:
        x: an array, or a structure of arrays; the first axis is that of the examples.
        y: targets, the same, or None.
        sample_weight: weights, the same, or None.
        batch_size: rows in a batch, default 32, or what `steps` needs; the last batch of a pass may have fewer.
        shuffle: True for a new order of the rows each epoch, "batch" for a new order within each
            batch, False for the order as it is. Orders come from NumPy's global generator.
        steps: the number of batches per epoch, if not all: the next epoch continues where this one ended.

    Raises:
        ValueError: no rows, or arrays with different numbers of rows.
        TypeError: an array of objects or strings.

    >>> data = ArrayData(np.zeros((70, 3)), np.zeros(70), batch_size=32)
    >>> data.num_batches, [chunk.num_rows for chunk in data.epoch().chunks(lambda: 8)]
    (3, [64, 6])
    """

    lost: str | None = None  # why a resumed run may have other batches

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        shuffle: bool | str = False,
        steps: int | None = None,
    ):
        self.arrays = (as_arrays(x), as_arrays(y), as_arrays(sample_weight))
        self.num_rows = len(jax.tree.leaves(self.arrays)[0])
        self.batch_size = min(batch_size or (math.ceil(self.num_rows / steps) if steps else 32), self.num_rows)
        self.shuffle = shuffle
        self.steps = steps
        self._pass: Pass | None = None
        self.orders = Orders(self._draw_order)
        self._free: list[list[np.ndarray]] = []
        self.check: Callable[[Any, np.ndarray], None] | None = None  # called with a chunk and the indices of its rows
        self._maps = [memory for array in jax.tree.leaves(self.arrays) if (memory := mapping_of(array)) is not None]

    def specs(self) -> list[Any]:
        """The shapes and dtypes of a batch (x, y, sample_weight): of a full one, and of the last one if it differs."""

        def describe(size: int) -> Any:
            return jax.tree.map(lambda a: jax.ShapeDtypeStruct((size, *a.shape[1:]), device_dtype(a)), self.arrays)

        last = self.num_rows % self.batch_size
        return [describe(size) for size in (self.batch_size, last) if size]

    @property
    def num_batches(self) -> int:
        """The number of batches per epoch."""
        return self.steps or math.ceil(self.num_rows / self.batch_size)

    def epoch(self, restart: bool = False, is_resumed: bool = False) -> Pass:
        """Begin a pass over the rows, which draws its order; or continue one that `steps` ended, unless `restart`.

        Args:
            restart: whether to begin in any case.
            is_resumed: whether the epoch was under way, at the position that was restored.
        """
        if is_resumed and self._pass is not None:
            return self._pass
        if restart or self.steps is None or self._pass is None or self._pass.done:
            order = self.orders.next() if self.shuffle else None
            self._pass = Pass(self, order, self.orders.before)
        return self._pass

    def place(self) -> dict[str, Any]:
        """The position of the current pass, as plain data for `resume`; empty before the first."""
        return {} if self._pass is None else {"row": self._pass.start, "random": self._pass.random}

    def resume(self, place: dict[str, Any]) -> None:
        """Continue at a `place` of another run. NumPy's generator is then in another state, which the caller sets."""
        if place:
            if place["random"] is not None:
                np.random.set_state(place["random"])
            self._pass = Pass(self, self._draw_order(np.random), place["random"])
            self._pass.start = place["row"]

    @property
    def first(self) -> tuple[Any, Any, Any]:
        """Rows of (x, y, sample_weight), here all, from which the model is built."""
        return self.arrays

    def has_more(self) -> bool:
        """Whether there is data for another epoch: always."""
        return True

    def close(self) -> None:
        """Nothing to close."""

    def skip_order(self) -> None:
        """Draw and discard an order, as Keras does to read a first batch, so that later draws are the same."""
        self.orders.next()

    def look_ahead(self) -> None:
        """Draw the order of the next pass in advance, while the device computes."""
        if self.shuffle and self.steps is None:
            self.orders.look_ahead()

    def reuse(self, chunk: Chunk) -> None:
        """Reuse the buffers of a chunk whose results have been read.

        Before that the device may be reading them, since on the CPU they are aliased.
        """
        buffers = jax.tree.leaves(chunk.batches)
        if buffers[0].shape[0] == self.capacity:
            self._free.append(buffers)

    def buffers(self, capacity: int, size: int) -> list[np.ndarray]:
        """Buffers for a chunk, one uninitialized array for each array of the data."""
        if self._free and self._free[-1][0].shape[:2] == (capacity, size):
            return self._free.pop()
        arrays = jax.tree.leaves(self.arrays)
        return [aligned_empty((capacity, size, *array.shape[1:]), device_dtype(array)) for array in arrays]

    def release(self) -> None:
        """Release the pages of memory-mapped files that were read, so that the process does not grow to their size."""
        for memory in self._maps:
            memory.madvise(mmap.MADV_DONTNEED)

    @functools.cached_property
    def capacity(self) -> int:
        """The capacity of chunks; 1 if there is only one batch."""
        return chunk_capacity(row_bytes(self.arrays) * self.batch_size, self.num_rows // self.batch_size)

    @functools.cached_property
    def tail(self) -> Chunk | None:
        """The chunk of the rows that do not fill a batch, with shapes and dtypes for arrays; None if all do."""
        rows = self.num_rows % self.batch_size
        if rows == 0 or self.steps is not None:
            return None
        batches = jax.tree.map(lambda batch: jax.ShapeDtypeStruct((1, *batch.shape), batch.dtype), self.specs()[-1])
        return Chunk(batches, 1, rows, is_rare=self.has_rare_tail)

    @property
    def has_rare_tail(self) -> bool:
        """Whether the rows that do not fill a batch come after so many batches that their speed does not count."""
        return self.num_batches > _MANY_BATCHES

    def _draw_order(self, random: Any) -> np.ndarray | None:
        """A permutation of the rows; None without shuffling."""
        if self.shuffle == "batch":
            starts = range(0, self.num_rows, self.batch_size)
            ends = (min(start + self.batch_size, self.num_rows) for start in starts)
            return np.concatenate([start + random.permutation(end - start) for start, end in zip(starts, ends)])
        return random.permutation(self.num_rows) if self.shuffle else None


class Pass:
    """One pass over the rows of `ArrayData`, in the given order (None: unshuffled)."""

    def __init__(self, data: ArrayData, order: np.ndarray | None, random: Any):
        self.start = 0  # the row of the next batch
        self.random = random  # the state of NumPy's generator before the order was drawn
        self._data = data
        self._capacity = data.capacity
        self._order = order

    @property
    def done(self) -> bool:
        """Whether all rows have been yielded."""
        return self.start == self._data.num_rows

    def chunks(self, wanted: Callable[[], int], done: int = 0) -> Iterator[Chunk]:
        """The chunks of one epoch of the pass, each gathered when it is asked for.

        Args:
            wanted: says how many batches the next chunk should hold; it holds no more than it has room for.
            done: how many batches of the epoch were computed before.
        """
        data, size = self._data, self._data.batch_size
        left = data.num_batches - done
        while left and not self.done:
            full = min((data.num_rows - self.start) // size, left)
            if full:
                chunk = self._gather(min(self._capacity, max(1, wanted()), full), size, self._capacity)
            else:
                chunk = self._gather(1, data.num_rows - self.start, 1)
            left -= chunk.num_batches
            yield chunk
        if left:
            warn(
                f"The data ended {left} batches before the {data.steps} steps that were asked for: it holds "
                f"{math.ceil(data.num_rows / size)} batches of {size}. The epoch ends here."
            )

    def _gather(self, count: int, size: int, capacity: int) -> Chunk:
        start, stop = self.start, self.start + count * size
        self.start = stop
        rows = slice(start, stop) if self._order is None else self._order[start:stop]
        total, own = count * size, placement.own_rows(size)
        if (width := own.stop - own.start) != size:  # other processes read the other rows
            numbers = np.arange(start, stop) if isinstance(rows, slice) else rows
            rows, size = numbers.reshape(count, size)[:, own].ravel(), width
        arrays, structure = jax.tree.flatten(self._data.arrays)
        buffers = self._data.buffers(capacity, size)
        for array, buffer in zip(arrays, buffers):
            flat = buffer.reshape(capacity * size, *array.shape[1:])[: count * size]
            if isinstance(rows, slice) or array.dtype != flat.dtype or isinstance(array, LazyRows):
                flat[...] = read_rows(array, rows)
            else:
                np.take(array, rows, axis=0, out=flat, mode="clip")  # other modes copy twice
        if self._data.check is not None:
            numbers = np.arange(start, stop) if isinstance(rows, slice) else rows
            parts = [buffer.reshape(capacity * size, *buffer.shape[2:])[: count * size] for buffer in buffers]
            self._data.check(jax.tree.unflatten(structure, parts), numbers)
        self._data.release()
        tail = self._data.tail if size == self._data.batch_size else None
        batches = jax.tree.unflatten(structure, buffers)
        return Chunk(batches, count, total, tail, total < self._data.batch_size and self._data.has_rare_tail)
