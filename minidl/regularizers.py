"""Regularizers: penalties on weights or outputs that are added to the loss.

A regularizer is any function from an array to a scalar. The classes here are such
functions with a config, so that a layer that holds one can be saved.
"""

from __future__ import annotations

import math
import numbers
from typing import Any

import jax
import jax.numpy as jnp

from minidl.core import dtypes, naming, registry, serialization


class Regularizer:
    """Base class: a function `x -> scalar` that can be saved.

    Override `__call__`, and `get_config` if the regularizer is to be saved.

    Example:
    >>> class Cubed(Regularizer):
    ...     def __call__(self, x):
    ...         return 0.1 * jnp.sum(jnp.abs(x) ** 3)
    >>> print(Cubed()(jnp.array([1.0, -2.0])))
    0.90000004
    """

    def __call__(self, x: Any) -> Any:
        """The penalty on x, a scalar. The base class has none."""
        return 0.0

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same regularizer again."""
        raise NotImplementedError(f"{type(self).__name__} needs a get_config() that returns its arguments to be saved.")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """The regularizer that `get_config` described."""
        return cls(**config)


class L1(Regularizer):
    """Lasso penalty, which drives weights to exactly zero: `l1 * sum(|x|)`.

    Args:
        l1: the factor, at least 0. None stands for 0.01.

    >>> print(L1(0.5)([1.0, -3.0]))
    2.0

    Source: Tibshirani, "Regression shrinkage and selection via the lasso", 1996.
    """

    def __init__(self, l1: float | None = 0.01):
        self.l1 = _factor(0.01 if l1 is None else l1, "l1")

    def __call__(self, x: Any) -> jax.Array:
        return self.l1 * jnp.sum(jnp.abs(jnp.asarray(x)))

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(Regularizer):
    """Ridge penalty, which keeps weights small: `l2 * sum(x^2)`.

    Args:
        l2: the factor, at least 0. None stands for 0.01.

    >>> print(L2(0.5)([1.0, -3.0]))
    5.0

    Source: Hoerl & Kennard, "Ridge regression", 1970.
    """

    def __init__(self, l2: float | None = 0.01):
        self.l2 = _factor(0.01 if l2 is None else l2, "l2")

    def __call__(self, x: Any) -> jax.Array:
        return self.l2 * jnp.sum(jnp.square(jnp.asarray(x)))

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class L1L2(Regularizer):
    """Elastic net, both penalties at once: `l1 * sum(|x|) + l2 * sum(x^2)`.

    By name, `"l1_l2"`, both factors are 0.01; the class by itself starts from 0.

    Args:
        l1: the factor of the absolute values, at least 0.
        l2: the factor of the squares, at least 0.

    >>> print(L1L2(l1=0.5, l2=0.25)([1.0, -3.0]))
    4.5

    Source: Zou & Hastie, "Regularization and variable selection via the elastic net", 2005.
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0):
        self.l1 = _factor(0.0 if l1 is None else l1, "l1")
        self.l2 = _factor(0.0 if l2 is None else l2, "l2")

    def __call__(self, x: Any) -> jax.Array:
        x = jnp.asarray(x)
        penalty = jnp.zeros((), x.dtype)
        if self.l1:
            penalty += self.l1 * jnp.sum(jnp.abs(x))
        if self.l2:
            penalty += self.l2 * jnp.sum(jnp.square(x))
        return penalty

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """Penalty on rows (or columns) of a matrix that are not orthogonal to each other.

    `factor` times the mean of `|cos(angle between u and v)|` over all pairs of different rows u and v.

    Args:
        factor: at least 0.
        mode: "rows" or "columns": which vectors of the matrix are compared.

    Input shape: (rows, columns).

    Raises:
        ValueError: another mode, a negative factor, or (when called) an array that is no matrix.

    >>> print(OrthogonalRegularizer(0.5)([[1.0, 0.0], [0.0, 2.0]]), OrthogonalRegularizer(0.5)([[1.0], [2.0]]))
    0.0 0.5
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        self.factor = _factor(factor, "factor")
        if mode not in ("rows", "columns"):
            raise ValueError(f"OrthogonalRegularizer: expected mode 'rows' or 'columns', got {mode!r}.")
        self.mode = mode

    def __call__(self, inputs: Any) -> jax.Array:
        x = jnp.asarray(inputs)
        if x.ndim != 2:
            raise ValueError(
                f"OrthogonalRegularizer: expected a matrix (2 axes), got the shape {x.shape}. Reshape the weight, "
                "or use it on a layer whose kernel is a matrix."
            )
        vectors = x if self.mode == "rows" else x.T
        count = vectors.shape[0]
        square_norms = jnp.sum(jnp.square(vectors), axis=1, keepdims=True)
        # The bound is inside the root, so that a vector of zeros has a gradient of zeros and not NaN.
        unit = vectors * jax.lax.rsqrt(jnp.maximum(square_norms, dtypes.epsilon() ** 2))
        cosines = (unit @ unit.T) * (1 - jnp.eye(count, dtype=x.dtype))
        pairs = max(count * (count - 1) / 2, 1)  # a single vector has no pair, and no penalty
        return self.factor * 0.5 * jnp.sum(jnp.abs(cosines)) / pairs

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_CLASSES = (Regularizer, L1, L2, L1L2, OrthogonalRegularizer)
BY_NAME: dict[str, type[Regularizer]] = {cls.__name__: cls for cls in _CLASSES}
BY_NAME |= {naming.snake_case(cls.__name__): cls for cls in _CLASSES} | {"l1_l2": L1L2}


def get(identifier: Any) -> Any:
    """The regularizer that a name, a config, a class, a function or None (none) stands for.

    Raises:
        ValueError: an unknown name.
        TypeError: neither a name nor a function.

    >>> get("l2").get_config()
    {'l2': 0.01}
    """
    return _find(identifier, BY_NAME)


def serialize(regularizer: Any) -> Any:
    """The JSON form of a regularizer: its class and the arguments that make it again."""
    return serialization.serialize(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The regularizer that `serialize` described.

    Args:
        config: a name or a dict.
        custom_objects: names -> classes of your own that the config may speak of.

    Raises:
        ValueError: an unknown name.
    """
    with registry.known_names(custom_objects):
        return _find(config, BY_NAME)


def _find(identifier: Any, known: dict[str, Any]) -> Any:
    if identifier == "l1_l2":  # by name both penalties are on, although the class by itself has neither
        return L1L2(l1=0.01, l2=0.01)
    found = serialization.lookup(identifier, known, "regularizer")
    return found() if isinstance(found, type) else found


def _factor(value: Any, name: str) -> float:
    """The factor of a penalty, as a float."""
    if not isinstance(value, numbers.Real) or not math.isfinite(value) or value < 0:
        raise ValueError(f"Expected a finite {name} of at least 0, got {name}={value!r}.")
    return float(value)
