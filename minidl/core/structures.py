"""Structures: dicts of arrays, in the order in which they were written.

JAX sorts the keys of a dict wherever it maps over one or takes one through `jax.jit`. A layer that reads
`list(inputs.values())` would see other columns than the caller wrote. `map` keeps the order; `ordered` makes dicts that
keep it through `jax.jit`, and `plain` makes ordinary ones of them again. The leaves come in JAX's order, always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax


@jax.tree_util.register_pytree_with_keys_class
class Ordered(dict):  # type: ignore[type-arg]
    """A dict whose order is part of its structure.

    >>> list(jax.tree.map(abs, {"b": 1, "a": 2})), list(jax.tree.map(abs, Ordered(b=1, a=2)))
    (['a', 'b'], ['b', 'a'])
    """

    def tree_flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        """The values sorted by key, as those of a dict, and the keys as they are."""
        return [(jax.tree_util.DictKey(key), self[key]) for key in sorted(self)], tuple(self)

    @classmethod
    def tree_unflatten(cls, keys: tuple[Any, ...], values: Iterable[Any]) -> Ordered:
        """The dict of these values."""
        found = dict(zip(sorted(keys), values))
        return cls((key, found[key]) for key in keys)


def ordered(tree: Any) -> Any:
    """A structure with `Ordered` in the place of each dict."""
    return _with_dicts(Ordered, tree)


def plain(tree: Any) -> Any:
    """A structure with an ordinary dict in the place of each `Ordered`."""
    return _with_dicts(dict, tree)


def map(function: Callable[..., Any], tree: Any, *rest: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """`jax.tree.map`, with dicts in the order that they have in the first structure.

    >>> map(abs, {"b": -1, "a": -2})
    {'b': 1, 'a': 2}
    """
    given = [plain(structure) for structure in (tree, *rest)] if rest else [tree]
    return like(tree, jax.tree.map(function, *given, is_leaf=is_leaf), is_leaf)


def like(tree: Any, result: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """A structure with its dicts in the order of those of another one."""
    if is_leaf is not None and is_leaf(tree):
        return result
    if type(tree) in (dict, Ordered):
        return {key: like(value, result[key], is_leaf) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)([like(part, other, is_leaf) for part, other in zip(tree, result)])
    if _is_named_tuple(tree):
        return type(tree)(*(like(part, other, is_leaf) for part, other in zip(tree, result)))
    return result


def _with_dicts(kind: type, tree: Any) -> Any:
    if type(tree) in (dict, Ordered):
        return kind((key, _with_dicts(kind, value)) for key, value in tree.items())
    if type(tree) in (list, tuple):
        return type(tree)([_with_dicts(kind, part) for part in tree])
    if _is_named_tuple(tree):
        return type(tree)(*(_with_dicts(kind, part) for part in tree))
    return tree


def _is_named_tuple(tree: Any) -> bool:
    return isinstance(tree, tuple) and hasattr(tree, "_fields")
