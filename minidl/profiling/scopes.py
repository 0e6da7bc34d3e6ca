"""Scopes: which layer an operation belongs to, by the names that it was traced under.

Every layer is called inside `jax.named_scope(layer.name)`, so the name of an operation in a jaxpr or in compiled HLO is
a path such as `jit(train)/transpose(jvp(sequential))/dense/dot_general`. The loss, the metrics and the optimizer are
given scopes by `marked`, only while a profile is traced.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax

from minidl.core.naming import is_own
from minidl.core.object_graph import children
from minidl.layers import InputLayer, Layer
from minidl.models import Model
from minidl.optimizers import Optimizer

LOSS, METRICS, OPTIMIZER = "[loss]", "[metrics]", "[optimizer]"
COMMUNICATION, REST = "[communication]", "[rest]"
OTHERS = {
    LOSS: "the loss, and its gradient",
    METRICS: "the updates of the metrics",
    OPTIMIZER: "the updates of the weights",
    COMMUNICATION: "between devices: sums of gradients, gathered weights",
    REST: "the loop, batches, and operations without a name",
}
_WRAPPED = re.compile(r"^((?:\w+\()*)([^()]*)\)*$")


@dataclasses.dataclass
class Scope:
    """A layer, as a part of the step.

    Args:
        layer: the layer.
        path: the names of the layers around it and its own, separated by "/", without the model's.
        depth: how many layers of the table are around it.
        inside: the layers inside that have rows of their own, by name.
        outputs: the shapes of its outputs, recorded in a trace.
    """

    layer: Layer
    path: str
    depth: int
    inside: dict[str, Scope] = dataclasses.field(default_factory=dict)
    outputs: Any = None

    def find(self, name: str) -> Scope | None:
        """The nearest layer of a name inside; what is between them may not be called itself."""
        waiting = [self]
        for scope in waiting:
            if name in scope.inside:
                return scope.inside[name]
            waiting.extend(inner for inner in scope.inside.values() if inner not in waiting)
        return None

    def parameters(self) -> int:
        """The number of its weights, without those of layers that have rows of their own."""
        weights = self.layer._own_weights() if self.inside else self.layer.weights
        return sum(weight.size for weight in weights)

    __hash__ = object.__hash__
    __eq__ = object.__eq__


class Scopes:
    """The layers of a model, and the other parts of a step.

    Models, and layers that are not minidl's, have rows for the layers inside; a layer of minidl's, such as
    `MultiHeadAttention`, is one row. A layer that is used in several places has one row.

    Args:
        model: a built model.
    """

    def __init__(self, model: Any):
        self._known: dict[int, Scope] = {}
        self._owners: dict[str, Scope | str] = {}
        self.root = self._scope(model, "", 0)
        self.all = list(self._known.values())  # outer ones first

    def _scope(self, layer: Any, path: str, depth: int) -> Scope:
        scope = self._known[id(layer)] = Scope(layer, path or layer.name, depth)
        if isinstance(layer, Model) or not is_own(type(layer)):
            inside = layer.layers if isinstance(layer, Model) else layer._children(Layer)
            for inner in inside:
                if not isinstance(inner, InputLayer) and inner.name not in scope.inside:
                    name = f"{path}/{inner.name}" if path else inner.name
                    known = self._known.get(id(inner))
                    scope.inside[inner.name] = known or self._scope(inner, name, depth + 1 if path else 0)
        return scope

    def of(self, layer: Layer) -> Scope | None:
        """The row of a layer."""
        return self._known.get(id(layer))

    def owner(self, stack: str) -> Scope | str:
        """The innermost layer in the name of an operation; or the part of the step, such as `OPTIMIZER`."""
        if stack not in self._owners:
            self._owners[stack] = self._owner(stack)
        return self._owners[stack]

    def _owner(self, stack: str) -> Scope | str:
        layer: Scope | None = None
        part = REST
        for name in names_in(stack):
            if name == self.root.layer.name:
                layer, part = self.root, LOSS
            elif name in OTHERS:
                layer, part = None, name
            elif part != OPTIMIZER and (found := (layer or self.root).find(name)):
                layer = found
        if layer is None and part is REST and "jvp(" in stack:
            return LOSS  # a user's train_step computes it in its own way
        return part if layer is None else layer

    def named(self, path: str) -> Scope | str:
        """The layer or other part of a path."""
        return next((scope for scope in self.all if scope.path == path), path)


def names_in(stack: str) -> Iterator[str]:
    """The names of scopes in the name of an operation, without functions and transformations.

    >>> list(names_in("jit(train)/transpose(jvp(sequential))/dense/jvp(jit(relu))"))
    ['sequential', 'dense']
    """
    for part in stack.split("/"):
        if (found := _WRAPPED.match(part)) and not found[1].endswith(("jit(", "pjit(")):
            yield found[2]


def is_backward(stack: str) -> bool:
    """Whether an operation is in the backward pass: it is transposed, or recomputed for it."""
    return "transpose(" in stack or "rematted_computation" in stack


@contextlib.contextmanager
def marked(scopes: Scopes) -> Iterator[None]:
    """Inside, what this thread traces has scopes for loss, metrics and optimizer; outputs of layers are recorded.

    The methods of the classes are replaced meanwhile; objects are not changed, which other threads may traverse.
    """
    model: Any = scopes.root.layer
    named = [(LOSS, type(model), "compute_loss")]
    named += [(OPTIMIZER, type(optimizer), "apply") for optimizer in children(model, Optimizer)]
    named += [(METRICS, type(metric), "update_state") for metric in model.metrics]
    wrappers: dict[tuple[type, str], Callable[..., Any]] = {(Layer, "__call__"): functools.partial(_recording, scopes)}
    for scope, cls, name in named:
        defined = next(one for one in cls.__mro__ if name in vars(one))
        wrappers[defined, name] = functools.partial(_in_scope, scope)
    with _replacing:
        before = {(cls, name): vars(cls)[name] for cls, name in wrappers}
        try:
            for (cls, name), wrap in wrappers.items():
                setattr(cls, name, _in_this_thread(before[cls, name], wrap(before[cls, name])))
            yield
        finally:
            for (cls, name), method in before.items():
                setattr(cls, name, method)


_replacing = threading.RLock()  # one profile at a time


def _in_this_thread(method: Callable[..., Any], replacement: Callable[..., Any]) -> Callable[..., Any]:
    thread = threading.get_ident()

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        return (replacement if threading.get_ident() == thread else method)(*args, **kwargs)

    return call


def _in_scope(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with jax.named_scope(name):
            return method(*args, **kwargs)

    return call


def _recording(scopes: Scopes, method: Callable[..., Any]) -> Callable[..., Any]:
    def call(layer: Layer, *args: Any, **kwargs: Any) -> Any:
        outputs = method(layer, *args, **kwargs)
        scope = scopes.of(layer)
        if scope is not None and scope.outputs is None:
            scope.outputs = jax.tree.map(lambda array: tuple(getattr(array, "shape", ())), outputs)
        return outputs

    return call
