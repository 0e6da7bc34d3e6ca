"""What a name in a config may stand for: minidl's own classes and functions, and what the user gave or registered.

These tables are the whole list. Nothing is ever imported by a name.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_given: contextvars.ContextVar[Mapping[str, Any] | None] = contextvars.ContextVar("custom_objects", default=None)

families: dict[str, Mapping[str, Any]] = {}  # "layers" -> its names; filled by saving/__init__.py
bases: dict[str, Bases] = {}  # "metric" -> which classes may stand where one is wanted; likewise
registered: dict[str, Any] = {}  # "package>name" -> class or function, by `saving.register_keras_serializable`


class Bases(NamedTuple):
    """What a config may name in a place of one kind.

    Args:
        classes: an object there is of a subclass of these.
        is_strict: whether nothing else may be there; or also functions, and callable classes that are of no kind.
    """

    classes: tuple[type, ...]
    is_strict: bool = False

    def take(self, found: Any) -> bool:
        """Whether something may be there."""
        if not isinstance(found, type):
            return not self.is_strict or isinstance(found, self.classes)
        if issubclass(found, self.classes):
            return True
        others = tuple(base for other in bases.values() for base in other.classes)
        can_be_called = any("__call__" in vars(base) for base in found.__mro__)
        return not self.is_strict and not issubclass(found, others) and can_be_called


@contextlib.contextmanager
def known_names(objects: Mapping[str, Any] | None) -> Iterator[None]:
    """Inside, names are looked up among these too, whatever is looked for."""
    token = _given.set({**(_given.get() or {}), **(objects or {})})
    try:
        yield
    finally:
        _given.reset(token)


def custom(name: Any) -> Any:
    """The class or function that a caller gave or registered under a name; None otherwise."""
    return known().get(name) if isinstance(name, str) else None


def registered_name(value: Any) -> str:
    """The name that a class or function is registered under, or else its own."""
    return next((name for name, known in registered.items() if known is value), value.__name__)


def known() -> dict[str, Any]:
    """All names that the user gave or registered."""
    return {**registered, **(_given.get() or {})}


def of_kind(found: Any, name: Any, kind: str) -> Any:
    """What a name stands for, before it is called or made, if it may be where the name is.

    Raises:
        TypeError: it may not.
    """
    if kind in bases and not bases[kind].take(found):
        wanted = " or ".join(base.__name__ for base in bases[kind].classes)
        raise TypeError(f"{name!r} is {found!r}, which is not a {kind}: expected a subclass of {wanted}.")
    return found


def registered_function(name: str) -> Any:
    """The function that was registered as "package>name", which files of Keras 3.6 call by its name alone."""
    found = [value for key, value in registered.items() if key.partition(">")[2] == name]
    return found[0] if len(found) == 1 else None
