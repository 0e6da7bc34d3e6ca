"""Pytrees whose dicts keep their insertion order.

JAX sorts the keys of dicts in `jax.tree.map` and through `jax.jit`, so that a layer that reads `list(inputs.values())`
would get its columns in another order. `map` keeps the order; `ordered` converts dicts to a class that keeps it through
`jax.jit`, `plain` converts them back. The order of leaves is always JAX's, by sorted keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np

from minidl.core.typing import PyTree


@jax.tree_util.register_pytree_with_keys_class
class Ordered(dict):  # type: ignore[type-arg]
    """A dict whose insertion order is part of its tree structure.

    >>> list(jax.tree.map(abs, {"b": 1, "a": 2})), list(jax.tree.map(abs, Ordered(b=1, a=2)))
    (['a', 'b'], ['b', 'a'])
    """

    def tree_flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        """The values sorted by key, as for a dict; the unsorted keys are the metadata."""
        return [(jax.tree_util.DictKey(key), self[key]) for key in sorted(self)], tuple(self)

    @classmethod
    def tree_unflatten(cls, keys: tuple[Any, ...], values: Iterable[Any]) -> Ordered:
        """The dict of these values, in the order of the keys."""
        found = dict(zip(sorted(keys), values))
        return cls((key, found[key]) for key in keys)


def ordered(tree: PyTree) -> PyTree:
    """The structure with each dict replaced by an `Ordered`."""
    return _with_dicts(Ordered, tree)


def plain(tree: PyTree) -> PyTree:
    """The structure with each `Ordered` replaced by a dict."""
    return _with_dicts(dict, tree)


def map(function: Callable[..., Any], tree: PyTree, *rest: Any, is_leaf: Callable[[Any], bool] | None = None) -> PyTree:
    """`jax.tree.map`, with dicts in their order in the first structure.

    >>> map(abs, {"b": -1, "a": -2})
    {'b': 1, 'a': 2}
    """
    if not rest and isinstance(tree, (jax.Array, np.ndarray)):
        return function(tree)  # the usual case
    given = [plain(structure) for structure in (tree, *rest)] if rest else [tree]
    return like(tree, jax.tree.map(function, *given, is_leaf=is_leaf), is_leaf)


def like(tree: PyTree, result: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> PyTree:
    """A structure with its dicts in the order of those of `tree`."""
    if is_leaf is not None and is_leaf(tree):
        return result
    if type(tree) in (dict, Ordered):
        return {key: like(value, result[key], is_leaf) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)([like(part, other, is_leaf) for part, other in zip(tree, result)])
    if _is_named_tuple(tree):
        return type(tree)(*(like(part, other, is_leaf) for part, other in zip(tree, result)))
    return result


def _with_dicts(kind: type, tree: PyTree) -> PyTree:
    if type(tree) in (dict, Ordered):
        return kind((key, _with_dicts(kind, value)) for key, value in tree.items())
    if type(tree) in (list, tuple):
        return type(tree)([_with_dicts(kind, part) for part in tree])
    if _is_named_tuple(tree):
        return type(tree)(*(_with_dicts(kind, part) for part in tree))
    return tree


def _is_named_tuple(tree: PyTree) -> bool:
    return isinstance(tree, tuple) and hasattr(tree, "_fields")
