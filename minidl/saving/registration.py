"""Registration of custom classes and functions, so that configs may name them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from minidl.core import registry


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """A decorator that registers a class or function as "package>name", so that configs and files may name it.

    Args:
        package: a prefix that makes the name unique.
        name: default: the name of the class or function.

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
            raise ValueError(
                f"register_keras_serializable: {value.__name__} needs a get_config method, so that it can be saved."
            )
        registry.registered[f"{package}>{name or value.__name__}"] = value
        return value

    return register


@contextlib.contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any]) -> Iterator[None]:
    """A context in which configs and files may name these classes and functions.

    Args:
        custom_objects: names -> classes and functions.
    """
    with registry.known_names(custom_objects):
        yield


CustomObjectScope = custom_object_scope


def get_custom_objects() -> dict[str, Any]:
    """The dict of all registered names, which may be modified."""
    return registry.registered


def get_registered_name(obj: type | Callable[..., Any]) -> str:
    """The name under which a class or function is registered, or else its own name."""
    return registry.registered_name(obj)


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """The class or function registered under a name; None if there is none.

    Args:
        name: looked up among registered names and those of a `custom_object_scope`.
        custom_objects: names to search next.
        module_objects: names to search last.
    """
    found = registry.custom(name)
    for table in (custom_objects or {}, module_objects or {}):
        found = table.get(name) if found is None else found
    return found
