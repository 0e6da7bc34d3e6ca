"""Constraints: projections of weights onto a set, applied after each update.

A constraint is any function from an array to an array of the same shape. The classes here have a config too, so that
layers with them can be saved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minidl.core import dtypes, naming, serialization
from minidl.core.arguments import CheckedArguments
from minidl.core.typing import Array, ArrayLike, Config, Identifier


class Constraint(CheckedArguments):
    """Base class: a serializable function from a weight to its new value.

    Override `__call__`, and `get_config` if there are arguments.

    Example:
    >>> class Rounded(Constraint):
    ...     def __call__(self, w):
    ...         return jnp.round(w)
    >>> print(Rounded()(jnp.array([0.2, 1.7])))
    [0. 2.]
    """

    def __call__(self, w: ArrayLike) -> ArrayLike:
        """The new value of w; w itself in the base class."""
        return w

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        """The constraint of a config made by `get_config`."""
        return cls(**config)


class MaxNorm(Constraint):
    """Maximum norm of `max_value`: `w * min(norm, max_value) / (norm + epsilon)`.

    Args:
        max_value: the largest norm.
        axis: the axis or axes that norms are computed over: 0 for the incoming weights of each unit of a
            `Dense` kernel (inputs, units), [0, 1, 2] for each filter of a `Conv2D` kernel
            (height, width, inputs, filters).

    >>> print(MaxNorm(max_value=1.0)([[3.0, 0.0], [4.0, 0.5]]).round(3))
    [[0.6 0. ]
     [0.8 0.5]]

    Source: Srivastava et al., "Dropout", 2014, section 5.1.
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0):
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: ArrayLike) -> jax.Array:
        norms = _norms(w, self.axis)
        return _scale(w, norms, jnp.clip(norms, 0, self.max_value))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Non-negative weights: `max(w, 0)`.

    >>> print(NonNeg()([-1.0, 2.0]))
    [0. 2.]
    """

    def __call__(self, w: ArrayLike) -> jax.Array:
        return jnp.maximum(jnp.asarray(w), 0)


class UnitNorm(Constraint):
    """Unit norm: `w / (norm + epsilon)`.

    Args:
        axis: the axis or axes that norms are computed over, as for `MaxNorm`.

    >>> print(UnitNorm()([[3.0], [4.0]]).round(3))
    [[0.6]
     [0.8]]
    """

    def __init__(self, axis: int | Sequence[int] = 0):
        self.axis = axis

    def __call__(self, w: ArrayLike) -> jax.Array:
        return jnp.asarray(w) / (dtypes.epsilon() + _norms(w, self.axis))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Norms between `min_value` and `max_value`, approached at a rate.

    `w * (rate * clip(norm, min_value, max_value) + (1 - rate) * norm) / (norm + epsilon)`

    Args:
        min_value: the smallest norm.
        max_value: the largest norm.
        rate: the fraction of the difference that one application corrects, from 0 to 1.
        axis: the axis or axes that norms are computed over, as for `MaxNorm`.

    >>> print(MinMaxNorm(min_value=1.0, max_value=2.0)([[0.3, 3.0], [0.4, 4.0]]).round(3))
    [[0.6 1.2]
     [0.8 1.6]]
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | Sequence[int] = 0
    ):
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: ArrayLike) -> jax.Array:
        norms = _norms(w, self.axis)
        inside = jnp.clip(norms, self.min_value, self.max_value)
        return _scale(w, norms, self.rate * inside + (1 - self.rate) * norms)

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm

_CLASSES = (Constraint, MaxNorm, NonNeg, UnitNorm, MinMaxNorm)
BY_NAME: dict[str, type[Constraint]] = {cls.__name__: cls for cls in _CLASSES}
BY_NAME |= {naming.snake_case(cls.__name__): cls for cls in _CLASSES}


def get(identifier: Identifier) -> Callable[[Array], Array] | None:
    """Look up a constraint: by name, config or class; a function is returned as it is, None as None.

    Raises:
        ValueError: an unknown name.
        TypeError: the identifier is of another type.

    >>> get("max_norm").get_config()
    {'max_value': 2, 'axis': 0}
    """
    found = serialization.lookup(identifier, BY_NAME, "constraint")
    return found() if isinstance(found, type) else found


def serialize(constraint: Callable[..., Any] | None) -> str | Config | None:
    """The JSON form of a constraint: its class and the arguments of its constructor."""
    return serialization.serialize(constraint)


def deserialize(config: str | Config, custom_objects: dict[str, Any] | None = None) -> Callable[[Array], Array] | None:
    """The constraint of a JSON form made by `serialize`.

    Args:
        config: a name or a dict.
        custom_objects: name -> your own class, for names in the config.

    Raises:
        ValueError: an unknown name.
    """
    found = serialization.deserialize(config, BY_NAME, "constraint", custom_objects)
    return found() if isinstance(found, type) else found


def _norms(w: ArrayLike, axis: int | Sequence[int]) -> jax.Array:
    """Euclidean norms over the axes, which are kept with size 1."""
    return jnp.sqrt(jnp.sum(jnp.square(jnp.asarray(w)), axis=axis, keepdims=True))


def _scale(w: ArrayLike, norms: jax.Array, desired: jax.Array) -> jax.Array:
    """Rescale w to the desired norms; epsilon keeps a norm of zero at zero."""
    return jnp.asarray(w) * (desired / (dtypes.epsilon() + norms))
