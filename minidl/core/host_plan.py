"""What is computed on the host for each batch of a model that takes text, before the compiled step.

A model is traced once to find its calls of layers that work on the host (`plan`). Then data becomes a `HostBatch`:
the numbers in it, and what those layers make of its text, each a leaf of a pytree as any other array. In the step it is
opened again: the model sees its inputs in their structure, and the layers find their results.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from minidl.core import array_metadata, structures
from minidl.core.arrays import LazyRows, device_dtype
from minidl.core.host_arrays import DTYPE, Expression, HostArray, HostCall, HostCalls, Known
from minidl.core.text import may_be_text

_KEPT = 2**28  # bytes: what is smaller is computed once for all rows, the rest for each chunk when it is read


class Plan:
    """The calls on the host whose results the step takes.

    Args:
        calls: those calls, and the ones that they need.
    """

    def __init__(self, calls: dict[Expression, HostCall]):
        self._all = calls
        self.calls = {expression: call for expression, call in calls.items() if call.dtype != DTYPE}

    def __call__(self, inputs: Any) -> HostBatch:
        """A batch, or all rows of arrays, with what is computed of its text."""
        leaves, structure = jax.tree.flatten(inputs)
        text = tuple((index, leaf.shape[1:]) for index, leaf in enumerate(leaves) if may_be_text(leaf))
        numbers = [leaf for leaf in leaves if not may_be_text(leaf)]
        computed = [HostRows(self, expression, leaves) for expression in self.calls]
        return HostBatch(numbers, computed, Origin(structure, text, self))

    def compute(self, expression: Any, inputs: list[Any]) -> np.ndarray:
        """The array that an expression is, for the leaves of a batch."""
        kind, *rest = expression
        if kind == "input":
            return np.asarray(inputs[rest[0]])
        if kind == "numbers":
            return np.asarray(inputs[rest[0]]).reshape(-1, *rest[1])
        if kind == "item":
            return self.compute(rest[0], inputs)[rest[1].key]
        call = self._all[expression]
        arguments = jax.tree.map(lambda leaf: self.compute(leaf.expression, inputs), call.inputs, is_leaf=_is_known)
        return call.layer.compute(arguments)


def plan(call: Callable[[Any], Any], inputs: Any) -> Plan:
    """What a model computes on the host.

    Args:
        call: the model, as a function of its inputs.
        inputs: a structure of arrays, some of them of text.
    """
    leaves, structure = jax.tree.flatten(inputs)
    calls = HostCalls()

    def run(numbers: list[Any]) -> Any:
        rest, filled = iter(numbers), []
        for index, leaf in enumerate(leaves):
            if may_be_text(leaf):
                filled.append(HostArray((1, *leaf.shape[1:]), ("input", index), calls))
            else:
                filled.append(array_metadata.annotate(next(rest), input_index=index))
        return jax.tree.leaves(call(structures.plain(jax.tree.unflatten(structure, filled))))

    numbers = [leaf for leaf in leaves if not may_be_text(leaf)]
    jax.eval_shape(run, [jax.ShapeDtypeStruct((1, *leaf.shape[1:]), device_dtype(leaf)) for leaf in numbers])
    return Plan(calls.recorded)


class HostRows(LazyRows):
    """What a layer on the host makes of text, as an array of rows that are computed when they are read."""

    def __init__(self, plan: Plan, expression: Expression, inputs: list[Any]):
        call = plan.calls[expression]
        self._plan, self._expression, self._inputs = plan, expression, inputs
        self.dtype = np.dtype(call.dtype)
        self.shape = (len(inputs[0]), *call.shape)  # type: ignore[arg-type]

    def __getitem__(self, rows: Any) -> HostRows:
        return HostRows(self._plan, self._expression, [leaf[rows] for leaf in self._inputs])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._plan.compute(self._expression, self._inputs), dtype=dtype or self.dtype)

    def settled(self, limit: int) -> Any:
        """The rows as an array, if they are no larger than a number of bytes, or as large as their longest text."""
        if None in self.shape or self.size * self.dtype.itemsize <= limit:
            return np.asarray(self)
        return self


@dataclasses.dataclass(frozen=True)
class Origin:
    """What a batch was before its text became numbers."""

    structure: Any
    text: tuple[tuple[int, tuple[int, ...]], ...]  # (index of the leaf, shape of an example)
    plan: Plan


@jax.tree_util.register_pytree_with_keys_class
class HostBatch:
    """A batch with text, as numbers.

    Args:
        numbers: the leaves that are not text.
        computed: the results of the calls of the plan, in order.
        origin: what it was.
    """

    def __init__(self, numbers: Any, computed: Any, origin: Origin):
        self.numbers = list(numbers)
        self.computed = list(computed)
        self.origin = origin

    def settled(self, limit: int = _KEPT) -> HostBatch:
        """The same, with all that is small or of unknown size computed now."""
        return HostBatch(self.numbers, [rows.settled(limit) for rows in self.computed], self.origin)

    def opened(self) -> Any:
        """The batch in its own structure, for a function that is traced; text is `HostArray`."""
        calls = HostCalls(dict(zip(self.origin.plan.calls, self.computed)))
        rows = [*self.computed, *self.numbers][0].shape[0]
        return self.filled(lambda index, shape: HostArray((rows, *shape), ("input", index), calls))

    def filled(self, text: Callable[[int, tuple[int, ...]], Any]) -> Any:
        """The batch in its own structure.

        Args:
            text: (index of the leaf, shape of an example) -> what has the place of text.
        """
        shapes, rest, leaves = dict(self.origin.text), iter(self.numbers), []
        for index in range(self.origin.structure.num_leaves):
            if index in shapes:
                leaves.append(text(index, shapes[index]))
            else:
                leaves.append(array_metadata.annotate(next(rest), input_index=index))
        return structures.plain(jax.tree.unflatten(self.origin.structure, leaves))

    def tree_flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], Any]:
        """The arrays, by the names of the layers that computed them, and what they were."""
        names = [call.layer.name for call in self.origin.plan.calls.values()]
        keys = [*range(len(self.numbers)), *names]
        leaves = [*self.numbers, *self.computed]
        return [(jax.tree_util.DictKey(key), leaf) for key, leaf in zip(keys, leaves)], (len(self.numbers), self.origin)

    @classmethod
    def tree_unflatten(cls, form: Any, leaves: Any) -> HostBatch:
        """The batch of these arrays."""
        count, origin = form
        leaves = list(leaves)
        return cls(leaves[:count], leaves[count:], origin)


def opened(x: Any) -> Any:
    """The inputs of a step in their own structure."""
    return x.opened() if isinstance(x, HostBatch) else structures.plain(x)


def _is_known(leaf: Any) -> bool:
    return isinstance(leaf, Known)
