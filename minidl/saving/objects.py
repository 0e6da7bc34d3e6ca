"""Serialize any object to plain data, and back."""

from __future__ import annotations

from typing import Any

from minidl.core import serialization
from minidl.core.typing import PyTree


def serialize_keras_object(obj: Any) -> PyTree:
    """An object, a function, an array, or data that contains these, as plain data for JSON.

    A function without a name is recorded without its code, which is never written.

    Raises:
        TypeError: an object without a `get_config`.

    Example:
    >>> from minidl import regularizers
    >>> config = serialize_keras_object({"l2": regularizers.L2(0.1)})
    >>> deserialize_keras_object(config)["l2"].l2
    0.1
    """
    return serialization.serialize(obj)


def deserialize_keras_object(
    config: PyTree, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """The object that `serialize_keras_object` serialized.

    Args:
        config: plain data.
        custom_objects: names -> your own classes and functions that the config may name.
        safe_mode: only True is accepted: code in a config is never run.

    Raises:
        ValueError: an unknown name, or safe_mode=False.
    """
    check_safe_mode(safe_mode)
    return serialization.deserialize_any(config, custom_objects)


def check_safe_mode(safe_mode: bool) -> None:
    """Check that safe mode is on."""
    if not safe_mode:
        raise ValueError("safe_mode must be True: minidl never runs code from a file or config.")
