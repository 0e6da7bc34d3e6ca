"""The initializer, regularizer and constraint that a layer takes for each of its weights.

Such arguments are many and always the same: `kernel_initializer`, `bias_regularizer`, ... A layer takes them with
`take`, makes a weight with `make`, and writes them into its config with `config`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidl import constraints, initializers, regularizers
from minidl.core.serialization import serialize
from minidl.core.variables import Variable

_FAMILIES: dict[str, Any] = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}


def take(layer: Any, **given: Any) -> None:
    """Set each option, `kernel_initializer="zeros"` for example, as an attribute: an object instead of its name."""
    for name, value in given.items():
        setattr(layer, name, _FAMILIES[name.rpartition("_")[2]].get(value))


def make(
    layer: Any,
    name: str,
    shape: Sequence[int],
    initializer: Any = None,
    options: str | None = None,
    **arguments: Any,
) -> Variable:
    """The weight called `name`, with the layer's options for it.

    Args:
        layer: whose weight it is.
        name: of the weight.
        shape: of the weight.
        initializer: in the place of the layer's own.
        options: what the names of its options begin with, default `name`.
        **arguments: further ones of `Layer.add_weight`.
    """
    options = options or name
    return layer.add_weight(
        shape,
        getattr(layer, f"{options}_initializer") if initializer is None else initializer,
        regularizer=getattr(layer, f"{options}_regularizer", None),
        constraint=getattr(layer, f"{options}_constraint", None),
        name=name,
        **arguments,
    )


def config(layer: Any, *names: str) -> dict[str, Any]:
    """The options of the weights with these names, for `get_config`."""
    options = [f"{name}_{family}" for name in names for family in _FAMILIES]
    return {option: serialize(getattr(layer, option)) for option in options if hasattr(layer, option)}
