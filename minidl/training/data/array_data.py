"""Arrays as chunks: batches of rows, gathered on the host while the device computes.

The rows of an epoch that do not fill a batch make a smaller batch of their own, exactly as Keras has it.
"""

from __future__ import annotations

import functools
import math
import mmap
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from minidl.core.arrays import LazyRows, as_arrays, device_dtype, within_device
from minidl.core.memory import aligned_empty
from minidl.training.data.chunks import Chunk, chunk_capacity


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
        self._maps = [memory for array in jax.tree.leaves(self.arrays) if (memory := _mapping_of(array)) is not None]

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
        if buffers[0].shape[:2] == (self.capacity, self.batch_size):
            self._free.append(buffers)

    def buffers(self, capacity: int, size: int) -> list[np.ndarray]:
        """Buffers for a chunk, one uninitialized array for each array of the data."""
        if self._free and (capacity, size) == (self.capacity, self.batch_size):
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
        row = sum(array.dtype.itemsize * math.prod(array.shape[1:]) for array in jax.tree.leaves(self.arrays))
        return chunk_capacity(row * self.batch_size, self.num_rows // self.batch_size)

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
            warnings.warn(
                f"The data ended {left} batches before the {data.steps} steps that were asked for: it holds "
                f"{math.ceil(data.num_rows / size)} batches of {size}. The epoch ends here.",
                stacklevel=2,
            )

    def _gather(self, count: int, size: int, capacity: int) -> Chunk:
        start, stop = self.start, self.start + count * size
        self.start = stop
        rows = slice(start, stop) if self._order is None else self._order[start:stop]
        arrays, structure = jax.tree.flatten(self._data.arrays)
        buffers = self._data.buffers(capacity, size)
        for array, buffer in zip(arrays, buffers):
            flat = buffer.reshape(capacity * size, *array.shape[1:])[: count * size]
            if isinstance(rows, slice) or array.dtype != flat.dtype or isinstance(array, LazyRows):
                flat[...] = _read(array, rows)
            else:
                np.take(array, rows, axis=0, out=flat, mode="clip")  # other modes copy twice
        if self._data.check is not None:
            numbers = np.arange(start, stop) if isinstance(rows, slice) else rows
            parts = [buffer.reshape(capacity * size, *buffer.shape[2:])[: count * size] for buffer in buffers]
            self._data.check(jax.tree.unflatten(structure, parts), numbers)
        self._data.release()
        return Chunk(jax.tree.unflatten(structure, buffers), count, count * size)


class Orders:
    """Draws from NumPy's global generator, which can be made in advance.

    A draw made early counts only if the generator is then as it was: if a callback has used or
    seeded it meanwhile, the draw is made again, so that the numbers do not depend on when it was made.

    Args:
        draw: draws one order from a generator.
    """

    def __init__(self, draw: Callable[[Any], Any]):
        self.before: Any = None  # the state of the generator before the newest order was drawn
        self._draw = draw
        self._ahead: tuple[Any, Any, Any] | None = None  # the state before, the order, the state after

    def look_ahead(self) -> None:
        """Make the next draw in advance."""
        before = np.random.get_state(legacy=False)
        if before["bit_generator"] == "MT19937":
            random = _generator()
            random.set_state(before)
            self._ahead = before, self._draw(random), random.get_state(legacy=False)

    def next(self) -> Any:
        """The next order."""
        ahead, self._ahead = self._ahead, None
        self.before = np.random.get_state(legacy=False)
        if ahead is not None:
            before, order, after = ahead
            if _same_state(self.before, before):
                np.random.set_state(after)
                return order
        return self._draw(np.random)


@functools.cache
def _generator() -> np.random.RandomState:
    """A generator for draws in advance, which is set to the state of the global one before each use."""
    return np.random.RandomState(0)


def _same_state(one: Any, other: Any) -> bool:
    """Whether two states of NumPy's generator are equal."""
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


def _read(array: Any, rows: Any) -> Any:
    """Rows of an array. Rows of a memory-mapped file are first read here."""
    found = array[rows]
    if isinstance(array, np.memmap) and within_device(np.asarray(found)).dtype != found.dtype:
        raise ValueError(
            f"The mapped file of dtype {array.dtype} holds integers that {device_dtype(array)} cannot. Write it as "
            "floats."
        )
    return found


def _mapping_of(array: Any) -> mmap.mmap | None:
    """The file mapping of an array; None for arrays in memory, and private mappings, whose changes must be kept."""
    if not isinstance(array, np.memmap) or array.mode == "c":
        return None
    base = array.base
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None
