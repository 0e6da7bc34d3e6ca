"""Numbers in lists: what the layers of raw input take besides arrays."""

from __future__ import annotations

from typing import Any

import jax

from minidl.layers.base import Layer
from minidl.ops.core import convert_to_tensor


class ListLayer(Layer):
    """A layer that can be called on numbers in nested lists, as they come from tables and files."""

    floats_in_graph = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves = jax.tree.leaves(args[:1])
        if leaves and all(isinstance(leaf, (bool, int, float)) for leaf in leaves):
            args = (convert_to_tensor(args[0]), *args[1:])
        return super().__call__(*args, **kwargs)
