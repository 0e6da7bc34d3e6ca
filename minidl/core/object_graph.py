"""The graph of objects that a model is: every walk over layers, metrics, variables and the containers that hold them.

Nothing is registered when an attribute is set: what is there when it is asked for is what an object owns, so a list
that grew or an attribute that changed is never out of date. `Watch` tells quickly whether anything was set at all.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

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


class Place(NamedTuple):
    """Where objects are kept."""

    owner: Any  # the object whose attributes these are; None for a list, tuple or dict
    container: Any  # the dict of the attributes; or the list, tuple or dict

    def items(self) -> Iterable[tuple[Any, Any]]:
        """(name or index, object)."""
        return self.container.items() if isinstance(self.container, dict) else enumerate(self.container)


def places(roots: Iterable[Any], kinds: tuple[type, ...]) -> list[Place]:
    """The attributes of some objects, and the lists, tuples and dicts in them, each once, and so on for what they hold.

    Args:
        roots: the objects to start from.
        kinds: of which classes an object has to be for its attributes to be looked into.
    """
    found: list[Place] = []
    seen: dict[int, Any] = {}
    waiting = list(roots)
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value  # kept, so that no other object gets its id
        if isinstance(value, (list, tuple, dict)):
            found.append(Place(None, value))
            items = value.values() if isinstance(value, dict) else value
        else:
            found.append(Place(value, vars(value)))
            seen[id(vars(value).get("_init_arguments"))] = None  # what an object was made with is not part of it
            items = vars(value).values()
        waiting += [item for item in items if type(item) not in PLAIN and _leads_on(type(item), kinds)]  # type: ignore
    return found


@functools.cache
def _leads_on(cls: type, kinds: tuple[type, ...]) -> bool:
    return issubclass(cls, (*kinds, list, tuple, dict))


class Watch:
    """Whether anything was set since a walk: a thirtieth of the time of another one.

    Args:
        found: the places that the walk came to. They are kept, so that nothing new can be mistaken for them.
        variables: those whose `trainable` counts, too.
    """

    def __init__(self, found: Iterable[Place], variables: Iterable[Any] = ()):
        found = [place for place in found if not isinstance(place.container, tuple)]  # tuples do not change
        self._dicts = [place.container for place in found if isinstance(place.container, dict)]
        self._lists = [place.container for place in found if not isinstance(place.container, dict)]
        self._owners = [place.owner for place in found]
        self._variables = list(variables)
        self._sizes = [*map(len, self._dicts), *map(len, self._lists)]
        self._held = [*self._now()]

    def is_unchanged(self) -> bool:
        """Whether every attribute, list and dict holds the same objects, of the same classes and as frozen."""
        sizes = [*map(len, self._dicts), *map(len, self._lists)]
        return sizes == self._sizes and all(map(operator.is_, self._now(), self._held))

    def _now(self) -> Iterator[Any]:
        kept = map(dict.values, self._dicts), self._lists, (map(type, self._owners), map(_trainable, self._variables))
        return itertools.chain.from_iterable(itertools.chain.from_iterable(kept))


_trainable = operator.attrgetter("trainable")


def walk(root: Any, parts_of: Callable[[Any], Iterable[tuple[str, Any]]], skipped: Iterable[Any] = ()) -> Iterator[Any]:
    """The paths of objects and the objects, the root's first, which is ""; each once, where it comes first.

    Args:
        root: where to start.
        parts_of: an object -> its parts and their names.
        skipped: what to leave out, with all that is inside.
    """
    seen = {id(value): value for value in skipped}
    waiting: list[tuple[str, Any]] = [("", root)]
    while waiting:
        path, value = waiting.pop()
        if id(value) not in seen:
            seen[id(value)] = value
            yield path, value
            inside = [(f"{path}/{name}" if path else name, part) for name, part in parts_of(value)]
            waiting += reversed(inside)


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
