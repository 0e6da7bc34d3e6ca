"""InputSpec: the shapes and dtypes that a layer accepts, checked before every call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax

from minidl.core import dtypes
from minidl.core.typing import Config, DType, PyTree, Shape


class InputSpec:
    """The shape and dtype that a layer accepts: inputs are checked against its attribute `input_spec`.

    Args:
        dtype: the dtype; None for any, as in the other arguments.
        shape: the shape with the batch; a size of None matches any.
        ndim: number of axes.
        max_ndim: largest number of axes.
        min_ndim: smallest number of axes.
        axes: axis -> size.
        allow_last_axis_squeeze: whether a last axis of size 1 may be missing or added.
        name: the key of this input in a dict of inputs.
        optional: whether the input may be None.

    Raises:
        TypeError: axes is not a dict with integers as keys.
        ValueError: an axis that the given number of axes does not have.

    >>> InputSpec(ndim=3, axes={-1: 8})
    InputSpec(ndim=3, axes={-1: 8})
    """

    def __init__(
        self,
        dtype: DType | None = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ):
        if axes is not None and not (
            isinstance(axes, Mapping) and all(str(axis).lstrip("-").isdigit() for axis in axes)
        ):
            raise TypeError(f"InputSpec: axes must map axis numbers to sizes, as {{-1: 3}}; got {axes!r}.")
        self.dtype = None if dtype is None else dtypes.canonical(dtype)
        self.shape: Shape | None = None if shape is None else tuple(shape)
        self.ndim = ndim if shape is None else len(shape)
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name
        self.optional = optional
        rank = self.ndim or max_ndim
        if rank and any(axis >= rank for axis in self.axes):
            raise ValueError(f"InputSpec: axes has the axis {max(self.axes)}, but the input has {rank} axes.")

    def check(self, x: Any, where: str, advice: str = "") -> None:
        """Raise ValueError for an input that does not match.

        Args:
            x: an array or symbolic tensor, or None.
            where: the name of the layer, for the message.
            advice: a sentence for its end.

        Raises:
            ValueError: the input does not match; the message has its shape and what was expected.
        """
        if x is None and self.optional:
            return
        if not hasattr(x, "shape"):
            raise ValueError(f"{where} takes arrays, got {x!r} of type {type(x).__name__}.")
        shape = tuple(x.shape)
        for problem in self._problems(shape, str(x.dtype)):
            raise ValueError(f"{where} is incompatible with its input of shape {shape}: expected {problem}.{advice}")

    def get_config(self) -> Config:
        """The constructor's arguments."""
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes", "optional")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: Config) -> InputSpec:
        """The spec that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        given = [f"{name}={value}" for name in names if (value := getattr(self, name))]
        return f"InputSpec({', '.join(given)})"

    def _problems(self, shape: Shape, dtype: str) -> list[str]:
        rank, problems = len(shape), []
        if self.ndim is not None and rank != self.ndim and not self.allow_last_axis_squeeze:
            problems.append(f"{self.ndim} axes, got {rank}")
        if self.max_ndim is not None and rank > self.max_ndim:
            problems.append(f"at most {self.max_ndim} axes, got {rank}")
        if self.min_ndim is not None and rank < self.min_ndim:
            problems.append(f"at least {self.min_ndim} axes, got {rank}")
        if self.dtype is not None and dtype != self.dtype:
            problems.append(f"the dtype {self.dtype}, got {dtype}")
        if problems:
            return problems
        for axis, size in self.axes.items():
            if size is not None and shape[axis] not in (size, None):
                problems.append(f"size {size} along axis {axis}, got {shape[axis]}")
        if self.shape is not None:
            expected = self.shape
            if self.allow_last_axis_squeeze:
                expected, shape = (sizes[:-1] if sizes[-1:] == (1,) else sizes for sizes in (expected, shape))
            if any(e is not None and s is not None and e != s for e, s in zip(expected, shape)):
                problems.append(f"the shape {self.shape}, got {shape}")
        return problems


def axes_advice(given: Shape, expected: Shape) -> str:
    """A sentence for two shapes that differ by a common mistake, or nothing.

    >>> axes_advice((None, 28), (None, 28, 28))
    ' One example needs its batch axis: x[None].'
    """

    def is_expected(shape: Shape, sizes: Shape) -> bool:
        return len(shape) == len(sizes) and all(None in pair or pair[0] == pair[1] for pair in zip(shape, sizes))

    if len(expected) > 1 and is_expected(given, expected[1:]):
        return " One example needs its batch axis: x[None]."
    given_sizes, channels = given[2:], given[1:2]
    are_channels = channels == expected[-1:] or (len(given) > 3 and channels[0] in (1, 3, 4))
    if len(given) > 2 and are_channels and is_expected(given_sizes, expected[1:-1]):
        return " The channels are the first axis, and are expected as the last: np.moveaxis(x, 1, -1)."
    return ""


def check_inputs(input_spec: Any, inputs: PyTree, where: str, advice: str = "") -> None:
    """Check inputs, one or a structure, against their specs.

    Raises:
        ValueError: another number of inputs, or an input that does not match.
    """
    specs = jax.tree.leaves(input_spec, is_leaf=_is_none)
    names = [spec.name for spec in specs if spec is not None]
    if isinstance(inputs, dict) and names and all(names):
        if missing := [name for name in names if name not in inputs]:
            raise ValueError(f"{where}: the inputs {missing} are missing; got the keys {list(inputs)}.")
        leaves = [inputs[name] for name in names]
    else:
        leaves = jax.tree.leaves(inputs, is_leaf=_is_none)
    if len(leaves) != len(specs):
        raise ValueError(f"{where} takes {len(specs)} inputs, got {len(leaves)}.{advice}")
    for x, spec in zip(leaves, specs):
        if spec is not None:
            spec.check(x, where, advice)


def _is_none(value: Any) -> bool:
    return value is None
