"""Classes and functions of users that configs may name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from minidl.core import registry


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Let configs and files name a class or function as "package>name"; a decorator.

    Args:
        package: a name of your own, which keeps the name apart from others'.
        name: default: that of the class or function.

    Raises:
        ValueError: a class without `get_config`.

    Example:
    >>> @register_keras_serializable("mine")
    ... def double(x):
    ...     return 2 * x
    >>> get_registered_name(double), get_registered_object("mine>double") is double
    ('mine>double', True)
    """

    def register(value: Any) -> Any:
        if isinstance(value, type) and not hasattr(value, "get_config"):
            raise ValueError(f"Cannot register a class that does not have a get_config method: {value.__name__}.")
        registry.registered[f"{package}>{name or value.__name__}"] = value
        return value

    return register


@contextlib.contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any]) -> Iterator[None]:
    """Inside, configs and files may name these classes and functions.

    Args:
        custom_objects: names -> classes and functions.
    """
    with registry.known_names(custom_objects):
        yield


CustomObjectScope = custom_object_scope


def get_custom_objects() -> dict[str, Any]:
    """The dict of all registered names, which may be changed."""
    return registry.registered


def get_registered_name(obj: Any) -> str:
    """The name that a class or function is registered under, or else its own."""
    return registry.registered_name(obj)


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """The class or function behind a name; None if there is none.

    Args:
        name: what to look for among the registered ones, and the names of a `custom_object_scope`.
        custom_objects: names to look among next.
        module_objects: names to look among last.
    """
    found = registry.custom(name)
    for table in (custom_objects or {}, module_objects or {}):
        found = table.get(name) if found is None else found
    return found
