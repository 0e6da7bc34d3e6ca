"""Graph: the calls between the inputs and the outputs of a functional model.

Calls on symbolic tensors are recorded as nodes (see core/symbolic.py). A graph collects the nodes from given
inputs to given outputs; a run calls their operations again on arrays, each on what the operations before it gave.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp

from minidl.core import input_ranges, structures
from minidl.core.host_arrays import DTYPE
from minidl.core.symbolic import KerasTensor, Node
from minidl.core.text import may_be_text
from minidl.core.tracebacks import described, warn
from minidl.core.typing import PyTree, Shape
from minidl.layers import InputLayer, masks
from minidl.layers.base import Layer
from minidl.layers.input_spec import axes_advice


class Graph:
    """The calls from inputs to outputs.

    Args:
        inputs: symbolic tensors: one, or a structure of them. A tensor from the middle of a graph becomes an input.
        outputs: symbolic tensors that depend on the inputs.

    Attributes:
        input_struct: the structure of the inputs.
        output_struct: the structure of the outputs.
        given_inputs: the inputs as they were given: tensors from the middle of another graph may be among them.
        inputs: the inputs as a list, each the output of an InputLayer.
        outputs: the outputs as a list.
        nodes: the calls in topological order, those of the inputs first.
        operations: the layers and function calls in Keras's order: those that are
            farthest from the outputs first.

    Raises:
        ValueError: something that is not a symbolic tensor, an output that does not depend on the inputs, or two
            operations of one name.

    >>> x = KerasTensor((None, 3))
    >>> len(Graph(x, 2 * x + 1).nodes)
    3
    """

    def __init__(self, inputs: PyTree, outputs: PyTree):
        _require_symbolic(inputs, "inputs")
        _require_symbolic(outputs, "outputs")
        self.given_inputs: list[KerasTensor] = jax.tree.leaves(inputs)
        self.inputs = [_as_input(tensor) for tensor in self.given_inputs]
        self.input_struct = structures.like(inputs, jax.tree.unflatten(jax.tree.structure(inputs), self.inputs))
        self._has_warned = False
        self._in_order = not isinstance(inputs, dict) or list(inputs) == sorted(
            inputs
        )  # as a list is matched with them
        self.output_struct = outputs
        self.outputs: list[KerasTensor] = jax.tree.leaves(outputs)
        self.nodes, self.operations = self._ordered()
        names = [operation.name for operation in self.operations]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"Several operations of the model are called {twice}: give each another name=.")

    @property
    def layers(self) -> list[Layer]:
        """The operations that are layers."""
        return [operation for operation in self.operations if isinstance(operation, Layer)]

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [tensor.name for tensor in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the operations that return the outputs."""
        return [self.producer(tensor).operation.name for tensor in self.outputs]

    def producer(self, tensor: KerasTensor) -> Node:
        """The node of this graph that returns a tensor; for a tensor that is an input, that of the input."""
        for given, own in zip(self.given_inputs, self.inputs):
            tensor = own if tensor is given else tensor
        assert tensor.producer is not None
        return tensor.producer

    def nodes_of(self, operation: Any) -> list[Node]:
        """The calls of an operation in this graph, in the order in which they were made."""
        found = [node for node in self.nodes if node.operation is operation]
        return sorted(found, key=operation._nodes.index) if isinstance(operation, Layer) else found

    def standardize(self, inputs: PyTree, where: str) -> list[Any]:
        """One array per input, with its dtype and rank, from the arguments of a call.

        Args:
            inputs: an array, or a structure like that of the inputs; a dict by the names of the inputs is
                accepted for a list of them too.
            where: the name of the model, for errors.

        Raises:
            ValueError: inputs that are missing, too many, or of another shape.
        """
        arrays = self._flat(inputs, where)
        return [self._fitted(array, tensor, where) for array, tensor in zip(arrays, self.inputs, strict=True)]

    def _flat(self, inputs: PyTree, where: str) -> list[Any]:
        expected = self.input_struct
        if isinstance(inputs, dict) and not isinstance(expected, dict):
            names = self.input_names
            if missing := [name for name in names if name not in inputs]:
                raise ValueError(
                    f"{where} takes inputs named {names}; {missing} are not among {sorted(inputs)}. "
                    "Pass a dict with an array for each name."
                )
            return [inputs[name] for name in names]
        if isinstance(inputs, dict) and isinstance(expected, dict):
            if missing := sorted(expected.keys() - inputs.keys()):
                raise ValueError(f"{where} takes inputs with the keys {sorted(expected)}; {missing} are missing.")
            if inputs.keys() - expected.keys():
                self._warn_of_structure(where, inputs)
            inputs = {key: inputs[key] for key in expected}
        leaves = jax.tree.leaves(inputs, is_leaf=_is_none)
        if len(leaves) != len(self.inputs):
            names = jax.tree.map(lambda tensor: tensor.name, expected)
            wanted = f"with the keys {list(expected)}" if isinstance(expected, dict) else f"named {names}"
            kind = "dict" if isinstance(expected, dict) else "list"
            raise ValueError(
                f"{where} takes {len(self.inputs)} input(s) {wanted}; got {len(leaves)}. Pass a {kind} with "
                "an array for each."
            )
        if isinstance(expected, dict) and not isinstance(inputs, dict):
            if not self._in_order:
                raise ValueError(_structure_message(where, expected, inputs))
            self._warn_of_structure(where, inputs)
        return leaves

    def _warn_of_structure(self, where: str, inputs: PyTree) -> None:
        """Warn once, as each call reads its inputs more than once."""
        if not self._has_warned:
            self._has_warned = True
            warn(_structure_message(where, self.input_struct, inputs))

    def _fitted(self, array: Any, tensor: KerasTensor, where: str) -> Any:
        """An array converted for an input; (n,) and (n, 1) are interchangeable."""
        if array is None:
            if not _is_optional(tensor):
                raise ValueError(f"{where}: got None for the input {tensor.name!r}, which is required.")
            return None
        given, mask, shape, expected = array, masks.get(array), tuple(array.shape), tensor.shape
        if len(shape) == len(expected) - 1 and expected[-1] == 1:
            array = array[..., None]
        elif len(shape) == len(expected) + 1 and shape[-1] == 1:
            array = array[..., 0]
        if not fits((None, *array.shape[1:]), expected):  # a batch may have any size, also if the batch size was fixed
            raise ValueError(
                f"{where}: the input {tensor.name!r} (at {self._path(tensor)!r}) takes arrays of shape "
                f"{(None, *expected[1:])}, got {shape}.{axes_advice((None, *shape[1:]), expected)}"
            )
        if isinstance(array, KerasTensor):
            return array
        if (tensor.dtype == DTYPE) != (array.dtype == DTYPE or may_be_text(array)):
            raise ValueError(
                f"{where}: the input {tensor.name!r} takes values of dtype {tensor.dtype}, got {array.dtype}."
            )
        if tensor.dtype != DTYPE and array.dtype != tensor.dtype:
            if jnp.issubdtype(tensor.dtype, jnp.integer):
                limits = jnp.iinfo(tensor.dtype)
                input_ranges.require(given, limits.min, limits.max, f"the Input {tensor.name!r} of {tensor.dtype}")
            array = jnp.asarray(array).astype(tensor.dtype)
        return masks.put(array if array is given else input_ranges.carry(given, array), mask)

    def _path(self, tensor: KerasTensor) -> str:
        """The path of an input in the structure of the inputs: "0.price"; "" for the only one."""
        paths = jax.tree_util.tree_flatten_with_path(self.input_struct)[0]
        found = next(path for path, leaf in paths if leaf is tensor)
        return jax.tree_util.keystr(found, simple=True, separator=".")

    def _ordered(self) -> tuple[list[Node], list[Any]]:
        """The nodes and the operations in Keras's order, in which random numbers are drawn and weights created.

        Sorted by the distance from the outputs (the longest path), descending; then for operations by when
        a search from the outputs reaches them, and for nodes by when the distance of one is first known.
        """
        first_seen: dict[int, int] = {}
        nodes = self._search(first_seen)
        depths: dict[int, int] = {}  # of nodes
        operations: dict[int, tuple[int, Any]] = {}  # id -> (depth, operation)
        for node in reversed(nodes):
            key = id(node.operation)
            depth = max(depths.get(id(node), 0), operations.get(key, (0, None))[0])
            depths[id(node)] = depth
            operations[key] = depth, node.operation
            for tensor in self._needed(node):
                before = self.producer(tensor)
                depths[id(before)] = max(depths.get(id(before), 0), depth + 1)
        found_first = {key: place for place, key in enumerate(depths)}
        nodes.sort(key=lambda node: (-depths[id(node)], found_first[id(node)]))
        for tensor in self.inputs:
            unused = self.producer(tensor)
            if id(unused.operation) not in operations:
                operations[id(unused.operation)] = 0, unused.operation
                first_seen[id(unused.operation)] = -1
                nodes.insert(0, unused)
        ordered = sorted(operations.values(), key=lambda item: (-item[0], first_seen[id(item[1])]))
        return nodes, [operation for _, operation in ordered]

    def _search(self, first_seen: dict[int, int]) -> list[Node]:
        """The nodes that the outputs depend on, in topological order (without recursion: graphs may be deep)."""
        finished: dict[int, Node] = {}
        waiting: list[tuple[Node, bool]] = [(self._reached(tensor), False) for tensor in reversed(self.outputs)]
        while waiting:
            node, done = waiting.pop()
            if id(node) in finished:
                continue
            if done:
                finished[id(node)] = node
                continue
            first_seen.setdefault(id(node.operation), len(first_seen))
            waiting.append((node, True))
            waiting += [(self._reached(tensor), False) for tensor in reversed(self._needed(node))]
        return list(finished.values())

    def _needed(self, node: Node) -> list[KerasTensor]:
        return [] if isinstance(node.operation, InputLayer) else node.inputs

    def _reached(self, tensor: KerasTensor) -> Node:
        is_input = any(tensor is known for known in (*self.given_inputs, *self.inputs))
        if not is_input and (tensor.producer is None or isinstance(tensor.producer.operation, InputLayer)):
            names = [known.name for known in self.given_inputs]
            raise ValueError(
                f"The outputs need {tensor!r}, which does not follow from the inputs {names}: the graph is "
                "disconnected. Add it to the inputs of the model."
            )
        return self.producer(tensor)


