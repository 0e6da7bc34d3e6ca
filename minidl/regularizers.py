"""Regularizers: penalties on weights or outputs that are added to the loss.

A regularizer is any function from an array to a scalar. The classes here have a config too, so that layers with them
can be saved.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from minidl.core import dtypes, naming, registry, serialization
from minidl.core.arguments import CheckedArguments
from minidl.core.typing import Array, ArrayLike, Config, Identifier


class Regularizer(CheckedArguments):
    """Base class: a serializable function `x -> scalar`.

    Override `__call__`, and `get_config` if the regularizer is to be saved.

    Example:
    >>> class Cubed(Regularizer):
    ...     def __call__(self, x):
    ...         return 0.1 * jnp.sum(jnp.abs(x) ** 3)
    >>> print(Cubed()(jnp.array([1.0, -2.0])))
    0.90000004
    """

    def __call__(self, x: ArrayLike) -> ArrayLike:
        """The penalty on x, a scalar; 0 in the base class."""
        return 0.0

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        raise NotImplementedError(f"{type(self).__name__} needs a get_config() that returns its arguments.")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """The regularizer of a config made by `get_config`."""
        return cls(**config)


class L1(Regularizer):
    """L1 (lasso) penalty, which makes weights sparse: `l1 * sum(|x|)`.

    Args:
        l1: the factor, at least 0; None for 0.01.

    >>> print(L1(0.5)([1.0, -3.0]))
    2.0

    Source: Tibshirani, "Regression shrinkage and selection via the lasso", 1996.
    """

    def __init__(self, l1: float | None = 0.01):
        self.l1 = _factor(0.01 if l1 is None else l1, "l1")

    def __call__(self, x: ArrayLike) -> jax.Array:
        return self.l1 * jnp.sum(jnp.abs(jnp.asarray(x)))

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(Regularizer):
    """L2 (ridge) penalty, which keeps weights small: `l2 * sum(x^2)`.

    Args:
        l2: the factor, at least 0; None for 0.01.

    >>> print(L2(0.5)([1.0, -3.0]))
    5.0

    Source: Hoerl & Kennard, "Ridge regression", 1970.
    """

    def __init__(self, l2: float | None = 0.01):
        self.l2 = _factor(0.01 if l2 is None else l2, "l2")

    def __call__(self, x: ArrayLike) -> jax.Array:
        return self.l2 * jnp.sum(jnp.square(jnp.asarray(x)))

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class L1L2(Regularizer):
    """L1 and L2 penalties (elastic net): `l1 * sum(|x|) + l2 * sum(x^2)`.

    The defaults of the class are 0; looked up by its name, `"l1_l2"`, both factors are 0.01.

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

    def __call__(self, x: ArrayLike) -> jax.Array:
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
    """Orthogonality penalty on the rows (or columns) of a matrix.

    `factor` times the mean of `|cos(angle between u and v)|` over all pairs of different rows u and v.

    Args:
        factor: at least 0.
        mode: "rows" or "columns": the vectors of the matrix.

    Input shape: (rows, columns).

    Raises:
        ValueError: an unknown mode, a negative factor, or (when called) an array that is not a matrix.

    >>> print(OrthogonalRegularizer(0.5)([[1.0, 0.0], [0.0, 2.0]]), OrthogonalRegularizer(0.5)([[1.0], [2.0]]))
    0.0 0.5
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        self.factor = _factor(factor, "factor")
        if mode not in ("rows", "columns"):
            raise ValueError(f"OrthogonalRegularizer: expected mode 'rows' or 'columns', got {mode!r}.")
        self.mode = mode

    def __call__(self, inputs: ArrayLike) -> jax.Array:
        x = jnp.asarray(inputs)
        if x.ndim != 2:
            raise ValueError(
                f"OrthogonalRegularizer: expected a matrix (2 axes), got the shape {x.shape}. Reshape the weight, "
                "or use it on a layer whose kernel is a matrix."
            )
        vectors = x if self.mode == "rows" else x.T
        count = vectors.shape[0]
        square_norms = jnp.sum(jnp.square(vectors), axis=1, keepdims=True)
        # The bound is inside the root, so that the gradient of a vector of zeros is 0, not NaN.
        unit = vectors * jax.lax.rsqrt(jnp.maximum(square_norms, dtypes.epsilon() ** 2))
        cosines = (unit @ unit.T) * (1 - jnp.eye(count, dtype=x.dtype))
        pairs = max(count * (count - 1) / 2, 1)  # a single vector has no pairs, and the penalty 0
        return self.factor * 0.5 * jnp.sum(jnp.abs(cosines)) / pairs

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_CLASSES = (Regularizer, L1, L2, L1L2, OrthogonalRegularizer)
BY_NAME: dict[str, type[Regularizer]] = {cls.__name__: cls for cls in _CLASSES}
BY_NAME |= {naming.snake_case(cls.__name__): cls for cls in _CLASSES} | {"l1_l2": L1L2}


def get(identifier: Identifier) -> Callable[[Array], Array] | None:
    """Look up a regularizer: by name, config or class; a function is returned as it is, None as None.

    Raises:
        ValueError: an unknown name.
        TypeError: the identifier is of another type.

    >>> get("l2").get_config()
    {'l2': 0.01}
    """
    return _find(identifier, BY_NAME)


def serialize(regularizer: Callable[..., Any] | None) -> str | Config | None:
    """The JSON form of a regularizer: its class and the arguments of its constructor."""
    return serialization.serialize(regularizer)


def deserialize(config: str | Config, custom_objects: dict[str, Any] | None = None) -> Callable[[Array], Array] | None:
    """The regularizer of a JSON form made by `serialize`.

    Args:
        config: a name or a dict.
        custom_objects: name -> your own class, for names in the config.

    Raises:
        ValueError: an unknown name.
    """
    with registry.known_names(custom_objects):
        return _find(config, BY_NAME)


def _find(identifier: Identifier, known: dict[str, Any]) -> Callable[[Array], Array] | None:
    if identifier == "l1_l2":  # the name has other defaults than the class
        return L1L2(l1=0.01, l2=0.01)
    found = serialization.lookup(identifier, known, "regularizer")
    return found() if isinstance(found, type) else found


def _factor(value: float, name: str) -> float:
    """The factor of a penalty, as a float."""
    if not isinstance(value, numbers.Real) or not math.isfinite(value) or value < 0:
        raise ValueError(f"Expected a finite {name} of at least 0, got {name}={value!r}.")
    return float(value)
