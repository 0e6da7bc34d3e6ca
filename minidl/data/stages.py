"""The stages of a `Dataset`: each reads the one before it.

A pass over a data set has a number, its epoch, from which every order follows: a stage that is read twice for one
epoch gives the same elements. So a pass can begin anywhere, and a run can go on where it stopped.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from typing import Any

import numpy as np

from minidl.core.typing import PyTree
from minidl.data.elements import as_array, leaves, map_leaves, padded, stacked
from minidl.data.threads import parallel_map, prefetch

INFINITE = -1
UNKNOWN = -2

Epoch = tuple[int, ...]  # the number of the pass, and that of each `repeat` on the way
Elements = Generator[PyTree, None, None]


class Stage:
    """Where elements come from.

    Args:
        *upstream: the stages that this one reads.
    """

    is_batched = False  # whether elements are batches, so that their first axis may have another size in each

    def __init__(self, *upstream: Stage):
        self.upstream = upstream

    @property
    def count(self) -> int:
        """How many elements a pass has, or INFINITE or UNKNOWN."""
        return self.upstream[0].count

    def read(self, epoch: Epoch, start: int) -> Elements:
        """The elements of a pass, without the first `start`."""
        raise NotImplementedError

    def ordered(self, order: Order) -> Stage:
        """The elements in another order."""
        return Shuffle(self, order)

    def part(self, rows: slice) -> Stage:
        """Some consecutive elements."""
        return Slice(self, rows)

    def batched(self, size: int, drop_remainder: bool) -> Stage:
        """Batches of elements."""
        return Batch(self, size, drop_remainder)

    def orders(self) -> list[Order]:
        """The shuffles on the way, whose seeds decide every order."""
        return [order for stage in self.upstream for order in stage.orders()]


class Order:
    """An order that is as random as a buffer allows, as tf.data has it: each element is drawn from the next `size`.

    Args:
        size: of the buffer.
        seed: an integer.
        renewed: whether each epoch has an order of its own.
    """

    def __init__(self, size: int, seed: int, renewed: bool):
        self.size = size
        self.seed = seed
        self.renewed = renewed

    def random(self, epoch: Epoch) -> np.random.RandomState:
        """What draws for a pass."""
        return np.random.RandomState([self.seed, *(epoch if self.renewed else ())])

    def numbers(self, count: int, epoch: Epoch) -> np.ndarray:
        """The numbers below `count`, shuffled."""
        if self.size >= count:
            return self.random(epoch).permutation(count)
        return np.fromiter(self.shuffled(iter(range(count)), epoch), np.int64, count)

    def shuffled(self, items: Any, epoch: Epoch) -> Elements:
        """Items, shuffled."""
        random = self.random(epoch)
        buffer = list(itertools.islice(items, self.size))
        for item in items:
            number = random.randint(len(buffer))
            yield buffer[number]
            buffer[number] = item
        random.shuffle(buffer)
        yield from buffer


class Shuffle(Stage):
    """Elements in the order of a buffer."""

    def __init__(self, upstream: Stage, order: Order):
        super().__init__(upstream)
        self.is_batched = upstream.is_batched
        self._order = order

    def read(self, epoch: Epoch, start: int) -> Elements:
        yield from itertools.islice(self._order.shuffled(self.upstream[0].read(epoch, 0), epoch), start, None)

    def orders(self) -> list[Order]:
        return [*super().orders(), self._order]


class Slice(Stage):
    """Elements from one to another."""

    def __init__(self, upstream: Stage, rows: slice):
        super().__init__(upstream)
        self.is_batched = upstream.is_batched
        self._start, self._stop = rows.start or 0, rows.stop

    @property
    def count(self) -> int:
        count = self.upstream[0].count
        if count == UNKNOWN or (count == INFINITE and self._stop is None):
            return count
        ends = [end for end in (count if count >= 0 else None, self._stop) if end is not None]
        return max(0, min(ends) - self._start)

    def read(self, epoch: Epoch, start: int) -> Elements:
        length = None if self._stop is None else max(0, self._stop - self._start - start)
        if length != 0:
            yield from itertools.islice(self.upstream[0].read(epoch, self._start + start), length)


class Generated(Stage):
    """What a function gives that returns an iterator. Copied: it may write the next element into the same arrays."""

    def __init__(self, function: Callable[[], Any]):
        super().__init__()
        self._function = function

    @property
    def count(self) -> int:
        return UNKNOWN

    def read(self, epoch: Epoch, start: int) -> Elements:
        for element in itertools.islice(self._function(), start, None):
            yield map_leaves(lambda value: np.array(as_array(value)), element)


class Numbers(Stage):
    """The integers from one on, endlessly."""

    def __init__(self, start: int):
        super().__init__()
        self._start = start

    @property
    def count(self) -> int:
        return INFINITE

    def read(self, epoch: Epoch, start: int) -> Elements:
        yield from map(np.array, itertools.count(self._start + start))


class Map(Stage):
    """A function of each element; tuples are its arguments."""

    def __init__(self, upstream: Stage, function: Callable[..., Any], workers: int | None):
        super().__init__(upstream)
        self.is_batched = upstream.is_batched
        self._function = function
        self._workers = workers

    def read(self, epoch: Epoch, start: int) -> Elements:
        elements = self.upstream[0].read(epoch, start)
        if self._workers is None:
            yield from map(self._call, elements)
        else:
            yield from parallel_map(self._call, elements, self._workers)

    def _call(self, element: PyTree) -> PyTree:
        result = called(self._function, element)
        return map_leaves(as_array, tuple(result) if isinstance(result, list) else result)


class Filter(Stage):
    """The elements for which a function is true."""

    def __init__(self, upstream: Stage, function: Callable[..., Any]):
        super().__init__(upstream)
        self.is_batched = upstream.is_batched
        self._function = function

    @property
    def count(self) -> int:
        return UNKNOWN

    def read(self, epoch: Epoch, start: int) -> Elements:
        kept = (one for one in self.upstream[0].read(epoch, 0) if bool(called(self._function, one)))
        yield from itertools.islice(kept, start, None)


class FlatMap(Stage):
    """The elements of the data sets that a function makes of each element."""

    def __init__(self, upstream: Stage, function: Callable[[PyTree, Epoch], Any]):
        super().__init__(upstream)
        self._function = function

    @property
    def count(self) -> int:
        return UNKNOWN

    def read(self, epoch: Epoch, start: int) -> Elements:
        parts = (self._function(element, epoch) for element in self.upstream[0].read(epoch, 0))
        yield from itertools.islice(itertools.chain.from_iterable(parts), start, None)


class Batch(Stage):
    """Batches of consecutive elements."""

    is_batched = True

    def __init__(self, upstream: Stage, size: int, drop_remainder: bool, join: Callable[[list[Any]], Any] = stacked):
        super().__init__(upstream)
        self.size = size
        self._drop = drop_remainder
        self._join = join

    @property
    def count(self) -> int:
        count = self.upstream[0].count
        return count if count < 0 else count // self.size if self._drop else -(-count // self.size)

    def read(self, epoch: Epoch, start: int) -> Elements:
        elements = self.upstream[0].read(epoch, start * self.size)
        while batch := list(itertools.islice(elements, self.size)):
            if len(batch) == self.size or not self._drop:
                yield self._join(batch)


class PaddedBatch(Batch):
    """Batches of elements of different lengths, with zeros at their ends."""

    def __init__(self, upstream: Stage, size: int, drop_remainder: bool):
        super().__init__(upstream, size, drop_remainder, padded)


class Unbatch(Stage):
    """The rows of each element."""

    @property
    def count(self) -> int:
        return UNKNOWN

    def read(self, epoch: Epoch, start: int) -> Elements:
        yield from itertools.islice(self._rows(epoch), start, None)

    def _rows(self, epoch: Epoch) -> Elements:
        for batch in self.upstream[0].read(epoch, 0):
            for number in range(len(leaves(batch)[0])):
                yield map_leaves(lambda array, number=number: as_array(array[number]), batch)


class Repeat(Stage):
    """Several passes, or endlessly many, as one."""

    def __init__(self, upstream: Stage, times: int | None):
        super().__init__(upstream)
        self.is_batched = upstream.is_batched
        self._times = times

    @property
    def count(self) -> int:
        count = self.upstream[0].count
        if self._times is None:
            return INFINITE if count else 0
        return count if count < 0 else count * self._times

    def read(self, epoch: Epoch, start: int) -> Elements:
        count = self.upstream[0].count
        done, start = divmod(start, count) if count > 0 else (0, start)
        for number in itertools.count(done) if self._times is None else range(done, self._times):
            given = 0
            for element in self.upstream[0].read((*epoch, number), start if count > 0 else 0):
                given += 1
                if count > 0 or given > start:
                    yield element
            start = 0 if count > 0 else max(0, start - given)
            if not given:
                return  # endlessly nothing


class Cache(Stage):
    """The elements of the first whole pass, kept in memory. Every pass has the order of that of epoch 0."""

    def __init__(self, upstream: Stage):
        super().__init__(upstream)
        self.is_batched = upstream.is_batched
        self._kept: list[PyTree] | None = None

    def read(self, epoch: Epoch, start: int) -> Elements:
        if self._kept is not None:
            yield from itertools.islice(self._kept, start, None)
            return
        kept: list[PyTree] = []
        for element in self.upstream[0].read((0,), 0):
            kept.append(element)
            if len(kept) > start:
                yield element
        self._kept = kept


class Prefetch(Stage):
    """Elements that a thread makes ahead."""

    def __init__(self, upstream: Stage, size: int):
        super().__init__(upstream)
        self.is_batched = upstream.is_batched
        self._size = size

    def read(self, epoch: Epoch, start: int) -> Elements:
        yield from prefetch(lambda: self.upstream[0].read(epoch, start), self._size)


class Zip(Stage):
    """An element of each stage at a time, as a tuple or dict, until the shortest ends."""

    def __init__(self, structure: PyTree):
        super().__init__(*leaves(structure))
        self._structure = structure
        self.is_batched = all(stage.is_batched for stage in self.upstream)

    @property
    def count(self) -> int:
        counts = [stage.count for stage in self.upstream]
        if UNKNOWN in counts:
            return UNKNOWN
        return min((count for count in counts if count != INFINITE), default=INFINITE)

    def read(self, epoch: Epoch, start: int) -> Elements:
        for parts in zip(*(stage.read(epoch, start) for stage in self.upstream)):
            given = iter(parts)
            yield map_leaves(lambda stage, given=given: next(given), self._structure)


class Concatenate(Stage):
    """The elements of one stage, then those of another."""

    def __init__(self, *upstream: Stage):
        super().__init__(*upstream)
        self.is_batched = all(stage.is_batched for stage in upstream)

    @property
    def count(self) -> int:
        counts = [stage.count for stage in self.upstream]
        return INFINITE if INFINITE in counts else UNKNOWN if UNKNOWN in counts else sum(counts)

    def read(self, epoch: Epoch, start: int) -> Elements:
        parts = (stage.read(epoch, 0) for stage in self.upstream)
        yield from itertools.islice(itertools.chain.from_iterable(parts), start, None)


def called(function: Callable[..., Any], element: PyTree) -> Any:
    """A function of an element: a tuple is its arguments, as in tf.data."""
    return function(*element) if isinstance(element, tuple) else function(element)
