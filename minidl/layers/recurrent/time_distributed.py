"""TimeDistributed: a wrapper that applies a layer to every step of a sequence."""

from __future__ import annotations

import inspect
from typing import Any

import jax.numpy as jnp

from minidl.core import structures
from minidl.core.typing import Array, Shape
from minidl.layers.activation import Softmax
from minidl.layers.base import Layer
from minidl.layers.recurrent.bidirectional import Bidirectional
from minidl.layers.recurrent.rnn import RNN
from minidl.layers.wrapper import Wrapper


class TimeDistributed(Wrapper):
    """Applies a layer to every step of a sequence.

    Args:
        layer: the layer.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, ...).
    Output shape: (batch, steps, ...), the last axes being those of the layer's output.

    Raises:
        ValueError: something that is not a layer; inputs with fewer than three axes; a mask of another shape.

    Example:
    >>> from minidl.layers import Conv2D
    >>> TimeDistributed(Conv2D(8, 3))(jnp.ones((2, 10, 16, 16, 3))).shape
    (2, 10, 14, 14, 8)
    """

    def __init__(self, layer: Layer, **kwargs: Any):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) < 3:
            raise ValueError(
                f"TimeDistributed takes inputs of shape (batch, steps, ...) with at least 3 axes, got {input_shape}."
            )
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Array, training: bool | None = None, mask: Array | None = None) -> Array:
        if mask is not None and mask.shape[:2] != inputs.shape[:2]:
            raise ValueError(
                f"TimeDistributed: the first axes of the mask must be the inputs' (batch, steps), {inputs.shape[:2]}, "
                f"got the shape {mask.shape}."
            )
        kwargs = {"mask": mask} if mask is not None and self._passes_on(mask) else {}
        if any(not variable._made_trainable for variable in self.layer.variables):
            return self._step_by_step(inputs, training, kwargs)
        batch, steps = inputs.shape[:2]
        merged = structures.map(lambda x: x.reshape(batch * steps, *x.shape[2:]), (inputs, kwargs))
        outputs = self.layer(merged[0], training=training, **merged[1])
        return structures.map(lambda y: y.reshape(batch, steps, *y.shape[1:]), outputs)

    def _passes_on(self, mask: Any) -> bool:
        """Whether the wrapped layer gets the mask of each step, an array with the examples as its first axis.

        A mask (batch, steps) leaves one value per example of a step; the layers listed here need more axes.
        """
        takes_mask = "mask" in inspect.signature(self.layer.call).parameters
        return takes_mask and (mask.ndim > 2 or not isinstance(self.layer, (RNN, Bidirectional, Softmax)))

    def _step_by_step(self, inputs: Any, training: bool | None, kwargs: dict[str, Any]) -> Any:
        """For a layer with state, such as moving statistics or a seed: each step updates it before the next."""
        steps = range(inputs.shape[1])
        outputs = [
            self.layer(inputs[:, i], training=training, **{name: value[:, i] for name, value in kwargs.items()})
            for i in steps
        ]
        return structures.map(lambda *each: jnp.stack(each, 1), *outputs)
