"""Text in functions that JAX traces: it stays on the host, and so do the layers that make numbers of it.

JAX has no arrays of text. Where a model is traced, a `HostArray` has the place of one: it has a shape and no values. A
layer that works on the host, called on one, asks its `HostCalls` for the result. While shapes are inferred these
are zeros, and the calls are recorded. In a step they are arrays that were computed on the host for this batch, before
the step, and are arguments of the compiled function; see host_plan.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core import array_metadata

DTYPE = "string"  # of symbolic tensors
Expression = Hashable  # how an array follows from the inputs of a model: nested tuples


class HostArray:
    """An array of text in a function that is traced.

    Args:
        shape: its shape.
        expression: how it follows from the inputs.
        calls: what layers make of it.
    """

    dtype = DTYPE

    def __init__(self, shape: tuple[int, ...], expression: Expression, calls: HostCalls):
        self.shape = tuple(shape)
        self.expression = expression
        self.calls = calls

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __getitem__(self, key: Any) -> HostArray:
        shape = np.broadcast_to(np.int8(0), self.shape)[key].shape
        return HostArray(shape, ("item", self.expression, Key(key)), self.calls)

    def __jax_array__(self) -> Any:
        raise TypeError(
            f"A layer or function for numbers was given text of shape {self.shape}. Put a layer before it that makes "
            "numbers of text: TextVectorization, StringLookup or Hashing."
        )

    def __repr__(self) -> str:
        return f"<HostArray shape={self.shape}>"


class Key:
    """An index into an array, which compares by what it selects."""

    def __init__(self, key: Any):
        self.key = key

    def __repr__(self) -> str:
        return repr(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))


@dataclasses.dataclass(frozen=True)
class Known:
    """A leaf of the inputs of a call on the host."""

    expression: Expression


@dataclasses.dataclass(frozen=True)
class HostCall:
    """A call of a layer that works on the host."""

    layer: Any
    inputs: Any  # a structure of `Known`
    shape: tuple[int | None, ...]  # of the output for one example
    dtype: str


class HostCalls:
    """The results of calls on the host, for a function that is traced.

    Args:
        values: expression -> the array that it is; None to infer shapes.
        unknown: the size to give to axes of unknown size, such as the number of tokens of a text.
    """

    def __init__(self, values: Mapping[Expression, Any] | None = None, unknown: int = 1):
        self.recorded: dict[Expression, HostCall] = {}
        self._values = values
        self._unknown = unknown

    def result(self, layer: Any, inputs: Any, shape: tuple[int | None, ...], dtype: str) -> Any:
        """What a layer gives for inputs.

        Args:
            layer: the layer.
            inputs: a structure of `HostArray` and of arrays that are inputs of the model.
            shape: of the output.
            dtype: of the output.

        Raises:
            ValueError: numbers that are computed in the model, or a call that was not recorded before.
        """
        leaves, structure = jax.tree.flatten(inputs)
        known = [_expression(leaf, layer) for leaf in leaves]
        expression = ("call", id(layer), str(structure), *known)
        if self._values is not None and expression in self._values:
            return array_metadata.annotate(self._values[expression], host=(self, expression))
        if self._values is not None and dtype != DTYPE:
            raise ValueError(
                f"{layer.name!r} is called on other text than when the model was prepared: calls on text must not "
                "depend on `training` or on what changes between two calls."
            )
        given = jax.tree.unflatten(structure, map(Known, known))
        self.recorded[expression] = HostCall(layer, given, tuple(shape[1:]), dtype)
        full = tuple(self._unknown if size is None else size for size in shape)
        if dtype == DTYPE:
            return HostArray(full, expression, self)
        return array_metadata.annotate(jnp.zeros(full, dtype), host=(self, expression))


def calls_for(leaves: list[Any]) -> HostCalls | None:
    """What knows the results of a call on arrays, if it is made on the host: of text, or of what was computed there."""
    for leaf in leaves:
        if isinstance(leaf, HostArray):
            return leaf.calls
    found = [array_metadata.of(leaf).host for leaf in leaves]
    return found[0][0] if all(found) else None


def _expression(leaf: Any, layer: Any) -> Expression:
    if isinstance(leaf, HostArray):
        return leaf.expression
    if (host := array_metadata.of(leaf).host) is not None:
        return host[1]
    index = array_metadata.of(leaf).input_index
    if index is None:
        raise ValueError(
            f"{layer.name!r} combines text with numbers that the model computes. Text is prepared on the host before "
            "the model runs: give the numbers as an input of the model."
        )
    return ("numbers", index, tuple(leaf.shape[1:]))  # (n,) may have become (n, 1)
