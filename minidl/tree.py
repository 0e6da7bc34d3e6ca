"""Functions of nested structures (pytrees): lists, tuples, dicts and named tuples.

As `jax.tree`, except that None is a leaf, and that results keep the order of dicts. Leaves are ordered by sorted keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax

from minidl.core import structures as in_order
from minidl.core.typing import PyTree


class MAP_TO_NONE:  # noqa: N801, Keras's name
    """Returned by a function of `traverse` in place of None, which means: traverse the parts."""


def is_nested(structure: PyTree) -> bool:
    """Whether the argument is a structure, not a leaf.

    >>> is_nested([]), is_nested(None), is_nested("abc")
    (True, False, False)
    """
    treedef = _structure(structure)
    return not treedef.num_nodes == treedef.num_leaves == 1


def flatten(structure: PyTree) -> list[Any]:
    """The list of leaves.

    >>> flatten({"b": [1, (2, None)], "a": 3})
    [3, 1, 2, None]
    """
    return jax.tree.leaves(structure, is_leaf=_is_none)


def flatten_with_path(structure: PyTree) -> list[tuple[tuple[Any, ...], Any]]:
    """(path, leaf) for each leaf; a path has the key or the index at each level.

    >>> flatten_with_path([{"a": 1, "b": [2]}])
    [((0, 'a'), 1), ((0, 'b', 0), 2)]
    """
    if not is_nested(structure):
        return [((), structure)]
    return [((key, *path), leaf) for key, part in _parts(structure) for path, leaf in flatten_with_path(part)]


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> PyTree:
    """Apply a function to the corresponding leaves of structures; returns its results in the same structure.

    Args:
        func: called with a leaf of each structure.
        *structures: one or more.
        none_is_leaf: False leaves each None as it is.

    Raises:
        ValueError: no structure is given, or the structures differ.

    >>> map_structure(lambda x, y: x + y, {"a": [1, 2]}, {"a": [10, 20]})
    {'a': [11, 22]}
    """
    if not structures:
        raise ValueError("map_structure: expected at least one structure after the function.")
    for other in structures[1:]:
        assert_same_structure(structures[0], other)
    return in_order.map(func, *structures, is_leaf=_is_none if none_is_leaf else None)


def map_structure_up_to(shallow_structure: PyTree, func: Callable[..., Any], *structures: Any) -> PyTree:
    """Apply a function to the parts of structures at the leaves of a shallow structure.

    Raises:
        ValueError: no structure is given, or one is less deep than the shallow one.

    >>> map_structure_up_to([None, None], sum, [[1, 2], [3, 4]])
    [3, 7]
    """
    if not structures:
        raise ValueError("map_structure_up_to: expected at least one structure after the function.")
    treedef = _structure(shallow_structure)
    parts = map(func, *(treedef.flatten_up_to(structure) for structure in structures))
    return in_order.like(shallow_structure, jax.tree.unflatten(treedef, parts), _is_none)


def pack_sequence_as(structure: PyTree, flat_sequence: Sequence[Any]) -> PyTree:
    """Unflatten: a structure like the given one, with other leaves.

    Raises:
        TypeError: the leaves are not a list or tuple.
        ValueError: the number of leaves is wrong.

    >>> pack_sequence_as({"b": 0, "a": (0, 0)}, [1, 2, 3])
    {'b': 3, 'a': (1, 2)}
    """
    if not isinstance(flat_sequence, (list, tuple)):
        raise TypeError(f"pack_sequence_as: expected the leaves in a list, got a {type(flat_sequence).__name__}.")
    treedef = _structure(structure)
    if treedef.num_leaves != len(flat_sequence):
        raise ValueError(f"pack_sequence_as: got {len(flat_sequence)} leaves for a structure of {treedef.num_leaves}.")
    return in_order.like(structure, jax.tree.unflatten(treedef, flat_sequence), _is_none)


def traverse(func: Callable[[Any], Any], structure: PyTree, top_down: bool = True) -> PyTree:
    """Apply a function to a structure and, recursively, to its parts, replacing each by the result.

    Args:
        func: returns None to keep its argument, `MAP_TO_NONE` to replace it by None. Results are not traversed.
        structure: any structure.
        top_down: whether a structure is visited before its parts.

    >>> traverse(lambda x: x * 10 if isinstance(x, int) else None, [1, {"a": 2}])
    [10, {'a': 20}]
    """
    given = func(structure) if top_down else None
    if given is None:
        if is_nested(structure):
            # Parts are leaves here, so that only this level is flattened.
            level = jax.tree.structure(structure, is_leaf=lambda part: part is not structure)
            parts = [traverse(func, part, top_down) for _, part in _parts(structure)]
            structure = in_order.like(structure, jax.tree.unflatten(level, parts), lambda part: part is not structure)
        given = None if top_down else func(structure)
    return structure if given is None else None if given is MAP_TO_NONE else given


def lists_to_tuples(structure: PyTree) -> PyTree:
    """The structure with lists replaced by tuples.

    >>> lists_to_tuples([1, {"a": [2]}])
    (1, {'a': (2,)})
    """
    return traverse(lambda part: tuple(part) if isinstance(part, list) else None, structure, top_down=False)


def map_shape_structure(func: Callable[[Any], Any], structure: PyTree) -> PyTree:
    """`map_structure` where shapes (lists and tuples of sizes) are leaves.

    >>> map_shape_structure(len, {"a": (None, 3), "b": [2]})
    {'a': 2, 'b': 1}
    """

    def is_shape(part: Any) -> bool:
        return isinstance(part, (list, tuple)) and all(size is None or isinstance(size, int) for size in part)

    return in_order.map(func, structure, is_leaf=lambda part: part is None or is_shape(part))


def assert_same_structure(a: PyTree, b: PyTree) -> None:
    """Raise an error if structures differ in more than their leaves.

    Raises:
        ValueError: the structures differ.
    """
    first, second = _structure(a), _structure(b)
    if first != second:
        raise ValueError(f"The two structures differ: {first} and {second}.")


def assert_same_paths(a: PyTree, b: PyTree) -> None:
    """Raise an error if the leaves of structures have different paths.

    Raises:
        ValueError: the paths differ.

    >>> assert_same_paths([1, {"k": 2}], (3, {"k": 4}))
    """
    first, second = ({path for path, _ in flatten_with_path(structure)} for structure in (a, b))
    if first != second:
        raise ValueError(
            f"The paths of the leaves differ: {sorted(first - second, key=str)} only in a, "
            f"{sorted(second - first, key=str)} only in b."
        )


def _parts(structure: PyTree) -> list[tuple[Any, Any]]:
    """(key or index, part) for the parts of the top level."""
    parts = jax.tree.leaves_with_path(structure, is_leaf=lambda part: part is not structure)
    return [(getattr(entry, "key", index), part) for index, ((entry,), part) in enumerate(parts)]


def _structure(structure: PyTree) -> Any:
    return jax.tree.structure(structure, is_leaf=_is_none)


def _is_none(part: Any) -> bool:
    return part is None
