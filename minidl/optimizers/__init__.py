"""Optimizers, and the names that compile() knows them by."""

from __future__ import annotations

from typing import Any

import optax

from minidl.core import serialization
from minidl.optimizers import schedules, table
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
from minidl.optimizers.table import NAMES

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

# name -> class of the optimizers that hold others
HOLDERS: dict[str, Any] = {cls.__name__: cls for cls in (LossScaleOptimizer, MultiOptimizer)}
HOLDERS |= {name.lower(): cls for name, cls in HOLDERS.items()}


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
    if isinstance(identifier, str) and identifier not in NAMES:
        identifier = identifier.lower()
    if isinstance(identifier, dict):
        return deserialize(identifier)
    return serialization.lookup(identifier, NAMES, "optimizer", instance_of=Optimizer)


def serialize(optimizer: Optimizer) -> Any:
    """The JSON form of an optimizer."""
    return serialization.serialize(optimizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The optimizer behind its JSON form; classes and schedules of your own come from `custom_objects`."""
    if isinstance(config, dict) and config.get("class_name") in HOLDERS:
        return HOLDERS[config["class_name"]].from_config(config["config"], custom_objects)
    return table.deserialize(config, custom_objects)
