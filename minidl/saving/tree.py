"""Paths of weights in files: the tree of a model's layers and its optimizer, with the names of Keras's files.

An object is named after its attribute; items of lists and dicts are named after their class, with a number from the
second item of a class on. So names do not depend on how many models were created before, and a file can be loaded into
any model of the same structure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from minidl.core.naming import snake_case
from minidl.core.object_graph import walk
from minidl.layers.module import Module
from minidl.optimizers.state import OptimizerState

Owner = Module | OptimizerState


def owners(root: Owner, skipped: Sequence[Any] = ()) -> Iterator[tuple[str, Owner]]:
    """(path in the file, object with variables): the path of the root is "", each object appears once.

    Args:
        root: a model, or any layer.
        skipped: objects to exclude, with everything they contain.

    >>> from minidl import Sequential, layers
    >>> model = Sequential([layers.Input((2,)), layers.Dense(2), layers.Dense(1)])
    >>> [path for path, _ in owners(model)]
    ['', 'layers/dense', 'layers/dense_1']
    """
    for path, value in walk(root, _parts, skipped):
        if isinstance(value, (Module, OptimizerState)):
            yield path, value


def _parts(value: Any) -> Iterable[tuple[str, Any]]:
    """What an owner or a container has inside that may be saved, by name."""
    found = value.saved_parts() if isinstance(value, (Module, OptimizerState)) else _items(value)
    return [(name, part) for name, part in found if isinstance(part, (Module, OptimizerState, list, tuple, dict))]


def _items(container: Any) -> Iterator[tuple[str, Any]]:
    """The items of a list or dict, named after their classes."""
    used: dict[str, int] = {}
    for item in container.values() if isinstance(container, dict) else container:
        if isinstance(item, (Module, OptimizerState, list, tuple, dict)):
            name = _class_name(item)
            used[name] = used.get(name, -1) + 1
            yield (f"{name}_{used[name]}" if used[name] else name), item


def _class_name(item: Any) -> str:
    if isinstance(item, (list, tuple, dict)):
        return "container"
    serialized_as = getattr(item, "serialized_as", None)
    return snake_case(serialized_as[1] if serialized_as else type(item).__name__)
