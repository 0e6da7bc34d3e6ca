"""Batches from any iterable, as chunks.

A generator, a `PyDataset`, a `tf.data.Dataset`, a torch or grain `DataLoader`, a list's iterator: what it yields
is a batch, and consecutive batches of one shape are stacked into a chunk. No thread is needed to
hide the time that they take to make: while the device computes a chunk, this side gathers the next one.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import operator
import random
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

import jax
import numpy as np

from minidl.core import placement
from minidl.core.arrays import as_batch, device_dtype, is_data
from minidl.core.memory import aligned_empty
from minidl.core.tracebacks import warn
from minidl.data import INFINITE_CARDINALITY, Dataset
from minidl.training.data import resumable, source_state
from minidl.training.data.chunks import Chunk, chunk_capacity
from minidl.utils.batches import unpack_x_y_sample_weight
from minidl.utils.py_dataset import PyDataset
from minidl.utils.worker_pool import drop

Parts = tuple[Any, Any, Any]  # x, y, sample_weight of one batch: structures of NumPy arrays, or None


def is_stream(x: Any) -> bool:
    """Whether an object yields batches when iterated over, rather than being arrays.

    >>> is_stream(iter([])), is_stream(np.zeros(3)), is_stream([1, 2])
    (True, False, False)
    """
    return isinstance(x, PyDataset) or (isinstance(x, Iterable) and not is_data(x))


class StreamData:
    """A stream of batches; the counterpart of `ArrayData`.

    Args:
        source: an iterable whose items are x, (x, y) or (x, y, sample_weight).
        steps: the number of batches per epoch; the next epoch continues where this one ended. Without it an
            epoch lasts until the source ends.
        class_weight: (x, y, sample_weight) -> sample weights from class weights.
        shuffle: whether a `PyDataset` shuffles its batches before each epoch.
        use: "building" and then training, "training" or "prediction": the use, for the hooks of a `PyDataset`.
        repeats: whether each pass has the batches of the first one, which are cached if the source is an iterator,
            which cannot be restarted.
        on_host: see `adapt`.

    Raises:
        ValueError: it yields nothing, or something other than batches.

    >>> data = StreamData([(np.zeros((4, 2)), np.ones(4))] * 5)
    >>> data.num_batches, [chunk.num_batches for chunk in data.epoch().chunks(lambda: 3)]
    (5, [3, 2])
    """

    num_rows: int | None = None  # unknown in advance

    def __init__(
        self,
        source: Any,
        steps: int | None = None,
        class_weight: Callable[[Any, Any, Any], Any] | None = None,
        shuffle: bool = False,
        use: str = "training",
        repeats: bool = False,
        on_host: Callable[[Any], Any] = as_batch,  # refuses text
    ):
        self.steps = steps
        self.source = source
        self._class_weight = class_weight
        self._on_host = on_host
        self._shuffle = shuffle
        self._length = _length(source)
        if steps is None and isinstance(source, Dataset) and source.cardinality() == INFINITE_CARDINALITY:
            raise ValueError(
                f"{_described(source)} never ends: pass steps_per_epoch, validation_steps or steps, or take(n) of it."
            )
        self._kept: list[Parts] | None = [] if repeats and isinstance(source, Iterator) else None
        self._free: list[list[np.ndarray]] = []
        self._pass: StreamPass | None = None
        self._begun = 0  # passes
        # The order of a tf.data.Dataset is determined by its seed and the number of earlier passes.
        self._counts_passes = type(source).__module__.startswith("tensorflow.")
        before = resumable.global_states()
        try:
            first = self._look(use)
            if first is None:
                raise ValueError(f"{_described(source)} ended before its first batch: there is nothing to compute.")
        except BaseException:
            self.close()
            raise
        self.first = first
        self.lost = resumable.loss_of_state(source, before)
        self.batch_shape = shape_of(first)
        rows = sum(leaf.nbytes for leaf in jax.tree.leaves(self.first))
        self.batch_size = len(jax.tree.leaves(self.first)[0])
        self.check: Callable[[Any, Any, Any], None] = lambda *batch: None  # validates each batch
        self.capacity = chunk_capacity(rows, 2 if self.num_batches is None else self.num_batches)

    @property
    def num_batches(self) -> int | None:
        """The number of batches per epoch; None if unknown."""
        return self.steps or self._length

    def specs(self) -> list[Any]:
        """The shapes and dtypes of the first batch (x, y, sample_weight)."""
        return [jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape, device_dtype(array)), self.first)]

    def epoch(self, restart: bool = False, is_resumed: bool = False) -> StreamPass:
        """Begin a pass, or continue one that `steps` ended unless `restart`. See `ArrayData.epoch`."""
        current = self._pass
        if current is not None and is_resumed:
            return current
        if current is not None and not current.ended:
            if not current.used or (self.steps and not restart):
                return current
        self._end_pass()
        return self._begin_pass()

    def place(self) -> dict[str, Any]:
        """The position of the current pass, as plain data for `resume`; empty before the first."""
        if self._pass is None:
            return {}
        return {**self._pass.place(), "begun": self._begun, "own_now": source_state.take(self.source)}

    def resume(self, place: dict[str, Any]) -> None:
        """Continue at a `place` of another run: read as many batches as it had read, and drop them.

        A `tf.data.Dataset` is read from its first pass on; others begin the last one with the random states it had; a
        `Dataset` of minidl skips batches without computing them where its stages allow it.
        Changes the states of the random generators, which the caller must set. A `PyDataset` that changes in
        its `on_epoch_end` is not restored.
        """
        if place:
            current = self._pass
            while current is not None and self._counts_passes and self._begun < place["begun"]:
                while current.peek() is not None:
                    current.skip(1, peek=False)
                current = self._begin_pass()
            if current is None or not (self._counts_passes or isinstance(self.source, Iterator)):
                self._end_pass()
                random.setstate((place["python"][0], tuple(place["python"][1]), place["python"][2]))
                np.random.set_state(place["numpy"])
                source_state.put(self.source, place["own"])
                current = self._begin_pass(place["given"] if isinstance(self.source, Dataset) else 0)
            current.skip(place["given"] - current.given, place["peeked"])
            source_state.put(self.source, place["own_now"])

    def has_more(self) -> bool:
        """Whether there is a batch for another epoch. A generator that has ended has none."""
        return isinstance(self.source, PyDataset) or self.epoch().peek() is not None

    def close(self) -> None:
        """Close an unfinished pass, and the worker processes of a `PyDataset`."""
        self._end_pass()
        drop(id(self.source))

    def look_ahead(self) -> None:
        """Nothing can be prepared in advance."""

    def reuse(self, chunk: Chunk) -> None:
        """Reuse the buffers of a chunk whose results have been read."""
        buffers = jax.tree.leaves(chunk.batches)
        if buffers[0].shape[0] == self.capacity and shape_of(chunk.batches, skip=1) == self.batch_shape:
            self._free.append(buffers)

    def stack(self, batches: Iterable[Parts]) -> Chunk:
        """Batches of one shape as a chunk. Each is copied before the next is read: a generator may reuse its arrays."""
        buffers: list[np.ndarray] = []
        for count, batch in enumerate(batches, start=1):
            arrays, structure = jax.tree.flatten(batch)
            buffers = buffers or self._buffers(batch)
            for buffer, array in zip(buffers, arrays, strict=True):
                buffer[count - 1] = array
        stacked = jax.tree.unflatten(structure, buffers)
        self.check(*jax.tree.map(lambda array: _rows(array, count), stacked))
        return Chunk(stacked, count, count * buffers[0].shape[1] * placement.streams())

    def _buffers(self, batch: Parts) -> list[np.ndarray]:
        """Memory for a chunk of batches of this shape: of one, if it is not that of the others."""
        is_usual = shape_of(batch) == self.batch_shape
        if is_usual and self._free:
            return self._free.pop()
        capacity = self.capacity if is_usual else 1
        return [aligned_empty((capacity, *array.shape), device_dtype(array)) for array in jax.tree.leaves(batch)]

    def count(self, batches: int) -> None:
        """Record the number of batches of a complete pass."""
        if self._length is None:
            self._length = batches

    def begin_epoch(self) -> None:
        """Notify a `PyDataset`."""
        if isinstance(self.source, PyDataset):
            self.source.on_epoch_begin()

    def end_epoch(self) -> None:
        """Notify a `PyDataset`."""
        if isinstance(self.source, PyDataset):
            self.source.on_epoch_end()

    def _begin_pass(self, start: int = 0) -> StreamPass:
        self._begun += 1
        states = random.getstate(), np.random.get_state(legacy=False), source_state.take(self.source)
        source = self.source.read(start) if isinstance(self.source, Dataset) else self.source
        self._pass = StreamPass(self, self._batches(source), states, start)
        return self._pass

    def _end_pass(self) -> None:
        if self._pass is not None:
            self._pass.close()

    def _look(self, use: str) -> Parts | None:
        """The first batch; it is also that of the first epoch, except for a `PyDataset`, which may change before."""
        if not isinstance(self.source, PyDataset):
            return self.epoch().peek()
        if use == "building":
            self.begin_epoch()
            first = self.epoch().peek()
            self._end_pass()
        else:
            first = None if self.source.num_batches == 0 else self._parts(self.source[0])
        if use != "prediction":
            self.end_epoch()
        return first

    def _batches(self, source: Any) -> Generator[Parts, None, None]:
        if isinstance(source, PyDataset):
            with contextlib.closing(source._batches(self._shuffle)) as batches:
                yield from map(self._parts, batches)
        elif self._kept is None:
            yield from map(self._parts, source)
        else:
            yield from self._kept
            for batch in itertools.islice(source, self.steps and self.steps - len(self._kept)):
                parts = jax.tree.map(np.array, self._parts(batch))  # a copy: a generator may reuse its arrays
                self._kept.append(parts)
                yield parts

    def _parts(self, batch: Any) -> Parts:
        x, y, sample_weight = unpack_x_y_sample_weight(batch)
        x, y, sample_weight = as_batch(x, text=True), as_batch(y), as_batch(sample_weight)
        if self._class_weight is not None:
            sample_weight = self._class_weight(x, y, sample_weight)
        numbers = self._on_host(x)
        if numbers is not x:
            x = as_batch(numbers)
        shapes = [array.shape for array in jax.tree.leaves((x, y, sample_weight))]
        sizes = {shape[:1] for shape in shapes}
        if len(sizes) != 1 or () in sizes:
            raise ValueError(
                f"{_described(self.source)} gave a batch whose parts have the shapes {shapes}: each needs a first axis "
                "of examples, of the same length."
                + (" Call batch(32) of the Dataset." if isinstance(self.source, Dataset) else "")
            )
        return x, y, sample_weight


class StreamPass:
    """One pass over the batches of `StreamData`.

    Args:
        data: what it is a pass of.
        batches: those after the skipped ones.
        states: what may determine their order: the states of Python's and NumPy's generators and of the source.
        given: how many were skipped.
    """

    def __init__(self, data: StreamData, batches: Generator[Parts, None, None], states: Any, given: int):
        self._data = data
        self._batches = batches
        self._next: Parts | None = None
        self._error: Exception | None = None  # of the source, to be raised after the batches before it are used
        self.given = given  # batches
        self._states = states
        self.ended = False

    @property
    def used(self) -> bool:
        """Whether a batch has been yielded."""
        return self.given > 0

    def place(self) -> dict[str, Any]:
        """Its position, and the states that may determine its order."""
        place = dict(zip(("python", "numpy", "own"), self._states))
        return {**place, "given": self.given, "peeked": self._next is not None}

    def skip(self, count: int, peek: bool) -> None:
        """Discard batches, and prefetch the next one if it had been prefetched."""
        for _ in range(count):
            self.peek()
            self._next = None
        self.given += count
        if peek:
            self.peek()

    def close(self) -> None:
        """Yield no more batches."""
        self.ended = True
        self._batches.close()

    def peek(self) -> Parts | None:
        """The next batch, without consuming it; None at the end."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self._next is None and not self.ended:
            self._next = next(self._batches, None)
            if self._next is None:
                self.ended = True
        return self._next

    def chunks(self, wanted: Callable[[], int], done: int = 0) -> Iterator[Chunk]:
        """The chunks of one epoch, each gathered when it is asked for.

        Args:
            wanted: says how many batches the next chunk should hold.
            done: how many batches of the epoch were computed before.
        """
        if placement.streams() == 1:
            return self._own_chunks(wanted, done)
        return placement.in_step(lambda wanted: self._own_chunks(wanted, done), wanted)

    def _own_chunks(self, wanted: Callable[[], int], done: int) -> Iterator[Chunk]:
        data = self._data
        left = (data.steps or math.inf) - done
        data.begin_epoch()
        while left and self.peek() is not None:
            chunk = data.stack(itertools.islice(self._alike(), int(min(max(1, wanted()), data.capacity, left))))
            left -= chunk.num_batches
            self.given += chunk.num_batches
            yield chunk
        if self.ended:
            data.count(self.given)
        data.end_epoch()
        if data.steps and left:
            warn(f"The data ended {left} batches before the {data.steps} steps asked for. The epoch ends here.")

    def _alike(self) -> Iterator[Parts]:
        """The next batches for one chunk: those with the shape of the first batch, or a single other one."""
        shape = shape_of(self._next)
        while self._next is not None and shape_of(self._next) == shape:
            batch, self._next = self._next, None
            yield batch
            if shape != self._data.batch_shape:
                return
            try:
                self.peek()
            except Exception as error:
                self._error = error


def shape_of(batch: Any, skip: int = 0) -> Any:
    """The structure, the shapes (without the first `skip` axes) and the dtypes of a batch."""
    leaves, structure = jax.tree.flatten(batch)
    return structure, tuple((leaf.shape[skip:], device_dtype(leaf)) for leaf in leaves)


def _length(source: Any) -> int | None:
    """The number of batches, if the source has it."""
    if isinstance(source, PyDataset):
        return source.num_batches
    length = operator.length_hint(source, -1)
    return None if length < 0 else length


def _rows(stacked: np.ndarray, num_batches: int) -> np.ndarray:
    """The rows of the first batches of a chunk, also for axes of size 0."""
    return stacked[:num_batches].reshape(num_batches * stacked.shape[1], *stacked.shape[2:])


def _described(source: Any) -> str:
    return f"The {type(source).__name__} given as x"
