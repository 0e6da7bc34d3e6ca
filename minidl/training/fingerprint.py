"""What tells whether compiled steps still fit a model.

Users may add layers, freeze parts, set attributes and compile again between two calls of fit, or in callbacks, and
nobody tells the steps.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from minidl import kernels
from minidl.constraints import Constraint
from minidl.core.object_graph import PLAIN
from minidl.core.variables import Variable
from minidl.layers.module import Module
from minidl.losses import Loss
from minidl.metrics import Metric
from minidl.optimizers import Optimizer
from minidl.random import SeedGenerator
from minidl.regularizers import Regularizer

_NOT_READ = frozenset(  # by any step: what the loop and the layers' own bookkeeping set
    {"stop_training", "stop_evaluating", "stop_predicting", "initial_epoch", "built", "name", "jit_compile"}
)

Setting = tuple[int, str]  # the id of an object, and the name of its attribute


class Fingerprint(NamedTuple):
    """A model as steps are made for it."""

    structure: Any  # which variables, metrics and frozen parts there are
    values: list[Any]  # the numbers, texts, flags and functions in the attributes, in the order of the walk
    keys: list[Setting] | None  # whose they are, where that was asked for

    def settings(self) -> dict[Setting, Any]:
        """What a step may have read."""
        assert self.keys is not None
        pairs = zip(self.keys, self.values, strict=True)
        return {key: v for key, v in pairs if key[0] and not key[1].startswith("_") and key[1] not in _NOT_READ}


def changed(one: dict[Setting, Any], other: dict[Setting, Any]) -> set[Setting]:
    """The settings that differ."""
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


def fingerprint(model: Any, with_keys: bool = False) -> Fingerprint:
    """What tells whether the model has other variables, metrics, frozen parts or settings than before.

    It is taken before every call of fit, evaluate and predict, so it is one walk that asks for the type of each
    attribute and little else.
    """
    found: list[Any] = []
    values: list[Any] = []
    keys: list[Setting] = []
    seen: set[int] = {id(model._init_arguments)}
    waiting: list[tuple[Any, int]] = [(vars(model), id(model))]
    functions = [model.optimizer, *model.objectives.losses] if model.compiled else []  # hold settings, and no layers
    while waiting:
        container, owner = waiting.pop()
        if with_keys:
            names = container if isinstance(container, dict) else range(len(container))
            pairs = zip(names, container.values() if isinstance(container, dict) else container)
            keys += [(owner, str(name)) for name, value in pairs if _is_setting(value)]
        for value in container.values() if isinstance(container, dict) else container:
            if type(value) in PLAIN:
                values.append(value)
                continue
            kind = _kind(type(value))  # type: ignore[arg-type]
            if kind == "setting":
                values.append(value)
                continue
            if kind is None or id(value) in seen:
                continue
            seen.add(id(value))
            if kind == "container":
                waiting.append((value, 0))
            elif kind == "variable":
                found.append((id(value), value.trainable))
            elif kind == "function":
                functions.append(value)
            else:
                attributes = vars(value)
                found.append((id(value), attributes.get("_trainable")))
                seen.add(id(attributes.get("_init_arguments")))  # what a layer was made with is not part of it
                waiting.append((attributes, id(value)))
    for part in functions:
        if part is not None:
            settings = [(name, value) for name, value in vars(part).items() if _is_setting(value)]
            values += [value for _, value in settings]
            keys += [(id(part), name) for name, _ in settings] if with_keys else []
    metrics = [id(metric) for metric in model.objectives.metrics] if model.compiled else []
    optimizer = [] if model.optimizer is None else [id(variable) for variable in model.optimizer.variables]
    structure = model.trainable, found, metrics, optimizer, model.run_eagerly, kernels.mode()
    return Fingerprint(structure, values, keys if with_keys else None)


def _is_setting(value: Any) -> bool:
    return type(value) in PLAIN or _kind(type(value)) == "setting"  # type: ignore[arg-type]


@functools.cache
def _kind(cls: type) -> str | None:
    if issubclass(cls, Variable):
        return "variable"
    if issubclass(cls, (Module, Metric, SeedGenerator)):
        return "owner"
    if issubclass(cls, (Loss, Regularizer, Constraint, Optimizer)):
        return "function"
    if any("__call__" in vars(base) for base in cls.__mro__):  # a function may stand for a method
        return "setting"
    return "container" if issubclass(cls, (list, tuple, dict)) else None
