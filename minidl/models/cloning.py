"""clone_model: a copy of a model with new layers and new weights, optionally with replaced layers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax

from minidl.core import structures
from minidl.core.symbolic import KerasTensor, apply
from minidl.core.typing import PyTree
from minidl.layers import Input, InputLayer
from minidl.layers.base import Layer
from minidl.models.graph import Graph
from minidl.models.model import Model
from minidl.models.sequential import Sequential


def clone_model(
    model: Model,
    input_tensors: PyTree = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Model:
    """Copy a model, with new layers and new weights; the copy is compiled if the model is.

    Args:
        model: a Sequential, a functional model, or one with `get_config`.
        input_tensors: symbolic tensors to build the clone on; default: inputs like the model's.
        clone_function: returns the new layer for a layer (not for inputs); default: from its config.
        call_function: called as `call_function(layer, *args, **kwargs)` instead of each layer of a graph; what it
            returns goes on, so that layers can be put before or after.
        recursive: whether nested models are cloned in the same way, rather than by `clone_function`.

    Raises:
        ValueError: functions or tensors for a model without a graph; a call_function for a Sequential.

    >>> from minidl.layers import Dense
    >>> model = Sequential([Input((3,)), Dense(2)])
    >>> clone_model(model).output_shape
    (None, 2)
    """
    clone = _clone(model, input_tensors, _Cloner(clone_function, call_function, recursive))
    if model.compiled and (config := model.get_compile_config()):
        clone.compile_from_config(config)
    return clone


class _Cloner:
    """Creates one new layer for each layer, also if it is called several times."""

    def __init__(self, clone_function: Any, call_function: Any, recursive: bool):
        self.clone_function = clone_function
        self.call_function = call_function
        self.recursive = recursive
        self.clones: dict[int, Any] = {}

    def __call__(self, operation: Any) -> Any:
        if not isinstance(operation, Layer):
            return functools.partial(apply, operation.function, operation.function_name)
        if id(operation) not in self.clones:
            self.clones[id(operation)] = self._clone_layer(operation)
        return self.clones[id(operation)]

    def call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        clone = self(operation)
        if self.call_function is None or not isinstance(operation, Layer):
            return clone(*args, **kwargs)
        return self.call_function(clone, *args, **kwargs)

    def _clone_layer(self, layer: Layer) -> Any:
        if isinstance(layer, Model) and self.recursive and (isinstance(layer, Sequential) or layer._graph is not None):
            inner = _Cloner(self.clone_function, None, True) if isinstance(layer, Sequential) else self
            inner.clones = self.clones
            return _clone(layer, None, inner)
        if self.clone_function is not None:
            return self.clone_function(layer)
        return type(layer).from_config(layer.get_config())


def _clone(model: Model, input_tensors: PyTree, cloner: _Cloner) -> Any:
    if isinstance(model, Sequential):
        if cloner.call_function is not None:
            raise ValueError("clone_model: call_function is for models of a graph; a Sequential only lists its layers.")
        return _clone_sequential(model, input_tensors, cloner)
    if model._graph is not None:
        return _clone_graph(model, model._graph, input_tensors, cloner)
    if input_tensors is not None or cloner.clone_function is not None or cloner.call_function is not None:
        raise ValueError(
            f"clone_model: {type(model).__name__} has no graph, so its layers cannot be exchanged: give only the "
            "model, or write a Sequential or Model(inputs, outputs)."
        )
    return type(model).from_config(model.get_config())


def _clone_sequential(model: Sequential, input_tensors: PyTree, cloner: _Cloner) -> Sequential:
    layers = [cloner(layer) for layer in model.layers]
    first: list[Any] = [layer for layer in model._layers if isinstance(layer, InputLayer)]
    given = jax.tree.leaves(input_tensors)
    if len(given) > 1:
        raise ValueError(f"clone_model: a Sequential has one input, got {len(given)} input_tensors.")
    inputs = given or [Input(batch_shape=layer.batch_shape, dtype=layer.dtype, name=layer.name) for layer in first]
    return type(model)([*map(_as_input, inputs), *layers], name=model.name, trainable=model.trainable)


def _clone_graph(model: Model, graph: Graph, input_tensors: PyTree, cloner: _Cloner) -> Any:
    if isinstance(graph.input_struct, dict) and isinstance(input_tensors, (list, tuple)):
        raise ValueError(
            "clone_model: the model takes a dict of inputs, so input_tensors must be a dict with the keys "
            f"{list(graph.input_struct)}; got a {type(input_tensors).__name__}."
        )
    given = [_as_input(tensor) for tensor in jax.tree.leaves(input_tensors)]
    if given and len(given) != len(graph.inputs):
        raise ValueError(f"clone_model: the model has {len(graph.inputs)} inputs, got {len(given)} input_tensors.")
    inputs: Sequence[KerasTensor] = given or [
        Input(
            batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name, optional=tensor.producer.operation.optional
        )
        for tensor in graph.inputs
        if tensor.producer is not None
    ]
    tensors = {id(old): new for old, new in zip(graph.inputs, inputs)}
    tensors |= {id(old): new for old, new in zip(graph.given_inputs, inputs)}

    def new(leaf: Any) -> Any:
        return tensors[id(leaf)] if isinstance(leaf, KerasTensor) else leaf

    for node in graph.nodes:
        if not isinstance(node.operation, InputLayer):
            args, kwargs = structures.map(new, (node.args, node.kwargs))
            outputs = jax.tree.leaves(cloner.call(node.operation, *args, **kwargs))
            tensors |= {id(old): output for old, output in zip(node.output_tensors, outputs)}
    struct = structures.map(new, graph.input_struct)
    return type(model)(struct, structures.map(new, graph.output_struct), name=model.name, trainable=model.trainable)


def _as_input(value: Any) -> KerasTensor:
    """The symbolic tensor of an input that is given as a layer, a tensor or an array."""
    if isinstance(value, InputLayer):
        return value.output
    return value if isinstance(value, KerasTensor) else Input(batch_shape=value.shape, dtype=value.dtype)
