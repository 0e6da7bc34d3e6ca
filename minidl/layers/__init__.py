"""Layers, one file or folder for each family."""

from __future__ import annotations

from typing import Any

from minidl.core import serialization
from minidl.core.typing import Config
from minidl.layers import attention, convolution, normalization, pooling, preprocessing, recurrent
from minidl.layers.activation import ELU, Activation, Identity, LeakyReLU, PReLU, ReLU, Softmax
from minidl.layers.attention import *
from minidl.layers.base import Layer
from minidl.layers.borders import Cropping1D, Cropping2D, Cropping3D, ZeroPadding1D, ZeroPadding2D, ZeroPadding3D
from minidl.layers.convolution import *
from minidl.layers.dense import Dense
from minidl.layers.einsum_dense import EinsumDense
from minidl.layers.embedding import Embedding
from minidl.layers.input_layer import Input, InputLayer
from minidl.layers.input_spec import InputSpec
from minidl.layers.lambda_layer import Lambda
from minidl.layers.masking import Masking
from minidl.layers.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from minidl.layers.normalization import *
from minidl.layers.pooling import *
from minidl.layers.preprocessing import *
from minidl.layers.recurrent import *
from minidl.layers.regularization import (
    ActivityRegularization,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from minidl.layers.reshaping import Flatten, Permute, RepeatVector, Reshape, UpSampling1D, UpSampling2D, UpSampling3D
from minidl.layers.wrapper import Wrapper

__all__ = [
    "Activation",
    "ActivityRegularization",
    "Add",
    "AlphaDropout",
    "Average",
    "Concatenate",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Dense",
    "Dot",
    "Dropout",
    "ELU",
    "EinsumDense",
    "Embedding",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "Lambda",
    "Layer",
    "LeakyReLU",
    "Masking",
    "Maximum",
    "Minimum",
    "Multiply",
    "PReLU",
    "Permute",
    "ReLU",
    "RepeatVector",
    "Reshape",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "Subtract",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "Wrapper",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]
__all__ += attention.__all__
__all__ += convolution.__all__
__all__ += normalization.__all__
__all__ += pooling.__all__
__all__ += preprocessing.__all__
__all__ += recurrent.__all__

# The classes by their names in configs; the models, which are layers too, are added by minidl.models.
NAMES: dict[str, Any] = {
    value.__name__: value for value in list(globals().values()) if isinstance(value, type) and issubclass(value, Layer)
}


def serialize(layer: Layer) -> Config:
    """The JSON form of a layer, without its weights."""
    return serialization.serialize(layer)


def deserialize(config: Config, custom_objects: dict[str, Any] | None = None) -> Any:
    """The layer of a JSON form; pass your own classes in `custom_objects`."""
    return serialization.deserialize(config, NAMES, "layer", custom_objects)
