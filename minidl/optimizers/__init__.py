"""Optimizers, and the names that compile() knows them by."""

from __future__ import annotations

from typing import Any

import optax

from minidl import names
from minidl.optimizers import schedules
from minidl.optimizers.adafactor import Adafactor
from minidl.optimizers.adagrad import Adadelta, Adagrad
from minidl.optimizers.adam import Adam, AdamW
from minidl.optimizers.adamax import Adamax
from minidl.optimizers.base import Optimizer
from minidl.optimizers.ftrl import Ftrl
from minidl.optimizers.lamb import Lamb
from minidl.optimizers.lion import Lion
from minidl.optimizers.muon import Muon
from minidl.optimizers.nadam import Nadam
from minidl.optimizers.optax_optimizer import OptaxOptimizer
from minidl.optimizers.rmsprop import RMSprop
from minidl.optimizers.schedule_free import ScheduleFreeAdamW
from minidl.optimizers.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Muon",
    "Nadam",
    "OptaxOptimizer",
    "Optimizer",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

_CLASSES = (
    *(SGD, RMSprop, Adam, AdamW, Adamax, Nadam, Adagrad, Adadelta, Adafactor),
    *(Ftrl, Lion, Lamb, Muon, ScheduleFreeAdamW),
)
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
