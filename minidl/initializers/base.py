"""Initializer: a function of a shape and a dtype that can be saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core import dtypes


class Initializer:
    """Base class: a function `(shape, dtype) -> array` that can be saved.

    Override `__call__`, and `get_config` if there are arguments.

    Example:
    >>> class Sevens(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return jnp.full(shape, 7, dtype)
    >>> print(Sevens()((2,), dtype="int32"))
    [7 7]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        """An array of the shape and dtype (default `floatx()`)."""
        raise NotImplementedError(f"{type(self).__name__} needs a __call__(shape, dtype=None) that returns an array.")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same initializer again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """The initializer that `get_config` described."""
        return cls(**config)

    def clone(self) -> Initializer:
        """Another one with the same arguments; where no seed was given, it takes a new one."""
        return type(self).from_config(self.get_config())


def on_device(values: Any, dtype: Any) -> jax.Array:
    """A copy as a device array of the dtype. `jnp.asarray` would compile a program for each shape."""
    return jax.device_put(np.array(values, jnp.dtype(dtypes.canonical(dtype))))
