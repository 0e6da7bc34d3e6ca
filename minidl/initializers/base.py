"""Initializer: a serializable function of a shape and a dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core import dtypes
from minidl.core.arguments import CheckedArguments
from minidl.core.typing import ArrayLike, DType


class Initializer(CheckedArguments):
    """Base class: a serializable function `(shape, dtype) -> array`.

    Override `__call__`, and `get_config` if there are arguments.

    Example:
    >>> class Sevens(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return jnp.full(shape, 7, dtype)
    >>> print(Sevens()((2,), dtype="int32"))
    [7 7]
    """

    def __call__(self, shape: Sequence[int], dtype: DType | None = None) -> jax.Array:
        """An array of the shape and dtype (default `floatx()`)."""
        raise NotImplementedError(
            f"{type(self).__name__} is an initializer without __call__(self, shape, dtype=None). Write one."
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """The initializer of a config made by `get_config`."""
        return cls(**config)

    def clone(self) -> Initializer:
        """A copy with the same arguments, and a new seed if none was given."""
        return type(self).from_config(self.get_config())


def on_device(values: ArrayLike, dtype: DType | None) -> jax.Array:
    """A copy as a device array of the dtype. `jnp.asarray` would compile a program for each shape."""
    return jax.device_put(np.array(values, jnp.dtype(dtypes.canonical(dtype))))
