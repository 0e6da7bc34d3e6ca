"""The initializer, regularizer and constraint that a layer takes for each of its weights.

Such arguments are many and always the same: `kernel_initializer`, `bias_regularizer`, ... A layer sets them with
`take`, makes a weight with `make`, and writes them into its config with `config`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minidl import constraints, initializers, regularizers
from minidl.core.serialization import serialize
from minidl.core.typing import Config, Identifier
from minidl.core.variables import Variable

_FAMILIES: dict[str, Any] = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}


def get(option: str, value: Any) -> Any:
    """The object for an option of a weight, such as `"zeros"` for `kernel_initializer`; other options unchanged.

    >>> get("kernel_constraint", "non_neg").__class__.__name__, get("units", 3)
    ('NonNeg', 3)
    """
    family = _FAMILIES.get(option.rpartition("_")[2])
    return value if family is None else family.get(value)


def take(layer: Any, **options: Identifier) -> None:
    """Set each option, `kernel_initializer="zeros"` for example, as an attribute of the layer."""
    for name, value in options.items():
        setattr(layer, name, get(name, value))


def make(
    layer: Any,
    name: str,
    shape: Sequence[int],
    initializer: Callable[..., Any] | None = None,
    options: str | None = None,
    **arguments: Any,
) -> Variable:
    """The weight called `name`, with the layer's options for it.

    Args:
        layer: the owner of the weight.
        name: of the weight.
        shape: of the weight.
        initializer: replaces the layer's own.
        options: the prefix of the names of its options, default `name`.
        **arguments: further arguments of `Layer.add_weight`.
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


def config(layer: Any, *names: str) -> Config:
    """The options of the weights with these names, for `get_config`."""
    options = [f"{name}_{family}" for name in names for family in _FAMILIES]
    return {option: serialize(getattr(layer, option)) for option in options if hasattr(layer, option)}
