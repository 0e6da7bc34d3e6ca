"""Dtype policies under the names that Keras gives them; they are made in dtypes.py."""

from __future__ import annotations

from typing import Any

from minidl.core.dtypes import DTypePolicy, get
from minidl.core.serialization import serialize as _serialize

__all__ = ["DTypePolicy", "FloatDTypePolicy", "deserialize", "get", "serialize"]

FloatDTypePolicy = DTypePolicy


def serialize(policy: DTypePolicy) -> Any:
    """The JSON form of a policy.

    >>> serialize(DTypePolicy("mixed_bfloat16"))["config"]
    {'name': 'mixed_bfloat16'}
    """
    return _serialize(policy)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> DTypePolicy:
    """The policy behind its JSON form.

    >>> deserialize(serialize(DTypePolicy("bfloat16")))
    <DTypePolicy "bfloat16">
    """
    return get(config)
