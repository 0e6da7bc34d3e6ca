"""`Dataset`: elements that are read, changed and batched while the device computes.

It has the methods of `tf.data.Dataset`. The functions that read folders and time series return one, and `fit`,
`evaluate` and `predict` take it. Elements are NumPy arrays. Nothing is traced: functions given to `map` and `filter`
are called in Python, in the thread of `prefetch` or in those of `map`.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np

from minidl.core.typing import PyTree
from minidl.data import rows, stages
from minidl.data.elements import HostArray, TensorSpec, as_array, leaves, map_leaves
from minidl.data.threads import AUTOTUNE

_PREFETCHED = 2  # batches, for AUTOTUNE


class Dataset:
    """Elements that can be read in any number of passes.

    Make one with `from_tensor_slices`, `from_generator`, `range`, or a function such as
    `minidl.utils.image_dataset_from_directory`. Every method returns a new data set and leaves this one as it is.

    Each pass shuffles in an order of its own, which follows from the seed and the number of the pass: after
    `set_random_seed`, or with seeds, a program reads the same elements again, and `BackupAndRestore` goes on in the
    middle of a pass without reading what came before, where the stages allow it.

    Args:
        stage: where the elements come from.
        class_names: names of the classes, if the labels have some.

    Example:
    >>> data = Dataset.from_tensor_slices((np.arange(6.0), np.arange(6)))
    >>> for x, y in data.map(lambda x, y: (x / 10, y)).batch(4):
    ...     print(x.tolist(), y)
    [0.0, 0.1, 0.2, 0.3] [0 1 2 3]
    [0.4, 0.5] [4 5]
    """

    def __init__(self, stage: stages.Stage, class_names: list[str] | None = None):
        self._stage = stage
        self._passes = 0  # begun
        self._spec: PyTree = None
        self.class_names = class_names

    # Where elements come from

    @classmethod
    def from_tensor_slices(cls, tensors: PyTree, name: str | None = None) -> Dataset:
        """The rows of arrays.

        Args:
            tensors: an array, or tuples and dicts of arrays with the same number of rows. A list is an array.
            name: ignored.

        Raises:
            ValueError: no rows' axis, or different numbers of rows.
        """
        arrays = map_leaves(as_array, tensors)
        sizes = {array.shape[:1] for array in leaves(arrays)}
        if len(sizes) != 1 or () in sizes:
            raise ValueError(
                "Dataset.from_tensor_slices: expected arrays with the same number of rows, got the shapes "
                f"{[array.shape for array in leaves(arrays)]}."
            )
        return cls(rows.Slices(arrays))

    @classmethod
    def from_tensors(cls, tensors: PyTree, name: str | None = None) -> Dataset:
        """One element."""
        return cls(rows.Slices(map_leaves(lambda value: as_array(value)[None], tensors)))

    @classmethod
    def from_generator(
        cls,
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: tuple[Any, ...] = (),
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """What a function yields.

        Args:
            generator: called at the beginning of each pass; returns an iterable of elements.
            output_types: ignored: elements have the dtypes that they are given with.
            output_shapes: ignored.
            args: of the function.
            output_signature: ignored.
            name: ignored.

        Raises:
            TypeError: it is not a function.
        """
        if not callable(generator):
            raise TypeError(
                "Dataset.from_generator: expected a function that returns an iterator, got a "
                f"{type(generator).__name__}, which could be read once only. Pass the generator function itself, "
                "without calling it."
            )
        return cls(stages.Generated(lambda: iter(generator(*args))))

    @classmethod
    def range(cls, *args: int, output_type: Any = "int64", name: str | None = None) -> Dataset:
        """The integers of Python's `range`."""
        return cls(rows.Slices(np.arange(*args, dtype=output_type)))

    @classmethod
    def zip(cls, *args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """An element of each data set at a time, as a tuple, until the shortest ends.

        Args:
            *args: data sets, or one tuple or dict of them.
            datasets: the same (the older argument).
            name: ignored.
        """
        given = datasets if datasets is not None else args[0] if len(args) == 1 else args
        return cls(stages.Zip(map_leaves(operator.attrgetter("_stage"), given)))

    # What is made of them

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """A function of each element, or of each batch if it comes after `batch`.

        Args:
            map_func: called with the parts of a tuple as arguments; it may return arrays of NumPy, JAX or TensorFlow.
            num_parallel_calls: how many threads call it, -1 (`AUTOTUNE`) for one for each core; None for no thread. A
                function that draws random numbers gives the same ones again only without threads.
            deterministic: ignored: elements keep their order.
            name: ignored.
        """
        return self._then(stages.Map(self._stage, map_func, num_parallel_calls))

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements for which a function is true."""
        return self._then(stages.Filter(self._stage, predicate))

    def flat_map(self, map_func: Callable[..., Dataset], name: str | None = None) -> Dataset:
        """The elements of the data sets that a function makes of each element."""

        def elements(element: PyTree, epoch: stages.Epoch) -> Iterator[PyTree]:
            return stages.called(map_func, element)._stage.read(epoch, 0)

        return self._then(stages.FlatMap(self._stage, elements))

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Batches of consecutive elements, which need equal shapes.

        Args:
            batch_size: elements in a batch; the last one may have fewer.
            drop_remainder: whether to leave that one out.
            num_parallel_calls: ignored.
            deterministic: ignored.
            name: ignored.

        Raises:
            ValueError: batch_size is less than 1.
        """
        return self._then(self._stage.batched(_positive("batch", "batch_size", batch_size), drop_remainder))

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Batches of elements of different lengths, with zeros after those that are shorter than the longest.

        Raises:
            ValueError: batch_size is less than 1; padded_shapes or padding_values are given, which minidl lacks.
        """
        if padded_shapes is not None or padding_values is not None:
            raise ValueError(
                "Dataset.padded_batch: minidl pads with zeros to the longest element; pad others in a map."
            )
        return self._then(
            stages.PaddedBatch(self._stage, _positive("padded_batch", "batch_size", batch_size), drop_remainder)
        )

    def unbatch(self, name: str | None = None) -> Dataset:
        """The rows of each element."""
        return self._then(stages.Unbatch(self._stage))

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool = True,
        name: str | None = None,
    ) -> Dataset:
        """The elements in random order: each is drawn from the next `buffer_size` of them.

        Args:
            buffer_size: the number of elements, or more, for an order that is random as a whole. Of arrays and files
                no buffer is made, only an order of their numbers.
            seed: an integer; by default it follows from the state of Python's `random`, which `set_random_seed` sets
                and which this leaves as it is.
            reshuffle_each_iteration: whether each pass has an order of its own.
            name: ignored.

        Raises:
            ValueError: buffer_size is less than 1.
        """
        size = _positive("shuffle", "buffer_size", buffer_size)
        order = stages.Order(
            size, _peeked() if seed is None else operator.index(seed) % 2**32, reshuffle_each_iteration
        )
        return self._then(self._stage.ordered(order))

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """Several passes as one; endlessly many for None or -1. `fit` then needs `steps_per_epoch`."""
        return self._then(stages.Repeat(self._stage, None if count is None or count < 0 else operator.index(count)))

    def take(self, count: int, name: str | None = None) -> Dataset:
        """The first elements; all for -1."""
        return self._then(self._stage.part(slice(None, None if count < 0 else operator.index(count))))

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """All elements but the first; none for -1."""
        return self._then(self._stage.part(slice(0, 0) if count < 0 else slice(operator.index(count), None)))

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Every `num_shards`-th element, from the one with the number `index`."""
        if not 0 <= index < num_shards:
            raise ValueError(f"Dataset.shard: index must be from 0 to {num_shards - 1}, got {index}.")
        numbered = self.enumerate().filter(lambda number, element: number % num_shards == index)
        return numbered.map(lambda number, element: element)

    def cache(self, filename: str = "", name: str | None = None) -> Dataset:
        """The elements of the first whole pass, kept in memory for the later ones.

        Raises:
            ValueError: a filename is given, which minidl does not have.
        """
        if filename:
            raise ValueError("Dataset.cache: minidl keeps elements in memory. Leave filename out.")
        return self._then(stages.Cache(self._stage))

    def prefetch(self, buffer_size: int, name: str | None = None) -> Dataset:
        """Elements that a thread makes ahead of whoever reads them.

        Args:
            buffer_size: how many may be ready, -1 (`AUTOTUNE`) for two.
            name: ignored.
        """
        if buffer_size != AUTOTUNE:
            _positive("prefetch", "buffer_size", buffer_size)
        return self._then(stages.Prefetch(self._stage, _PREFETCHED if buffer_size == AUTOTUNE else buffer_size))

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """These elements, then those of another data set."""
        return self._then(stages.Concatenate(self._stage, dataset._stage))

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """Pairs of a number and an element."""
        return self._then(stages.Zip((stages.Numbers(start), self._stage)))

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """A function of the data set."""
        return transformation_func(self)

    def with_options(self, options: Any, name: str | None = None) -> Dataset:
        """The same data set: the options are those of TensorFlow's runtime."""
        return self

    # What is known of them

    def cardinality(self) -> HostArray:
        """The number of elements: `INFINITE_CARDINALITY` (-1) or `UNKNOWN_CARDINALITY` (-2) if there is none."""
        return np.array(self._stage.count).view(HostArray)

    def __len__(self) -> int:
        count = self._stage.count
        if count < 0:
            kind = "an infinite" if count == stages.INFINITE else "an unknown"
            raise TypeError(f"This Dataset has {kind} number of elements.")
        return count

    @property
    def is_batched(self) -> bool:
        """Whether elements are batches."""
        return self._stage.is_batched

    @property
    def element_spec(self) -> PyTree:
        """The shapes and dtypes of an element, for which the first one is read."""
        if self._spec is None:
            first = next(self._stage.read((0,), 0), None)
            if first is None:
                raise ValueError("Dataset.element_spec: there are no elements.")
            known = slice(1, None) if self._stage.is_batched else slice(None)
            unknown = (None,) if self._stage.is_batched else ()
            self._spec = map_leaves(lambda array: TensorSpec((*unknown, *array.shape[known]), array.dtype), first)
        return self._spec

    # Reading them

    def __iter__(self) -> Generator[PyTree, None, None]:
        for element in self.read():
            yield map_leaves(lambda array: array.view(HostArray), element)

    def as_numpy_iterator(self) -> Iterator[PyTree]:
        """The elements of a pass, as plain NumPy arrays and numbers."""
        return (map_leaves(lambda array: array[()], element) for element in self.read())

    def read(self, start: int = 0) -> Generator[PyTree, None, None]:
        """Begin a pass.

        Args:
            start: how many of its elements to leave out.
        """
        epoch, self._passes = self._passes, self._passes + 1
        return self._stage.read((epoch,), start)

    def state(self) -> dict[str, Any]:
        """What decides the elements of the next passes, as plain data."""
        return {"passes": self._passes, "seeds": [order.seed for order in self._stage.orders()]}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as another data set, made by the same program, would have with this state."""
        self._passes = state["passes"]
        for order, seed in zip(self._stage.orders(), state["seeds"]):
            order.seed = seed

    def __repr__(self) -> str:
        return f"<Dataset {type(self._stage).__name__} of {self._stage.count} elements>"

    def _then(self, stage: stages.Stage) -> Dataset:
        return Dataset(stage, self.class_names)


def _positive(method: str, argument: str, value: Any) -> int:
    if operator.index(value) < 1:
        raise ValueError(f"Dataset.{method}: {argument} must be at least 1, got {value}.")
    return operator.index(value)


def _peeked() -> int:
    """A seed that follows from the state of Python's `random`, which stays as it is: else weights would be others."""
    copy = random.Random()
    copy.setstate(random.getstate())
    return copy.getrandbits(31)
