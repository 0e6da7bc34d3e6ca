"""Layers, a file for each family."""

from __future__ import annotations

from typing import Any

from minidl import names
from minidl.layers.activation import ELU, LeakyReLU, PReLU, ReLU, Softmax
from minidl.layers.base import Layer
from minidl.layers.core import Activation, Dense, Identity, Input, InputLayer
from minidl.layers.preprocessing import Rescaling
from minidl.layers.regularization import Dropout
from minidl.layers.reshaping import Flatten

__all__ = [
    "ELU",
    "Activation",
    "Dense",
    "Dropout",
    "Flatten",
    "Identity",
    "Input",
    "InputLayer",
    "Layer",
    "LeakyReLU",
    "PReLU",
    "ReLU",
    "Rescaling",
    "Softmax",
    "deserialize",
    "serialize",
]

_NAMES: dict[str, Any] = {
    value.__name__: value for value in list(globals().values()) if isinstance(value, type) and issubclass(value, Layer)
}


def serialize(layer: Layer) -> dict[str, Any]:
    """The JSON form of a layer, without its weights."""
    return names.serialize(layer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The layer behind its JSON form; classes of your own come from `custom_objects`."""
    return names.deserialize(config, {**_NAMES, **(custom_objects or {})}, "layer")
