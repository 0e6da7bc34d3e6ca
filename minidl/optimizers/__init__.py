"""Optimizers, and their names in `compile` and in configs."""

from __future__ import annotations

from typing import Any

import optax

from minidl.core import serialization
from minidl.core.typing import Config, Identifier
from minidl.optimizers import schedules
from minidl.optimizers.adafactor import Adafactor
from minidl.optimizers.adagrad import Adadelta, Adagrad
from minidl.optimizers.adam import Adam, AdamW
from minidl.optimizers.adamax import Adamax
from minidl.optimizers.base import Optimizer
from minidl.optimizers.ftrl import Ftrl
from minidl.optimizers.lamb import Lamb
from minidl.optimizers.lion import Lion
from minidl.optimizers.loss_scale import LossScaleOptimizer
from minidl.optimizers.multi import MultiOptimizer, OptimizerMap
from minidl.optimizers.muon import Muon
from minidl.optimizers.nadam import Nadam
from minidl.optimizers.optax_optimizer import OptaxOptimizer
from minidl.optimizers.rmsprop import RMSprop
from minidl.optimizers.schedule_free import ScheduleFreeAdamW
from minidl.optimizers.sgd import SGD
from minidl.optimizers.table import NAMES, deserialize

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
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "OptaxOptimizer",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

# name -> class of the optimizers that wrap others, which `get` cannot construct by their name alone
WRAPPERS: dict[str, Any] = {cls.__name__: cls for cls in (LossScaleOptimizer, MultiOptimizer)}
WRAPPERS |= {name.lower(): cls for name, cls in WRAPPERS.items()}


def get(identifier: Identifier | Optimizer | optax.GradientTransformation | optax.MultiSteps) -> Any:
    """The optimizer of a name or a config; an `Optimizer` is returned unchanged, an optax transformation is wrapped.

    Raises:
        ValueError: an unknown name; the message suggests similar ones.

    >>> type(get("adam")).__name__, type(get(optax.adabelief(1e-3))).__name__
    ('Adam', 'OptaxOptimizer')
    """
    if isinstance(identifier, optax.MultiSteps):
        identifier = identifier.gradient_transformation()
    if isinstance(identifier, optax.GradientTransformation):  # with or without extra arguments
        return OptaxOptimizer(identifier)
    if isinstance(identifier, str) and identifier not in NAMES:
        identifier = identifier.lower()
    if isinstance(identifier, dict):
        return deserialize(identifier)
    return serialization.lookup(identifier, NAMES, "optimizer", instance_of=Optimizer)


def serialize(optimizer: Optimizer) -> Config:
    """The config of an optimizer as plain data for JSON."""
    return serialization.serialize(optimizer)
