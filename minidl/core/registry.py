"""Names in configs: minidl's classes and functions, and those that the user passed or registered.

Names are looked up in these tables only. Nothing is ever imported by a name.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_given: contextvars.ContextVar[Mapping[str, Any] | None] = contextvars.ContextVar("custom_objects", default=None)

families: dict[str, Mapping[str, Any]] = {}  # "layers" -> its names; filled by saving/__init__.py
bases: dict[str, Bases] = {}  # "metric" -> the classes allowed where a metric is expected; also filled there
registered: dict[str, Any] = {}  # "package>name" -> class or function, by `saving.register_keras_serializable`


class Bases(NamedTuple):
    """The classes that a config may name where an object of some kind is expected.

    Args:
        classes: base classes of the objects.
        is_strict: whether only these are allowed; otherwise also functions, and callable classes of no other kind.
    """

    classes: tuple[type, ...]
    is_strict: bool = False

    def take(self, found: Any) -> bool:
        """Whether an object or class is allowed."""
        if not isinstance(found, type):
            return not self.is_strict or isinstance(found, self.classes)
        if issubclass(found, self.classes):
            return True
        others = tuple(base for other in bases.values() for base in other.classes)
        can_be_called = any("__call__" in vars(base) for base in found.__mro__)
        return not self.is_strict and not issubclass(found, others) and can_be_called


@contextlib.contextmanager
def known_names(objects: Mapping[str, Any] | None) -> Iterator[None]:
    """Inside, these names are known too, for objects of any kind."""
    token = _given.set({**(_given.get() or {}), **(objects or {})})
    try:
        yield
    finally:
        _given.reset(token)


def custom(name: Any) -> Any:
    """The class or function that the user passed or registered under a name, or None."""
    return known().get(name) if isinstance(name, str) else None


def registered_name(value: Any) -> str:
    """The name under which a class or function is registered; otherwise its own."""
    return next((name for name, known in registered.items() if known is value), value.__name__)


def known() -> dict[str, Any]:
    """All names that the user passed or registered."""
    return {**registered, **(_given.get() or {})}


def of_kind(found: Any, name: Any, kind: str) -> Any:
    """The class or function found for a name, checked before it is used.

    Raises:
        TypeError: it is not allowed for this kind.
    """
    if kind in bases and not bases[kind].take(found):
        wanted = " or ".join(base.__name__ for base in bases[kind].classes)
        raise TypeError(f"{name!r} is {found!r}, which is not a {kind}: expected a subclass of {wanted}.")
    return found


def registered_function(name: str) -> Any:
    """The function that was registered as "package>name", which files of Keras 3.6 refer to by the name alone."""
    found = [value for key, value in registered.items() if key.partition(">")[2] == name]
    return found[0] if len(found) == 1 else None