class Run:
    """An execution of a graph on arrays: the values of the tensors computed so far.

    Args:
        graph: the graph.
        inputs: one array for each input, None for one that is optional.
        training: if given, it takes precedence over the `training=` of a call in the graph, as in Keras, whose files
            have one at every call.

    >>> x = KerasTensor((None, 3))
    >>> run = Run(Graph(x, 2 * x + 1), [jnp.ones((1, 3))])
    >>> for node in run.calls:
    ...     args, kwargs = run.arguments(node)
    ...     run.finish(node, node.operation(*args, **kwargs))
    >>> float(run.outputs[0, 0])
    3.0
    """

    def __init__(self, graph: Graph, inputs: list[Any], training: bool | None = None):
        self._graph = graph
        self._training = training
        self._values = {id(tensor): value for tensor, value in zip(graph.given_inputs, inputs)}
        self._values |= {id(tensor): value for tensor, value in zip(graph.inputs, inputs)}

    @property
    def calls(self) -> list[Node]:
        """The calls to execute, in order."""
        return [node for node in self._graph.nodes if not isinstance(node.operation, InputLayer)]

    def arguments(self, node: Node) -> tuple[Any, Any]:
        """The arguments of a call, args and kwargs, with tensors replaced by their values."""
        args, kwargs = structures.map(self._value_of, (node.args, node.kwargs))
        if self._training is not None and "training" in kwargs:
            kwargs["training"] = self._training
        return args, kwargs

    def finish(self, node: Node, outputs: PyTree) -> None:
        """Store the results of a call."""
        leaves = jax.tree.leaves(outputs, is_leaf=_is_none)
        self._values |= {id(tensor): leaf for tensor, leaf in zip(node.output_tensors, leaves)}

    @property
    def outputs(self) -> PyTree:
        """The outputs of the graph, in their structure."""
        return structures.map(self._value_of, self._graph.output_struct)

    def _value_of(self, leaf: Any) -> Any:
        return self._values[id(leaf)] if isinstance(leaf, KerasTensor) else leaf


