"""The types that signatures name.

Where an `ArrayLike` is taken, so are a `Variable` and, in most functions, a symbolic tensor and a list of numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.typing
import numpy as np

Array: TypeAlias = jax.Array
ArrayLike: TypeAlias = jax.typing.ArrayLike  # arrays of JAX and NumPy, numbers
Shape: TypeAlias = tuple[int | None, ...]  # None for a size that is not known
DType: TypeAlias = str | type | np.dtype  # "float32", jnp.float32, np.dtype("float32")
PyTree: TypeAlias = Any  # an array, or lists, tuples and dicts of arrays
Config: TypeAlias = dict[str, Any]  # plain data that `from_config` makes an object of
Identifier: TypeAlias = str | Config | Callable[..., Any] | None  # a name, a config, a class, a function or an object


def any_signature(method: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a method that subclasses override with arguments of their own, for type checkers."""
    return method
