"""TimeDistributed: a layer for each step of a sequence."""

from __future__ import annotations

import inspect
from typing import Any

import jax.numpy as jnp

from minidl.core import structures
from minidl.layers.activation import Softmax
from minidl.layers.base import Layer
from minidl.layers.recurrent.bidirectional import Bidirectional
from minidl.layers.recurrent.rnn import RNN
from minidl.layers.wrapper import Wrapper


class TimeDistributed(Wrapper):
    """Applies a layer to each step of sequences, as if the steps were examples.

    Args:
        layer: the layer.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, ...).
    Output shape: (batch, steps, ...), with what the layer makes of an example.

    Raises:
        ValueError: something that is not a layer; inputs of less than three axes; a mask of another shape.

    Example:
    >>> from minidl.layers import Conv2D
    >>> TimeDistributed(Conv2D(8, 3))(jnp.ones((2, 10, 16, 16, 3))).shape
    (2, 10, 14, 14, 8)
    """

    def __init__(self, layer: Layer, **kwargs: Any):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        if len(input_shape) < 3:
            raise ValueError(
                f"TimeDistributed takes inputs of shape (batch, steps, ...) with at least 3 axes, got {input_shape}."
            )
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if mask is not None and mask.shape[:2] != inputs.shape[:2]:
            raise ValueError(
                f"The `mask` passed to the `TimeDistributed` layer has a shape that does not go with the inputs: "
                f"{mask.shape}. It must begin with {inputs.shape[:2]}."
            )
        more = {"mask": mask} if mask is not None and self._passes_on(mask) else {}
        if any(not variable._made_trainable for variable in self.layer.variables):
            return self._one_by_one(inputs, training, more)
        batch, steps = inputs.shape[:2]
        folded = structures.map(lambda x: x.reshape(batch * steps, *x.shape[2:]), (inputs, more))
        outputs = self.layer(folded[0], training=training, **folded[1])
        return structures.map(lambda y: y.reshape(batch, steps, *y.shape[1:]), outputs)

    def _passes_on(self, mask: Any) -> bool:
        """Whether the layer inside gets the mask of a step: what it takes as one with the examples as first axis.

        A mask (batch, steps) says no more than which examples count; these layers ask for more than that.
        """
        takes_it = "mask" in inspect.signature(self.layer.call).parameters
        return takes_it and (mask.ndim > 2 or not isinstance(self.layer, (RNN, Bidirectional, Softmax)))

    def _one_by_one(self, inputs: Any, training: bool | None, more: dict[str, Any]) -> Any:
        """For a layer with a state, such as moving statistics or a seed: each step changes it for the next."""
        steps = range(inputs.shape[1])
        outputs = [
            self.layer(inputs[:, i], training=training, **{name: value[:, i] for name, value in more.items()})
            for i in steps
        ]
        return structures.map(lambda *each: jnp.stack(each, 1), *outputs)
