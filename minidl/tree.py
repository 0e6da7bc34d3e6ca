"""Functions of nested structures: lists, tuples, dicts and named tuples of anything.

As `jax.tree`, except that None is a leaf like any other, and that dicts stay in their order. Their leaves come in the
order of the keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax

from minidl.core import structures as in_order


class MAP_TO_NONE:  # noqa: N801, Keras's name
    """What a function of `traverse` returns for None, as None itself means: go on inside."""


def is_nested(structure: Any) -> bool:
    """Whether something is a structure, and no leaf.

    >>> is_nested([]), is_nested(None), is_nested("abc")
    (True, False, False)
    """
    treedef = _structure(structure)
    return not treedef.num_nodes == treedef.num_leaves == 1


def flatten(structure: Any) -> list[Any]:
    """The leaves.

    >>> flatten({"b": [1, (2, None)], "a": 3})
    [3, 1, 2, None]
    """
    return jax.tree.leaves(structure, is_leaf=_is_none)


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """(path, leaf) for each leaf; a path has the key or the index at each level.

    >>> flatten_with_path([{"a": 1, "b": [2]}])
    [((0, 'a'), 1), ((0, 'b', 0), 2)]
    """
    if not is_nested(structure):
        return [((), structure)]
    return [((key, *path), leaf) for key, part in _parts(structure) for path, leaf in flatten_with_path(part)]


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """The structure of what a function gives for the leaves of structures that are alike.

    Args:
        func: called with a leaf of each structure.
        *structures: one or more.
        none_is_leaf: False leaves each None as it is.

    Raises:
        ValueError: there is no structure, or they differ.

    >>> map_structure(lambda x, y: x + y, {"a": [1, 2]}, {"a": [10, 20]})
    {'a': [11, 22]}
    """
    if not structures:
        raise ValueError("map_structure: expected at least one structure after the function.")
    for other in structures[1:]:
        assert_same_structure(structures[0], other)
    return in_order.map(func, *structures, is_leaf=_is_none if none_is_leaf else None)


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """The shallow structure of what a function gives for the parts of structures that stand at its leaves.

    Raises:
        ValueError: there is no structure, or one is not as deep as the shallow one.

    >>> map_structure_up_to([None, None], sum, [[1, 2], [3, 4]])
    [3, 7]
    """
    if not structures:
        raise ValueError("map_structure_up_to: expected at least one structure after the function.")
    treedef = _structure(shallow_structure)
    parts = map(func, *(treedef.flatten_up_to(structure) for structure in structures))
    return in_order.like(shallow_structure, jax.tree.unflatten(treedef, parts), _is_none)


def pack_sequence_as(structure: Any, flat_sequence: Sequence[Any]) -> Any:
    """A structure like the given one with other leaves.

    Raises:
        TypeError: the leaves are not in a list or tuple.
        ValueError: there are too few or too many.

    >>> pack_sequence_as({"b": 0, "a": (0, 0)}, [1, 2, 3])
    {'b': 3, 'a': (1, 2)}
    """
    if not isinstance(flat_sequence, (list, tuple)):
        raise TypeError(f"pack_sequence_as: expected the leaves in a list, got a {type(flat_sequence).__name__}.")
    treedef = _structure(structure)
    if treedef.num_leaves != len(flat_sequence):
        raise ValueError(f"pack_sequence_as: got {len(flat_sequence)} leaves for a structure of {treedef.num_leaves}.")
    return in_order.like(structure, jax.tree.unflatten(treedef, flat_sequence), _is_none)


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Call a function on a structure and everything in it, and put what it gives in its place.

    Args:
        func: gives None to keep what it got, `MAP_TO_NONE` for None. What it gives is not looked into.
        structure: any.
        top_down: whether a structure comes before its parts.

    >>> traverse(lambda x: x * 10 if isinstance(x, int) else None, [1, {"a": 2}])
    [10, {'a': 20}]
    """
    given = func(structure) if top_down else None
    if given is None:
        if is_nested(structure):
            # Any part is a leaf here, so that this level alone is taken apart.
            level = jax.tree.structure(structure, is_leaf=lambda part: part is not structure)
            parts = [traverse(func, part, top_down) for _, part in _parts(structure)]
            structure = in_order.like(structure, jax.tree.unflatten(level, parts), lambda part: part is not structure)
        given = None if top_down else func(structure)
    return structure if given is None else None if given is MAP_TO_NONE else given


def lists_to_tuples(structure: Any) -> Any:
    """The structure with a tuple for each list.

    >>> lists_to_tuples([1, {"a": [2]}])
    (1, {'a': (2,)})
    """
    return traverse(lambda part: tuple(part) if isinstance(part, list) else None, structure, top_down=False)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """`map_structure` where lists and tuples of sizes are the leaves.

    >>> map_shape_structure(len, {"a": (None, 3), "b": [2]})
    {'a': 2, 'b': 1}
    """

    def is_shape(part: Any) -> bool:
        return isinstance(part, (list, tuple)) and all(size is None or isinstance(size, int) for size in part)

    return in_order.map(func, structure, is_leaf=lambda part: part is None or is_shape(part))


def assert_same_structure(a: Any, b: Any) -> None:
    """Refuse structures that differ in more than their leaves.

    Raises:
        ValueError: they do.
    """
    first, second = _structure(a), _structure(b)
    if first != second:
        raise ValueError(f"The two structures differ: {first} and {second}.")


def assert_same_paths(a: Any, b: Any) -> None:
    """Refuse structures whose leaves do not stand at the same paths.

    Raises:
        ValueError: they do not.

    >>> assert_same_paths([1, {"k": 2}], (3, {"k": 4}))
    """
    first, second = ({path for path, _ in flatten_with_path(structure)} for structure in (a, b))
    if first != second:
        raise ValueError(
            f"The paths of the leaves differ: {sorted(first - second, key=str)} only in a, "
            f"{sorted(second - first, key=str)} only in b."
        )


def _parts(structure: Any) -> list[tuple[Any, Any]]:
    """(key or index, part) of each part of one level."""
    parts = jax.tree.leaves_with_path(structure, is_leaf=lambda part: part is not structure)
    return [(getattr(entry, "key", index), part) for index, ((entry,), part) in enumerate(parts)]


def _structure(structure: Any) -> Any:
    return jax.tree.structure(structure, is_leaf=_is_none)


def _is_none(part: Any) -> bool:
    return part is None
