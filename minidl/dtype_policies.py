"""Dtype policies, under Keras's names; implemented in core/dtypes.py."""

from __future__ import annotations

from typing import Any

from minidl.core.dtypes import DTypePolicy, get
from minidl.core.serialization import serialize as _serialize
from minidl.core.typing import Config

__all__ = ["DTypePolicy", "FloatDTypePolicy", "deserialize", "get", "serialize"]

FloatDTypePolicy = DTypePolicy


def serialize(policy: DTypePolicy) -> Config:
    """The JSON form of a policy.

    >>> serialize(DTypePolicy("mixed_bfloat16"))["config"]
    {'name': 'mixed_bfloat16'}
    """
    return _serialize(policy)


def deserialize(config: str | Config, custom_objects: dict[str, Any] | None = None) -> DTypePolicy:
    """The policy of a JSON form.

    >>> deserialize(serialize(DTypePolicy("bfloat16")))
    <DTypePolicy "bfloat16">
    """
    return get(config)
