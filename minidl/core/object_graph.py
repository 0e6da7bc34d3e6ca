"""Finding what an object owns: the variables, layers or metrics kept in its attributes, lists and dicts.

Nothing is registered when an attribute is set: what is there when it is asked for is what the
object owns, so a list that grew or an attribute that changed is never out of date.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from minidl.core.naming import is_own

PLAIN = frozenset({bool, int, float, str, type(None)})


def children(owner: Any, kind: type) -> list[Any]:
    """The objects of a kind kept directly in an object's attributes, each once, in order.

    Lists, tuples and dicts are looked into; other objects are not. Attributes whose name begins with
    "_init_" are left out: they hold constructor arguments.
    """
    found: dict[int, Any] = {}
    for name, value in vars(owner).items():
        if type(value) not in PLAIN and not name.startswith("_init_"):
            _collect(value, kind, found, [])
    return list(found.values())


def parts(
    owner: Any,
    hidden: Iterable[str] = (),
    renamed: Mapping[str, str] | None = None,
    properties: Iterable[str] = (),
) -> list[tuple[str, Any]]:
    """The attributes of an object that may keep parts of it, by name, private ones last.

    Properties of a user's class count too, as they do when Keras saves a model.

    Args:
        owner: the object.
        hidden: names to leave out.
        renamed: attribute -> the name to give it instead.
        properties: properties that count although their class is minidl's own.
    """
    found = {name for name in vars(owner) if not name.startswith("_init_")}.union(properties)
    for cls in type(owner).__mro__:
        if not is_own(cls):
            found |= {name for name, value in vars(cls).items() if isinstance(value, property)}
    names = {(renamed or {}).get(name, name): name for name in found.difference(hidden)}
    values = []
    for name in sorted(names, key=lambda name: f"~{name}" if name.startswith("_") else name):
        with contextlib.suppress(Exception):  # a property that cannot be read now keeps nothing
            values.append((name, getattr(owner, names[name])))
    return values


def unique(items: Iterable[Any]) -> list[Any]:
    """The items without repetitions (of the same object), in order."""
    return list({id(item): item for item in items}.values())


def without(items: Iterable[Any], removed: Iterable[Any]) -> list[Any]:
    """The items that are not among the removed ones (the same objects), in order."""
    ids = {id(item) for item in removed}
    return [item for item in items if id(item) not in ids]


def _collect(value: Any, kind: type, found: dict[int, Any], around: list[Any]) -> None:
    if isinstance(value, kind):
        found[id(value)] = value
    elif isinstance(value, (list, tuple, dict)) and not any(value is container for container in around):
        around = [*around, value]  # a container may hold itself
        for item in value.values() if isinstance(value, dict) else value:
            if type(item) not in PLAIN:
                _collect(item, kind, found, around)
