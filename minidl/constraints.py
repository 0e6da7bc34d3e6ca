"""Constraints: projections that bring a weight back into a set after each update.

A constraint is any function from an array to an array of the same shape. The classes here
are such functions with a config, so that a layer that holds one can be saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minidl.core import dtypes, naming, serialization


class Constraint:
    """Base class: a function from a weight to the weight that takes its place.

    Override `__call__`, and `get_config` if there are arguments.

    Example:
    >>> class Rounded(Constraint):
    ...     def __call__(self, w):
    ...         return jnp.round(w)
    >>> print(Rounded()(jnp.array([0.2, 1.7])))
    [0. 2.]
    """

    def __call__(self, w: Any) -> Any:
        """The weight that takes the place of w. The base class keeps w."""
        return w

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same constraint again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        """The constraint that `get_config` described."""
        return cls(**config)


class MaxNorm(Constraint):
    """Norms of at most `max_value`: `w * min(norm, max_value) / (norm + epsilon)`.

    Args:
        max_value: the largest norm.
        axis: the axis or axes that one norm runs over: 0 for the incoming weights of each unit of a
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

    def __call__(self, w: Any) -> jax.Array:
        norms = _norms(w, self.axis)
        return _scale(w, norms, jnp.clip(norms, 0, self.max_value))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """No negative weights: `max(w, 0)`.

    >>> print(NonNeg()([-1.0, 2.0]))
    [0. 2.]
    """

    def __call__(self, w: Any) -> jax.Array:
        return jnp.maximum(jnp.asarray(w), 0)


class UnitNorm(Constraint):
    """Norms of 1: `w / (norm + epsilon)`.

    Args:
        axis: the axis or axes that one norm runs over, as for `MaxNorm`.

    >>> print(UnitNorm()([[3.0], [4.0]]).round(3))
    [[0.6]
     [0.8]]
    """

    def __init__(self, axis: int | Sequence[int] = 0):
        self.axis = axis

    def __call__(self, w: Any) -> jax.Array:
        return jnp.asarray(w) / (dtypes.epsilon() + _norms(w, self.axis))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Norms from `min_value` to `max_value`, approached at a rate.

    `w * (rate * clip(norm, min_value, max_value) + (1 - rate) * norm) / (norm + epsilon)`

    Args:
        min_value: the smallest norm.
        max_value: the largest norm.
        rate: from 0 to 1: the share of the way that one application goes.
        axis: the axis or axes that one norm runs over, as for `MaxNorm`.

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

    def __call__(self, w: Any) -> jax.Array:
        norms = _norms(w, self.axis)
        inside = jnp.clip(norms, self.min_value, self.max_value)
        return _scale(w, norms, self.rate * inside + (1 - self.rate) * norms)

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm

_CLASSES = (Constraint, MaxNorm, NonNeg, UnitNorm, MinMaxNorm)
BY_NAME: dict[str, type[Constraint]] = {cls.__name__: cls for cls in _CLASSES}
BY_NAME |= {naming.snake_case(cls.__name__): cls for cls in _CLASSES}


def get(identifier: Any) -> Any:
    """The constraint that a name, a config, a class, a function or None (none) stands for.

    Raises:
        ValueError: an unknown name.
        TypeError: neither a name nor a function.

    >>> get("max_norm").get_config()
    {'max_value': 2, 'axis': 0}
    """
    found = serialization.lookup(identifier, BY_NAME, "constraint")
    return found() if isinstance(found, type) else found


def serialize(constraint: Any) -> Any:
    """The JSON form of a constraint: its class and the arguments that make it again."""
    return serialization.serialize(constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The constraint that `serialize` described.

    Args:
        config: a name or a dict.
        custom_objects: names -> classes of your own that the config may speak of.

    Raises:
        ValueError: an unknown name.
    """
    found = serialization.deserialize(config, BY_NAME, "constraint", custom_objects)
    return found() if isinstance(found, type) else found


def _norms(w: Any, axis: int | Sequence[int]) -> jax.Array:
    """Euclidean norms over the axes, which stay with size 1."""
    return jnp.sqrt(jnp.sum(jnp.square(jnp.asarray(w)), axis=axis, keepdims=True))


def _scale(w: Any, norms: jax.Array, desired: jax.Array) -> jax.Array:
    """Bring the norms of w to the desired ones; epsilon keeps a norm of zero at zero."""
    return jnp.asarray(w) * (desired / (dtypes.epsilon() + norms))
