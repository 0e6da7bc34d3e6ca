"""The object graph of a model: all traversals of layers, metrics, variables and the containers that hold them.

Nothing is registered when an attribute is set; a traversal reads the current attributes, so it is never out of date
after a list or an attribute has changed. `Watch` detects quickly whether anything has changed.
"""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from minidl.core.naming import is_own

PLAIN = frozenset({bool, int, float, str, type(None)})


def children(owner: Any, kind: type, hidden: Container[str] = ()) -> list[Any]:
    """The objects of a kind in an object's attributes, each once, in order.

    Lists, tuples and dicts are traversed, other objects are not. Attributes whose name begins with "_init_" are
    skipped: they hold constructor arguments. So are those of the hidden names.
    """
    found: dict[int, Any] = {}
    for name, value in vars(owner).items():
        if type(value) not in PLAIN and not name.startswith("_init_") and name not in hidden:
            _collect(value, kind, found, [])
    return list(found.values())


def parts(
    owner: Any,
    hidden: Iterable[str] = (),
    renamed: Mapping[str, str] | None = None,
    properties: Iterable[str] = (),
) -> list[tuple[str, Any]]:
    """The attributes of an object that may hold its parts, by name, private ones last.

    Properties of a user's class are included, as in Keras's files.

    Args:
        owner: the object.
        hidden: names to skip.
        renamed: attribute -> the name used instead.
        properties: properties of minidl's own classes to include.
    """
    found = {name for name in vars(owner) if not name.startswith("_init_")}.union(properties)
    for cls in type(owner).__mro__:
        if not is_own(cls):
            found |= {name for name, value in vars(cls).items() if isinstance(value, property)}
    names = {(renamed or {}).get(name, name): name for name in found.difference(hidden)}
    values = []
    for name in sorted(names, key=lambda name: f"~{name}" if name.startswith("_") else name):
        with contextlib.suppress(Exception):  # skip properties that cannot be read
            values.append((name, getattr(owner, names[name])))
    return values


class Place(NamedTuple):
    """A container of objects: the attributes of an object, or a list, tuple or dict.

    Containers are copied where they are traversed, since other threads may add to them meanwhile.
    """

    owner: Any  # the object with these attributes; None for a list, tuple or dict
    container: Any  # the dict of the attributes; or the list, tuple or dict

    def items(self) -> Iterable[tuple[Any, Any]]:
        """(name or index, object)."""
        return list(self.container.items() if isinstance(self.container, dict) else enumerate(self.container))


def places(roots: Iterable[Any], kinds: tuple[type, ...]) -> list[Place]:
    """The attributes of objects, and the lists, tuples and dicts in them, each once, recursively.

    Args:
        roots: the objects to start from.
        kinds: the classes of objects whose attributes are traversed.
    """
    found: list[Place] = []
    seen: dict[int, Any] = {}
    waiting = list(roots)
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value  # a reference, so that its id is not reused
        if isinstance(value, (list, tuple, dict)):
            found.append(Place(None, value))
            items = list(value.values() if isinstance(value, dict) else value)
        else:
            found.append(Place(value, vars(value)))
            for name in ("_init_arguments", "_build_shapes"):
                seen[id(vars(value).get(name))] = None  # what it was made and built for is not a part
            items = list(vars(value).values())
        waiting += [item for item in items if type(item) not in PLAIN and _leads_on(type(item), kinds)]  # type: ignore
    return found


@functools.cache
def _leads_on(cls: type, kinds: tuple[type, ...]) -> bool:
    return issubclass(cls, (*kinds, list, tuple, dict))


class Stamped:
    """A base of classes whose objects are watched: where one of their attributes is set, a stamp changes.

    There is one stamp for all objects, so it may change for another one. It does not where a program replaces a value
    in the dict of attributes itself.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        is_same = vars(self).get(name, _stamp) is value
        super().__setattr__(name, value)
        if not is_same:
            _changed()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        _changed()


def stamped(name: str, doc: str) -> Any:
    """A property that is kept in the attribute of this name; where it is set, the stamp changes."""

    def set_to(owner: Any, value: Any) -> None:
        setattr(owner, name, value)
        _changed()

    return property(operator.attrgetter(name), set_to, doc=doc)


_stamp = [object()]


def _changed() -> None:
    """Change the stamp, after what is watched has changed, so that no other thread takes the stamp without it."""
    _stamp[0] = object()


class Watch:
    """Detects changes since a traversal: from the stamp and the lists, or else in a thirtieth of the time of another.

    Args:
        found: the places of the traversal; references are kept, so that ids are not reused.
        variables: variables whose `trainable` is compared too.
    """

    def __init__(self, found: Iterable[Place], variables: Iterable[Any] = ()):
        found = [place for place in found if not isinstance(place.container, tuple)]  # tuples are immutable
        self._stamped = [place for place in found if isinstance(place.owner, Stamped)]
        others = [place for place in found if not isinstance(place.owner, Stamped)]
        self._owners = [place.owner for place in others if place.owner is not None]
        self._variables = list(variables)
        self._dicts = [place.container for place in others if isinstance(place.container, dict)]
        self._lists = [place.container for place in others if not isinstance(place.container, dict)]
        self._containers = [place.container for place in [*self._stamped, *others]]
        self._stamp = _stamp[0]
        self._sizes = list(map(len, self._containers))
        self._held = self._now()
        self._attributes = self._now_in_stamped()

    def is_unchanged(self) -> bool:
        """Whether all containers hold the same objects, with the same classes and `trainable`."""
        if list(map(len, self._containers)) != self._sizes:
            return False
        if self._held and not _are_same(self._now(), self._held):
            return False
        if self._stamp is not (stamp := _stamp[0]):
            if not _are_same(self._now_in_stamped(), self._attributes):
                return False
            self._stamp = stamp
        return True

    def _now(self) -> list[Any]:
        """What may change without a stamp; besides it the size of `vars(layer)`, to which a program may add."""
        values = chain.from_iterable(map(dict.values, self._dicts))
        return [*chain.from_iterable(self._lists), *values, *map(type, self._owners)]

    def _now_in_stamped(self) -> list[Any]:
        values = chain.from_iterable(map(dict.values, (attributes for _, attributes in self._stamped)))
        return [*values, *(type(owner) for owner, _ in self._stamped), *map(_trainable, self._variables)]


def _are_same(items: list[Any], others: list[Any]) -> bool:
    return len(items) == len(others) and all(map(operator.is_, items, others))


_trainable = operator.attrgetter("trainable")


def walk(root: Any, parts_of: Callable[[Any], Iterable[tuple[str, Any]]], skipped: Iterable[Any] = ()) -> Iterator[Any]:
    """(path, object) in depth-first order, starting with the root, whose path is ""; each object once.

    Args:
        root: the object to start from.
        parts_of: an object -> its parts and their names.
        skipped: objects to skip, with all their parts.
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
    """The items without duplicates (by identity), in order."""
    return list({id(item): item for item in items}.values())


def without(items: Iterable[Any], removed: Iterable[Any]) -> list[Any]:
    """The items without the removed ones (by identity), in order."""
    ids = {id(item) for item in removed}
    return [item for item in items if id(item) not in ids]


def _collect(value: Any, kind: type, found: dict[int, Any], around: list[Any]) -> None:
    if isinstance(value, kind):
        found[id(value)] = value
    elif isinstance(value, (list, tuple, dict)) and not any(value is container for container in around):
        around = [*around, value]  # a container may contain itself
        for item in list(value.values()) if isinstance(value, dict) else value:  # threads may add
            if type(item) not in PLAIN:
                _collect(item, kind, found, around)
