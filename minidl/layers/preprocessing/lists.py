"""ListLayer: the base of preprocessing layers that take lists of numbers as well as arrays."""

from __future__ import annotations

from typing import Any

import jax

from minidl.layers.base import Layer
from minidl.ops.core import convert_to_tensor


class ListLayer(Layer):
    """A layer that can be called on nested lists of numbers."""

    floats_in_graph = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves = jax.tree.leaves(args[:1])
        if leaves and all(isinstance(leaf, (bool, int, float)) for leaf in leaves):
            args = (convert_to_tensor(args[0]), *args[1:])
        return super().__call__(*args, **kwargs)
