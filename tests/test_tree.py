"""Nested structures: every function as in keras.tree, where keras is installed, and what is refused."""

import collections
import pprint

import numpy as np
import pytest

from minidl import tree

Point = collections.namedtuple("Point", ["x", "y"])

STRUCTURES = {
    "leaf": 1,
    "none": None,
    "empty": [],
    "list": [1, [2, 3], []],
    "dict": {"b": (1, None), "a": {"z": 2}},
    "named": Point(1, [2, None]),
    "ordered": collections.OrderedDict([("b", 1), ("a", [2])]),
    "numbers": {100: "world", 6: "hello"},
    "array": [np.ones(2), "text"],
}
CALLS = {
    "is_nested": lambda tree, s: tree.is_nested(s),
    "flatten": lambda tree, s: tree.flatten(s),
    "flatten_with_path": lambda tree, s: tree.flatten_with_path(s),
    "map": lambda tree, s: tree.map_structure(lambda leaf: (leaf, "seen"), s),
    "map two": lambda tree, s: tree.map_structure(lambda a, b: [a, b], s, s),
    "map without none": lambda tree, s: tree.map_structure(lambda leaf: [leaf], s, none_is_leaf=False),
    "pack": lambda tree, s: tree.pack_sequence_as(s, list(range(len(tree.flatten(s))))),
    "up to": lambda tree, s: tree.map_structure_up_to(no_none(tree, s), lambda part: [part], s),
    "tuples": lambda tree, s: tree.lists_to_tuples(s),
    "top down": lambda tree, s: seen(tree, s, True),
    "bottom up": lambda tree, s: seen(tree, s, False),
    "to none": lambda tree, s: tree.traverse(lambda part: tree.MAP_TO_NONE if part == 1 else None, s),
    "same": lambda tree, s: (tree.assert_same_structure(s, s), tree.assert_same_paths(s, s)),
    "shapes": lambda tree, s: tree.map_shape_structure(repr, s),
}


def no_none(tree, structure):
    """Keras refuses a None in the shallow structure, though its documentation has one."""
    return tree.map_structure(lambda leaf: 0, structure)


def seen(tree, structure, top_down):
    found = []
    return tree.traverse(lambda part: found.append(part), structure, top_down), found


@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_as_in_keras(call, structure):
    keras = pytest.importorskip("keras")
    if call is CALLS["to none"] and structure is STRUCTURES["array"]:
        structure = [1, "text"]
    got, want = call(tree, structure), call(keras.tree, structure)
    assert pprint.pformat(got) == pprint.pformat(want), "dicts in the order of their keys"


OTHER = {
    "kind": ([1, 2], (1, 2)),
    "depth": ([1, 2], [1, [2]]),
    "length": ([1, 2], [1, 2, 3]),
    "keys": ({"a": 1}, {"b": 1}),
}


@pytest.mark.parametrize(("a", "b"), OTHER.values(), ids=OTHER)
def test_structures_that_differ_are_refused(a, b):
    for first, second in ((a, b), (b, a)):
        with pytest.raises(ValueError, match="The two structures differ"):
            tree.map_structure(lambda x, y: x, first, second)
        with pytest.raises(ValueError, match="The two structures differ"):
            tree.assert_same_structure(first, second)


def test_paths_that_differ_are_named():
    tree.assert_same_paths([1, 2], (1, 2))
    with pytest.raises(ValueError, match=r"\[\('a',\)\] only in a, \[\('b',\)\] only in b"):
        tree.assert_same_paths({"a": 1}, {"b": 1})


def test_nothing_to_map_and_leaves_that_do_not_fit():
    with pytest.raises(ValueError, match="expected at least one structure"):
        tree.map_structure(len)
    with pytest.raises(ValueError, match="expected at least one structure"):
        tree.map_structure_up_to([None], len)
    with pytest.raises(ValueError, match="got 1 leaves for a structure of 2"):
        tree.pack_sequence_as([0, 0], [1])
    with pytest.raises(TypeError, match="expected the leaves in a list, got a int"):
        tree.pack_sequence_as([0, 0], 1)


def test_a_part_stays_whole_at_a_leaf_of_the_shallow_structure():
    assert tree.map_structure_up_to([None, [None]], str, [[1, 1], [[2]]]) == ["[1, 1]", ["[2]"]]
    with pytest.raises(ValueError):
        tree.map_structure_up_to([[None]], str, [1])
