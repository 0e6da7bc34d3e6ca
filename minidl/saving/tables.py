"""The names that configs may use: minidl's own classes and functions, by the module in which Keras has them.

The list is complete. Any other name must come from the caller, by `custom_objects` or registration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minidl import activations, constraints, initializers, layers, losses, metrics, optimizers, random, regularizers
from minidl.core import dtypes, registry
from minidl.layers import module
from minidl.optimizers import schedules, table

BASES = {
    "layer": registry.Bases((module.Module,), is_strict=True),
    "optimizer": registry.Bases((optimizers.Optimizer,), is_strict=True),
    "metric": registry.Bases((metrics.Metric, losses.Loss)),  # a loss as a metric: its mean
    "loss": registry.Bases((losses.Loss,)),
    "activation": registry.Bases((module.Module,)),  # a layer may be an activation
    "initializer": registry.Bases((initializers.Initializer,)),
    "regularizer": registry.Bases((regularizers.Regularizer,)),
    "constraint": registry.Bases((constraints.Constraint,)),
    "learning rate schedule": registry.Bases((schedules.LearningRateSchedule,)),
    "seed generator": registry.Bases((random.SeedGenerator,), is_strict=True),
}
FAMILIES: dict[str, Mapping[str, Any]] = {
    "layers": layers.NAMES,  # includes models
    "activations": activations.BY_NAME,
    "initializers": initializers.BY_NAME,
    "regularizers": regularizers.BY_NAME,
    "constraints": constraints.BY_NAME,
    "losses": losses.NAMES,
    "metrics": metrics.NAMES,
    "optimizers": table.NAMES | optimizers.WRAPPERS,
    "optimizers.schedules": schedules.NAMES,
    "dtype_policies": {"DTypePolicy": dtypes.DTypePolicy},
    "random": {"SeedGenerator": random.SeedGenerator},
}
