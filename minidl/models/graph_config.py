"""Graphs as configs, in Keras's form of functional models, and back.

Each operation has a config and its calls as "inbound_nodes": arguments in which a tensor is written as
[name of the operation that gives it, number of that operation's call, number of the output].
A function of `minidl.ops` is written under the name of Keras's class for it ("relu" is Relu).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax

from minidl import ops
from minidl.core import budget, naming, serialization, structures
from minidl.core.operation import FUNCTIONS
from minidl.core.symbolic import FunctionCall, KerasTensor, Node, record
from minidl.core.variables import Variable
from minidl.layers.base import Layer
from minidl.models.graph import Graph

_OPERANDS = (
    "x",
    "x1",
    "x2",
    "y",
    "xs",
    "inputs",
    "images",
    "operands",
    "condition",
    "key",
)  # arguments of a call, not of its operation
_COST_OF_A_TRY = 0.05  # units of the budget of a file, to check whether the inputs of a call exist yet


def graph_config(graph: Graph) -> dict[str, Any]:
    """The operations of a graph with their calls, and the positions of its inputs and outputs.

    Raises:
        TypeError: an argument of a call that is not plain data, such as a variable.
    """
    calls = {id(operation): graph.nodes_of(operation) for operation in graph.operations}

    def place(tensor: KerasTensor) -> list[Any]:
        node = graph.producer(tensor)
        given = [i for i, output in enumerate(node.output_tensors) if output is tensor]  # empty for inputs
        return [node.operation.name, calls[id(node.operation)].index(node), given[0] if given else 0]

    def end(tensor: KerasTensor) -> list[Any]:
        """A position in the inputs or outputs, where Keras counts the calls of a functional model from 1."""
        name, call, index = place(tensor)
        return [name, call + _is_functional(graph.producer(tensor).operation), index]

    layers = []
    for operation in graph.operations:
        config = _operation_config(operation, calls[id(operation)])
        nodes = [_call_config(node, place) for node in calls[id(operation)] if node.inputs]
        config.update(name=operation.name, inbound_nodes=nodes)
        layers.append(config)
    return {
        "layers": layers,
        "input_layers": structures.map(end, graph.input_struct),
        "output_layers": structures.map(end, graph.output_struct),
    }


def graph_tensors(
    config: Mapping[str, Any], deserialize: Callable[[Any], Any], calls_in: Callable[[Any], int]
) -> tuple[Any, Any]:
    """The inputs and outputs of a graph from its config, with new operations.

    Args:
        config: a config made by `graph_config`.
        deserialize: creates a layer from its config.
        calls_in: the number of layers that a call of an operation calls.

    Raises:
        ValueError: a tensor that no call returns, or an unknown operation.
    """
    made: dict[str, Any] = {}
    outputs: dict[str, list[list[KerasTensor]]] = {}  # the name of an operation -> the outputs of each call
    waiting: list[tuple[str, dict[str, Any]]] = []
    for layer in config["layers"]:
        name = layer["name"]
        made[name] = _operation(layer, deserialize)
        outputs[name] = []
        if not layer["inbound_nodes"]:
            outputs[name] = [made[name]._nodes[0].output_tensors]
        waiting += [(name, call) for call in layer["inbound_nodes"]]

    def find(history: Any) -> KerasTensor | None:
        if not (isinstance(history, (list, tuple)) and len(history) == 3 and is_place(*history)):
            raise ValueError(
                f"Expected [the name of an operation, the number of a call, of an output], got {history!r}."
            )
        name, call, index = history
        if name not in outputs:
            raise ValueError(f"The graph of the model has no operation {name!r}, which a call or an output refers to.")
        return outputs[name][call][index] if call < len(outputs[name]) else None

    while waiting:
        later, blocked = [], set()
        for name, call in waiting:
            budget.charge(_COST_OF_A_TRY, "calls of layers")
            decoded = _Decoder(find)
            args, kwargs = decoded(_arguments(call))
            if decoded.missing or name in blocked:  # calls of an operation are made in order
                later.append((name, call))
                blocked.add(name)
            else:
                budget.charge_calls(calls_in(made[name]))
                outputs[name].append(jax.tree.leaves(made[name](*args, **kwargs)))
        if len(later) == len(waiting):
            raise ValueError(f"The graph of the model is broken: nothing leads to {sorted(blocked)}.")
        waiting = later

    def end(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: end(item) for key, item in value.items()}
        if len(value) == 3 and isinstance(value[0], str):
            name, call, index = value
            tensor = find([name, max(0, call - _is_functional(made.get(name))), index])
            if tensor is None:
                raise ValueError(f"The graph of the model has no call {call} of {name!r}.")
            return tensor
        return tuple(map(end, value)) if isinstance(value, tuple) else [end(item) for item in value]

    return end(config["input_layers"]), end(config["output_layers"])


def is_place(name: Any, call: Any, index: Any) -> bool:
    """Whether values are the name of an operation, and the indices of a call and an output."""
    return isinstance(name, str) and all(isinstance(number, int) and number >= 0 for number in (call, index))


def _is_functional(operation: Any) -> bool:
    return getattr(operation, "_graph", None) is not None


# One operation


def _operation_config(operation: Any, calls: list[Node]) -> dict[str, Any]:
    if isinstance(operation, Layer):
        return serialization.serialize(operation)
    class_name = "".join(part.capitalize() for part in operation.function_name.split("_"))
    arguments = {"name": operation.name, **_split_arguments(calls[0])[2]}
    module = ops.MODULES.get(operation.function_name, "keras.src.ops.numpy")
    return {"module": module, "class_name": class_name, "config": arguments, "registered_name": class_name}


def _operation(config: Mapping[str, Any], deserialize: Callable[[Any], Any]) -> Any:
    """A layer, or a function called with the arguments in its config."""
    if not str(config.get("module", "")).startswith("keras.src.ops"):
        return deserialize({key: value for key, value in config.items() if key not in ("name", "inbound_nodes")})
    settings = _Decoder(lambda history: None)(config["config"])
    name, function_name = settings.pop("name", None), naming.snake_case(config["class_name"])
    functions = ops.NAMES | FUNCTIONS
    if function_name not in functions:
        raise naming.unknown("function", function_name, functions)
    function = functions[function_name]
    call = FunctionCall(function, function_name, name)
    known = inspect.signature(function).parameters
    settings = {key: value for key, value in settings.items() if key in known}
    return lambda *args, **kwargs: record(call, args, {**settings, **kwargs})


# One call


def _call_config(node: Node, place: Callable[[KerasTensor], list[Any]]) -> dict[str, Any]:
    if isinstance(node.operation, FunctionCall):
        args, kwargs, _ = _split_arguments(node)
    else:
        args, kwargs = list(node.args), node.kwargs
    return {"args": [_encode(arg, place) for arg in args], "kwargs": _encode(kwargs, place)}


def _split_arguments(node: Node) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    """The positional and keyword arguments of a function call, and the config of the operation."""
    operation = node.operation
    parameters = list(inspect.signature(ops.NAMES.get(operation.function_name, operation.function)).parameters)
    args = [value for name, value in zip(parameters, node.args) if name in _OPERANDS or _holds_tensor(value)]
    args += node.args[len(parameters) :]
    named = {**dict(zip(parameters, node.args)), **node.kwargs}
    kwargs = {name: value for name, value in node.kwargs.items() if _holds_tensor(value)}
    settings = {n: v for n, v in named.items() if n not in _OPERANDS and not _holds_tensor(v)}
    return args, kwargs, {name: _encode(value, None) for name, value in settings.items()}


def _holds_tensor(value: Any) -> bool:
    return any(isinstance(leaf, KerasTensor) for leaf in jax.tree.leaves(value))


def _arguments(call: Any) -> Any:
    if not isinstance(call, dict) or not {"args", "kwargs"} <= call.keys():
        raise ValueError(f"A call in the config of a model needs 'args' and 'kwargs', got {call!r}.")
    return [call["args"], call["kwargs"]]


def _encode(value: Any, place: Callable[[KerasTensor], list[Any]] | None) -> Any:
    """An argument as plain data: tensors by their position in the graph, the rest as in any config."""
    if isinstance(value, KerasTensor) and place is not None:
        config = {"shape": list(value.shape), "dtype": value.dtype, "keras_history": place(value)}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(value, dict):
        return {key: _encode(item, place) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encode(item, place) for item in value]
    if isinstance(value, Variable):
        raise TypeError(f"{value!r} cannot be written into a config: put it in a layer, and call the layer.")
    return serialization.serialize(value)


class _Decoder:
    """The inverse of `_encode`; `missing` is whether a tensor does not exist yet."""

    def __init__(self, find: Callable[[Any], KerasTensor | None]):
        self.find = find
        self.missing = False

    def __call__(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [self(item) for item in value]
        if not isinstance(value, dict):
            return value
        kind: Any = value.get("class_name")
        config: Any = value.get("config")
        if kind == "__keras_tensor__":
            tensor = self.find(config["keras_history"])
            self.missing |= tensor is None
            return tensor
        if isinstance(kind, str) and kind.startswith("__"):
            return serialization.deserialize_any(value)
        return {key: self(item) for key, item in value.items()}
