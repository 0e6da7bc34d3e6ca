"""Pipeline: layers one after the other, as a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np  # noqa: F401, used by the example

from minidl.core import serialization
from minidl.core.typing import Config
from minidl.layers import masks
from minidl.layers.base import Layer
from minidl.layers.preprocessing.host_layer import as_host_array


class Pipeline(Layer):
    """Layers, each called on the output of the one before it; unlike `Sequential` it is no model.

    Args:
        layers: the layers.
        name: see `Layer`.

    Input shape: that of the first layer.
    Output shape: that of the last layer.

    Example:
    >>> from minidl.layers import CenterCrop, Rescaling
    >>> Pipeline([Rescaling(1 / 255), CenterCrop(2, 2)])(np.ones((1, 4, 4, 3))).shape
    (1, 2, 2, 3)
    """

    def __init__(self, layers: Sequence[Any], name: str | None = None):
        super().__init__(name=name)
        self.layers = list(layers)

    @property
    def wide_in_graph(self) -> bool:  # type: ignore[override]
        """Whether integers are of 64 bits in a graph of TensorFlow."""
        return any(layer.wide_in_graph for layer in self.layers)

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        is_list = isinstance(inputs, (str, list, tuple)) and not any(hasattr(part, "shape") for part in inputs)
        return super().__call__(as_host_array(inputs) if is_list else inputs, *args, **kwargs)

    def call(self, inputs: Any, training: bool | None = True, mask: Any = None) -> Any:
        if mask is not None:
            inputs = masks.put(jnp.copy(inputs), mask)
        for layer in self.layers:
            inputs = layer(inputs, training=training)
        return inputs

    def get_config(self) -> Config:
        return {"layers": serialization.serialize(self.layers), "name": self.name}

    @classmethod
    def from_config(cls, config: Config) -> Pipeline:
        """The pipeline that `get_config` described.

        Raises:
            ValueError: a config without a list of layers.
        """
        if not isinstance(config.get("layers"), (list, tuple)):
            raise ValueError(f"Pipeline: the config needs a list of layers, got {config.get('layers')!r}.")
        return cls([serialization.deserialize_layer(layer) for layer in config["layers"]], name=config.get("name"))
