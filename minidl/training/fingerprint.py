"""Fingerprints of models, which determine whether compiled steps are still valid.

Users may add layers, freeze parts, set attributes and compile again between calls of fit, or in callbacks; the steps
are not notified.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from minidl import kernels
from minidl.constraints import Constraint
from minidl.core.object_graph import PLAIN, Place, places
from minidl.core.variables import Variable
from minidl.layers.module import Module
from minidl.losses import Loss
from minidl.metrics import Metric
from minidl.optimizers import Optimizer
from minidl.random import SeedGenerator
from minidl.regularizers import Regularizer

_OWNERS = (Module, Metric, SeedGenerator)
_FUNCTIONS = (Loss, Regularizer, Constraint, Optimizer)  # hold settings, and no layers
_NOT_READ = frozenset(  # by any step: what the loop and the layers' own bookkeeping set
    {"stop_training", "stop_evaluating", "stop_predicting", "built", "name", "jit_compile"}
)

Setting = tuple[int, str]  # the id of an object, and the name of its attribute


class Fingerprint(NamedTuple):
    """All of a model that its steps depend on."""

    structure: Any  # the variables, metrics and frozen parts
    values: list[Any]  # numbers, strings, flags and functions in the attributes, in traversal order
    keys: list[tuple[int, Any]]  # where: the id of the object, or 0 for a container, and a name or index
    places: list[Place]  # the containers that were traversed
    variables: list[Variable]  # the variables that were found

    def settings(self) -> dict[Setting, Any]:
        """The settings that a step may depend on."""
        pairs = zip(self.keys, self.values, strict=True)
        return {key: v for key, v in pairs if key[0] and not key[1].startswith("_") and key[1] not in _NOT_READ}


def changed(one: dict[Setting, Any], other: dict[Setting, Any]) -> set[Setting]:
    """The settings that differ."""
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


def fingerprint(model: Any) -> Fingerprint:
    """The fingerprint of a model: its variables, metrics, frozen parts and settings."""
    values: list[Any] = []
    keys: list[tuple[int, Any]] = []
    owners: dict[int, Any] = {}
    variables: dict[int, Variable] = {}
    roots = [model, model.objectives, model.objectives.losses] if model.compiled else [model]
    found = places(roots, (*_OWNERS, *_FUNCTIONS))
    for place in found:
        for name, value in place.items():
            kind = _kind(type(value))  # type: ignore[arg-type]
            if kind == "setting":
                values.append(value)
                keys.append((0 if place.owner is None else id(place.owner), name))
            elif kind == "variable":
                variables[id(value)] = value
            elif kind == "owner":
                owners[id(value)] = value
    frozen = [(key, vars(owner).get("_trainable")) for key, owner in owners.items()]
    frozen += [(key, variable.trainable) for key, variable in variables.items()]
    metrics = [id(metric) for metric in model.objectives.metrics] if model.compiled else []
    optimizer = [] if model.optimizer is None else [id(variable) for variable in model.optimizer.variables]
    structure = model.trainable, frozen, metrics, optimizer, model.run_eagerly, kernels.mode()
    return Fingerprint(structure, values, keys, found, list(variables.values()))


@functools.cache
def _kind(cls: type) -> str | None:
    if issubclass(cls, Variable):
        return "variable"
    if issubclass(cls, _OWNERS):
        return "owner"
    if issubclass(cls, (*_FUNCTIONS, list, tuple, dict)):
        return None
    is_function = any("__call__" in vars(base) for base in cls.__mro__)  # functions may replace methods
    return "setting" if cls in PLAIN or is_function else None
