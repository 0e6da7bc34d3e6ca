"""What tells whether compiled steps still fit a model.

Users may add layers, freeze parts, set attributes and compile again between two calls of fit, or in callbacks, and
nobody tells the steps.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from minidl.constraints import Constraint
from minidl.layers.module import Module
from minidl.losses import Loss
from minidl.metrics import Metric
from minidl.optimizers import Optimizer
from minidl.random import SeedGenerator
from minidl.regularizers import Regularizer
from minidl.tracking import PLAIN
from minidl.variables import Variable

_NOT_READ = frozenset(  # by any step: what the loop and the layers' own bookkeeping set
    {"stop_training", "stop_evaluating", "stop_predicting", "initial_epoch", "built", "name", "jit_compile"}
)

Setting = tuple[int, str]  # the id of an object, and the name of its attribute


class Fingerprint(NamedTuple):
    """A model as steps are made for it."""

    structure: Any  # which variables, metrics and frozen parts there are
    settings: dict[Setting, Any]  # numbers, texts and flags in the attributes, which a step may have read

    def changed(self, other: Fingerprint) -> set[Setting]:
        """The settings that differ; they are compared where the structure is the same."""
        if self.settings == other.settings:
            return set()
        both = self.settings.keys() | other.settings.keys()
        return {key for key in both if self.settings.get(key) != other.settings.get(key)}


def fingerprint(model: Any) -> Fingerprint:
    """What tells whether the model has other variables, metrics, frozen parts or settings than before.

    It is taken before every call of fit, evaluate and predict, so it is one walk that asks for the type of each
    attribute and little else.
    """
    found: list[Any] = []
    settings: dict[Setting, Any] = {}
    seen: set[int] = {id(model._init_arguments)}
    waiting: list[tuple[Any, int]] = [(vars(model), id(model))]
    if model.compiled:
        waiting += [(vars(part), id(part)) for part in (model.optimizer, *model.objectives.losses) if part is not None]
    while waiting:
        container, owner = waiting.pop()
        items = container.items() if isinstance(container, dict) else enumerate(container)
        for name, value in items:
            if type(value) in PLAIN:
                if owner and not name.startswith("_") and name not in _NOT_READ:
                    settings[owner, name] = value
                continue
            kind = _kind(type(value))  # type: ignore[arg-type]
            if kind is None or id(value) in seen:
                continue
            seen.add(id(value))
            if kind == "container":
                waiting.append((value, 0))
            elif kind == "variable":
                found.append((id(value), value.trainable))
            else:
                attributes = vars(value)
                if kind == "owner":
                    found.append((id(value), attributes.get("_trainable")))
                seen.add(id(attributes.get("_init_arguments")))  # what a layer was made with is not part of it
                waiting.append((attributes, id(value)))
    metrics = [id(metric) for metric in model.objectives.metrics] if model.compiled else []
    optimizer = [] if model.optimizer is None else [id(variable) for variable in model.optimizer.variables]
    return Fingerprint((model.trainable, found, metrics, optimizer, model.run_eagerly), settings)


@functools.cache
def _kind(cls: type) -> str | None:
    if issubclass(cls, Variable):
        return "variable"
    if issubclass(cls, (Module, Metric, SeedGenerator)):
        return "owner"
    if issubclass(cls, (Loss, Regularizer, Constraint, Optimizer)):
        return "function"
    return "container" if issubclass(cls, (list, tuple, dict)) else None
