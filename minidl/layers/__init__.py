"""Layers, a file for each family."""

from __future__ import annotations

from typing import Any

from minidl import names
from minidl.layers.activation import (
    ELU,
    LeakyReLU,
    PReLU,
    ReLU,
    Softmax,
)
from minidl.layers.base import (
    Layer,
)
from minidl.layers.core import (
    Activation,
    Dense,
    Identity,
    Input,
    InputLayer,
)
from minidl.layers.einsum_dense import (
    EinsumDense,
)
from minidl.layers.embedding import (
    Embedding,
)
from minidl.layers.lambda_layer import (
    Lambda,
)
from minidl.layers.masking import (
    Masking,
)
from minidl.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    SpectralNormalization,
    UnitNormalization,
)
from minidl.layers.preprocessing import (
    Rescaling,
)
from minidl.layers.regularization import (
    Dropout,
)
from minidl.layers.reshaping import (
    Flatten,
)
from minidl.layers.wrapper import (
    Wrapper,
)

__all__ = [
    "Activation",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "ELU",
    "EinsumDense",
    "Embedding",
    "Flatten",
    "GroupNormalization",
    "Identity",
    "Input",
    "InputLayer",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "PReLU",
    "RMSNormalization",
    "ReLU",
    "Rescaling",
    "Softmax",
    "SpectralNormalization",
    "UnitNormalization",
    "Wrapper",
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