def fits(shape: Iterable[int | None], expected: Shape) -> bool:
    """Whether a shape matches the expected one, where None is any size."""
    sizes = tuple(shape)
    return len(sizes) == len(expected) and all(e is None or s is None or s == e for s, e in zip(sizes, expected))


def is_like(shape: Shape, own: Shape) -> bool:
    """Whether a shape is that of a model; an unknown batch size matches a fixed one."""
    return shape == own or (shape[:1] == (None,) and shape[1:] == own[1:])


def _as_input(tensor: KerasTensor) -> KerasTensor:
    """A tensor of an InputLayer: the given one, or a new one of the same shape and dtype."""
    if tensor.producer is not None and isinstance(tensor.producer.operation, InputLayer):
        return tensor
    return InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype, name=f"{tensor.name}CLONE").output


def _is_optional(tensor: KerasTensor) -> bool:
    assert tensor.producer is not None
    return bool(tensor.producer.operation.optional)


def _require_symbolic(tree: Any, what: str) -> None:
    for leaf in jax.tree.leaves(tree, is_leaf=_is_none) or [None]:
        if not isinstance(leaf, KerasTensor):
            raise ValueError(
                f"Model: All `{what}` values must be KerasTensors, as Input() and layers called on them give; got "
                f"{described(leaf)}. Start with x = Input(shape), and call the layers on x."
            )


def _structure_message(where: str, expected: Any, inputs: PyTree) -> str:
    keys = f" with the keys {sorted(inputs)}" if isinstance(inputs, dict) else ""
    return f"{where} takes a dict of inputs with the keys {list(expected)}, got a {type(inputs).__name__}{keys}."


def _is_none(value: Any) -> bool:
    return value is None
