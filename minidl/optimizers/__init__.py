"""Optimizers, and the names that compile() knows them by."""

from __future__ import annotations

from typing import Any

import optax

from minidl import names
from minidl.optimizers.adam import Adam, AdamW
from minidl.optimizers.base import OptaxOptimizer, Optimizer
from minidl.optimizers.rmsprop import RMSprop
from minidl.optimizers.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "OptaxOptimizer", "Optimizer", "RMSprop", "deserialize", "get", "serialize"]

_CLASSES = (SGD, RMSprop, Adam, AdamW)
_NAMES: dict[str, Any] = {cls.__name__.lower(): cls for cls in _CLASSES} | {cls.__name__: cls for cls in _CLASSES}


def get(identifier: Any) -> Any:
    """The optimizer that an identifier stands for: a name, a config, an `Optimizer`, or an optax transformation.

    Raises:
        ValueError: an unknown name; the message holds the near ones.

    >>> type(get("adam")).__name__, type(get(optax.adabelief(1e-3))).__name__
    ('Adam', 'OptaxOptimizer')
    """
    if isinstance(identifier, optax.MultiSteps):
        identifier = identifier.gradient_transformation()
    if isinstance(identifier, optax.GradientTransformation):  # with or without extra arguments
        return OptaxOptimizer(identifier)
    if isinstance(identifier, str) and identifier not in _NAMES:
        identifier = identifier.lower()
    return names.lookup(identifier, _NAMES, "optimizer", instance_of=Optimizer)


def serialize(optimizer: Optimizer) -> Any:
    """The JSON form of an optimizer."""
    return names.serialize(optimizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The optimizer behind its JSON form; classes of your own come from `custom_objects`."""
    return names.deserialize(config, {**_NAMES, **(custom_objects or {})}, "optimizer")
