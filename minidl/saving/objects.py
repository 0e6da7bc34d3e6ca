"""Objects of any kind as plain data, and back."""

from __future__ import annotations

from typing import Any

from minidl.core import serialization


def serialize_keras_object(obj: Any) -> Any:
    """An object of minidl's or yours, a function, an array, or data with these in it, as data that JSON can hold.

    Of a function without a name it says only that there is one, for code is never written.

    Raises:
        TypeError: something without a `get_config`.

    Example:
    >>> from minidl import regularizers
    >>> config = serialize_keras_object({"l2": regularizers.L2(0.1)})
    >>> deserialize_keras_object(config)["l2"].l2
    0.1
    """
    return serialization.serialize(obj)


def deserialize_keras_object(config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True) -> Any:
    """What `serialize_keras_object` described.

    Args:
        config: plain data.
        custom_objects: names -> classes and functions of your own that it may name.
        safe_mode: accepted as True. Code in a config is never run.

    Raises:
        ValueError: a name that is not known, or safe_mode=False.
    """
    check_safe_mode(safe_mode)
    return serialization.deserialize_any(config, custom_objects)


def check_safe_mode(safe_mode: bool) -> None:
    """Refuse to switch it off."""
    if not safe_mode:
        raise ValueError("safe_mode cannot be switched off: minidl never runs code that is in a file or config.")
