"""Which weights stand where in a file: the tree of a model's layers and its optimizer, as Keras's files name it.

A part is named after the attribute that holds it; parts in lists and dicts after their class, with a number from the
second of a class on. So names do not depend on how many models were made before, and a file fits any model made in
the same way.
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
    """The paths in the file, "" for the root, and what has variables there; each object once, where it comes first.

    Args:
        root: a model, or any layer.
        skipped: what to leave out, with all that is inside.

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
    """The parts in a list or dict, named after their classes."""
    used: dict[str, int] = {}
    for item in container.values() if isinstance(container, dict) else container:
        if isinstance(item, (Module, OptimizerState, list, tuple, dict)):
            name = _class_name(item)
            used[name] = used.get(name, -1) + 1
            yield (f"{name}_{used[name]}" if used[name] else name), item


def _class_name(item: Any) -> str:
    if isinstance(item, (list, tuple, dict)):
        return "container"
    written = getattr(item, "serialized_as", None)
    return snake_case(written[1] if written else type(item).__name__)
