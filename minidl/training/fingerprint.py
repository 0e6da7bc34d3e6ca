"""What tells whether compiled steps still fit a model.

Users may add layers, freeze parts and compile again between two calls of fit, and nobody tells the steps.
"""

from __future__ import annotations

import functools
from typing import Any

from minidl.layers.module import Module
from minidl.metrics import Metric
from minidl.random import SeedGenerator
from minidl.variables import Variable


def fingerprint(model: Any) -> Any:
    """What tells whether the model has other variables, metrics or frozen parts than before.

    It is taken before every call of fit, evaluate and predict, so it is one walk that asks for the type of each
    attribute and little else.
    """
    found: list[Any] = []
    seen: set[int] = {id(model._init_arguments)}
    waiting: list[Any] = [vars(model)]
    while waiting:
        container = waiting.pop()
        for value in container.values() if isinstance(container, dict) else container:
            kind = _kind(type(value))  # type: ignore[arg-type]
            if kind is None or id(value) in seen:
                continue
            seen.add(id(value))
            if kind == "container":
                waiting.append(value)
            elif kind == "variable":
                found.append((id(value), value.trainable))
            else:
                attributes = vars(value)
                found.append((id(value), attributes.get("_trainable")))
                seen.add(id(attributes.get("_init_arguments")))  # what a layer was made with is not part of it
                waiting.append(attributes)
    metrics = [id(metric) for metric in model.objectives.metrics] if model.compiled else []
    optimizer = [] if model.optimizer is None else [id(variable) for variable in model.optimizer.variables]
    return model.trainable, found, metrics, optimizer, model.run_eagerly


@functools.cache
def _kind(cls: type) -> str | None:
    if issubclass(cls, Variable):
        return "variable"
    if issubclass(cls, (Module, Metric, SeedGenerator)):
        return "owner"
    return "container" if issubclass(cls, (list, tuple, dict)) else None
