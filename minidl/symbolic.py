"""Symbolic tensors: a shape and a dtype that stand for an array which is not there yet.

`Input` makes them, and a layer called on one answers with another and notes where it came
from. Models are built on them before any data is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax

from minidl import dtypes
from minidl.names import auto_name

Shape = tuple[int | None, ...]

_STAND_INS = (480, 960)  # for unknown sizes. Layers may halve, pool or group such an axis: both have many divisors


class KerasTensor:
    """A tensor with a shape (None for a size that is not known, such as the batch) and no values.

    Args:
        shape: sizes, None where unknown.
        dtype: default `floatx()`.
        name: default "keras_tensor", "keras_tensor_1", ...
        producer: (layer, args, kwargs) of the call that gives it, or None.

    >>> KerasTensor((None, 3)).shape
    (None, 3)
    """

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: Any = None,
        name: str | None = None,
        producer: tuple[Any, tuple[Any, ...], dict[str, Any]] | None = None,
    ):
        self.shape: Shape = tuple(shape)
        self.dtype = dtypes.canonical(dtype)
        self.name = name or auto_name("KerasTensor")
        self.producer = producer

    @property
    def ndim(self) -> int:
        """The number of axes, the batch included."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(f"{self!r} has no values: it is symbolic. Call the model on real arrays.")

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} has no value to decide on: use array operations instead of `if` and `while`.")


def is_symbolic(tree: Any) -> bool:
    """Whether any leaf of a structure is a `KerasTensor`."""
    return any(isinstance(leaf, KerasTensor) for leaf in jax.tree.leaves(tree))


def infer(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The outputs of a call on symbolic tensors, as symbolic tensors; nothing is computed.

    `jax.eval_shape` needs whole numbers, so unknown sizes are tried with two different ones:
    the sizes of the result that follow them are unknown too.
    """

    def shapes(size: int) -> Any:
        def fill(leaf: Any) -> Any:
            if not isinstance(leaf, KerasTensor):
                return leaf
            return jax.ShapeDtypeStruct([size if s is None else s for s in leaf.shape], leaf.dtype)

        leaves, structure = jax.tree.flatten((args, kwargs))
        filled = [fill(leaf) for leaf in leaves]
        given = [leaf for leaf in filled if isinstance(leaf, jax.ShapeDtypeStruct)]

        def run(*arrays: Any) -> Any:
            rest = iter(arrays)
            full = [next(rest) if isinstance(leaf, jax.ShapeDtypeStruct) else leaf for leaf in filled]
            inner_args, inner_kwargs = jax.tree.unflatten(structure, full)
            return call(*inner_args, **inner_kwargs)

        return jax.eval_shape(run, *given)

    unknown = any(None in leaf.shape for leaf in jax.tree.leaves((args, kwargs)) if isinstance(leaf, KerasTensor))
    first = shapes(_STAND_INS[0])
    second = shapes(_STAND_INS[1]) if unknown else first

    def join(a: Any, b: Any) -> KerasTensor:
        return KerasTensor([m if m == n else None for m, n in zip(a.shape, b.shape)], a.dtype)

    return jax.tree.map(join, first, second)
