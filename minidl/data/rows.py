"""Stages whose elements can be had by number: shuffled, cut and batched without one Python step for each element."""

from __future__ import annotations

import numpy as np

from minidl.core.typing import PyTree
from minidl.data.elements import leaves, map_leaves
from minidl.data.stages import Batch, Elements, Epoch, Order, Stage


class Rows(Stage):
    """Elements that can be had by number."""

    def numbers(self, epoch: Epoch) -> np.ndarray:
        """The numbers of the elements of a pass, in its order."""
        return np.arange(self.count)

    def gather(self, numbers: np.ndarray) -> PyTree:
        """The elements with these numbers, as a batch."""
        raise NotImplementedError

    def read(self, epoch: Epoch, start: int) -> Elements:
        for number in self.numbers(epoch)[start:]:
            yield map_leaves(lambda array: array[0, ...], self.gather(number[None]))

    def ordered(self, order: Order) -> Stage:
        return Reordered(self, order)

    def part(self, rows: slice) -> Stage:
        return Part(self, rows)

    def batched(self, size: int, drop_remainder: bool) -> Stage:
        return RowBatches(self, size, drop_remainder)


class Slices(Rows):
    """The rows of arrays."""

    def __init__(self, arrays: PyTree):
        super().__init__()
        self._arrays = arrays

    @property
    def count(self) -> int:
        return len(leaves(self._arrays)[0])

    def gather(self, numbers: np.ndarray) -> PyTree:
        return map_leaves(lambda array: array[numbers], self._arrays)


class Windows(Rows):
    """Windows of a time series, each with its target.

    Args:
        data: (time, ...).
        targets: (time, ...) or None.
        starts: the first time of each window.
        offsets: of the times of a window from its first.
    """

    def __init__(self, data: np.ndarray, targets: np.ndarray | None, starts: np.ndarray, offsets: np.ndarray):
        super().__init__()
        self._data = data
        self._targets = targets
        self._starts = starts
        self._offsets = offsets

    @property
    def count(self) -> int:
        return len(self._starts)

    def gather(self, numbers: np.ndarray) -> PyTree:
        starts = self._starts[numbers]
        windows = self._data[starts[:, None] + self._offsets]
        return windows if self._targets is None else (windows, self._targets[starts])


class _Derived(Rows):
    upstream: tuple[Rows]

    def gather(self, numbers: np.ndarray) -> PyTree:
        return self.upstream[0].gather(numbers)


class Reordered(_Derived):
    """Rows in another order."""

    def __init__(self, upstream: Rows, order: Order):
        super().__init__(upstream)
        self._order = order

    def numbers(self, epoch: Epoch) -> np.ndarray:
        numbers = self.upstream[0].numbers(epoch)
        return numbers[self._order.numbers(len(numbers), epoch)]

    def orders(self) -> list[Order]:
        return [*super().orders(), self._order]


class Part(_Derived):
    """Some consecutive rows."""

    def __init__(self, upstream: Rows, rows: slice):
        super().__init__(upstream)
        self._rows = rows

    @property
    def count(self) -> int:
        return len(range(self.upstream[0].count)[self._rows])

    def numbers(self, epoch: Epoch) -> np.ndarray:
        return self.upstream[0].numbers(epoch)[self._rows]


class RowBatches(Batch):
    """Batches of rows."""

    upstream: tuple[Rows]

    def read(self, epoch: Epoch, start: int) -> Elements:
        rows = self.upstream[0]
        numbers = rows.numbers(epoch)
        for number in range(start, self.count):
            yield rows.gather(numbers[number * self.size : (number + 1) * self.size])
