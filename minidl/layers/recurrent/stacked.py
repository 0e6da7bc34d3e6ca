"""StackedRNNCells: a stack of cells as one cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from minidl.core import serialization
from minidl.core.typing import Array, Config, Shape
from minidl.layers.base import Layer


class StackedRNNCells(Layer):
    """A stack of cells: the output of each is the input of the next.

    Args:
        cells: the cells.
        **kwargs: see `Layer`.

    Input shape: (batch, features), and a list with the states of each cell.
    Output shape: that of the last cell, and the list of the new states.

    Raises:
        ValueError: a cell without `call` or `state_size`.

    Example:
    >>> from minidl.layers import GRUCell, RNN
    >>> RNN(StackedRNNCells([GRUCell(3), GRUCell(4)]))(jnp.ones((2, 5, 6))).shape
    (2, 4)
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any):
        super().__init__(**kwargs)
        for cell in cells:
            if not hasattr(cell, "call") or not hasattr(cell, "state_size"):
                raise ValueError(f"StackedRNNCells: a cell needs `call` and `state_size`, got {cell!r}.")
        self.cells = list(cells)

    @property
    def state_size(self) -> list[int | list[int]]:
        """The state sizes of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The size of the last cell's output."""
        return _output_size(self.cells[-1])

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """The initial states of each cell."""
        return [self._initial_state(cell, batch_size) for cell in self.cells]

    def build(self, input_shape: Shape) -> None:
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            input_shape = (input_shape[0], _output_size(cell))

    def call(self, inputs: Array, states: Any, training: bool | None = False) -> tuple[Array, list[Any]]:
        new_states = []
        for cell, own in zip(self.cells, states):
            is_list = isinstance(own, (list, tuple))
            flag = {"training": training} if isinstance(cell, Layer) else {}
            inputs, new = cell(inputs, list(own) if is_list else [own], **flag)
            new = list(new) if isinstance(new, (list, tuple)) else [new]
            new_states.append(new if is_list else new[0])
        return inputs, new_states

    def get_config(self) -> Config:
        return {**super().get_config(), "cells": [serialization.serialize(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config: Config, custom_objects: dict[str, Any] | None = None) -> Any:
        """The cells that `get_config` described, with new weights."""
        return cls(
            **{**config, "cells": [serialization.deserialize_layer(cell, custom_objects) for cell in config["cells"]]}
        )

    def _initial_state(self, cell: Any, batch_size: int) -> Any:
        if hasattr(cell, "get_initial_state"):
            return cell.get_initial_state(batch_size=batch_size)
        size = cell.state_size
        if isinstance(size, int):
            return jnp.zeros((batch_size, size), self.compute_dtype)
        return [jnp.zeros((batch_size, one), self.compute_dtype) for one in size]


def _output_size(cell: Any) -> int:
    size = getattr(cell, "output_size", None)
    if size is None:
        size = cell.state_size[0] if isinstance(cell.state_size, (list, tuple)) else cell.state_size
    return size
