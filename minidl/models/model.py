"""Model: a layer that can be compiled, trained, evaluated and asked for predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidl.layers.base import Layer
from minidl.models.summary import print_summary
from minidl.training.trainer import Trainer


class Model(Trainer):
    """The base of models. A subclass makes layers in `__init__` and connects them in `call`.

    Args:
        **kwargs: see `Layer`.

    Example:
    >>> from minidl.layers import Dense
    >>> class TwoLayers(Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.first, self.second = Dense(8, activation="relu"), Dense(1)
    ...
    ...     def call(self, x):
    ...         return self.second(self.first(x))
    >>> import numpy as np
    >>> model = TwoLayers()
    >>> model.compile(optimizer="sgd", loss="mse")
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> history = model.fit(x, 2 * x, epochs=20, verbose=0)
    >>> history.history["loss"][-1] < history.history["loss"][0]
    True
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if args or {"inputs", "outputs"} & set(kwargs):
            raise TypeError(
                f"{type(self).__name__}: models of symbolic inputs and outputs are not there yet. "
                "Use Sequential, or write a subclass with a `call` method."
            )
        super().__init__(**kwargs)

    # The layers

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside."""
        return self._children(Layer)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of a name, or at an index.

        Raises:
            ValueError: no such layer, or not exactly one of the two arguments.
        """
        if (name is None) == (index is None):
            raise ValueError(f"get_layer: give a name or an index, got name={name!r}, index={index!r}.")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"get_layer: no layer at index {index}; {self.name!r} has {len(self.layers)} layers.")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"get_layer: no layer {name!r} in {self.name!r}; it has {[layer.name for layer in self.layers]}."
        )

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print a table of the layers with their output shapes and parameters.

        Args:
            line_length: columns of the table, default: what it needs.
            positions: accepted; the columns are as wide as what they hold.
            print_fn: called with the text, default `print`.
            expand_nested: whether to show the layers of models inside.
            show_trainable: whether to show which layers train.
            layer_range: names of the first and the last layer to show.
        """
        print_summary(self, line_length, print_fn, expand_nested, show_trainable, layer_range)
