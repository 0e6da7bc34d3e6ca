"""Layers that give the same values another shape."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from minidl.layers.base import Layer


class Flatten(Layer):
    """Joins all axes but the first into one.

    Args:
        data_format: "channels_last" (default), or "channels_first", whose channels are moved to the
            end first, so that both formats flatten to the same order.
        **kwargs: see `Layer`.

    Input shape: (batch, ...).
    Output shape: (batch, product of the other sizes).

    Raises:
        ValueError: another data_format.

    Example:
    >>> Flatten()(jnp.ones((4, 2, 3))).shape
    (4, 6)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if data_format not in (None, "channels_last", "channels_first"):
            raise ValueError(f"Flatten: data_format must be 'channels_last' or 'channels_first', got {data_format!r}.")
        self.data_format = data_format or "channels_last"

    def call(self, inputs: Any) -> Any:
        if self.data_format == "channels_first" and inputs.ndim > 1:
            inputs = jnp.moveaxis(inputs, 1, -1)
        return inputs.reshape(inputs.shape[0], math.prod(inputs.shape[1:]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}
