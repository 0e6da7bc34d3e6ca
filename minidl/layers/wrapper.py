"""Wrapper: the base of layers that wrap another layer."""

from __future__ import annotations

from typing import Any

from minidl.core import serialization
from minidl.core.typing import Config
from minidl.layers.base import Layer


class Wrapper(Layer):
    """The base of layers that wrap another layer, such as `Bidirectional` and `TimeDistributed`.

    Args:
        layer: the wrapped layer, kept as the attribute `layer`.
        **kwargs: see `Layer`.

    Raises:
        ValueError: something that is not a layer.

    Example:
    >>> from minidl.layers import Dense
    >>> class Twice(Wrapper):
    ...     def call(self, x):
    ...         return self.layer(self.layer(x))
    >>> import numpy as np
    >>> Twice(Dense(3))(np.ones((2, 3))).shape
    (2, 3)
    """

    def __init__(self, layer: Layer, **kwargs: Any):
        if not isinstance(layer, Layer):
            raise ValueError(f"{type(self).__name__} takes a layer, got {layer!r} of type {type(layer).__name__}.")
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)

    def get_config(self) -> Config:
        return {**super().get_config(), "layer": serialization.serialize(self.layer)}

    @classmethod
    def from_config(cls, config: Config, custom_objects: dict[str, Any] | None = None) -> Any:
        """The layer that `get_config` described, with a new wrapped layer."""
        return cls(**{**config, "layer": serialization.deserialize_layer(config["layer"], custom_objects)})
