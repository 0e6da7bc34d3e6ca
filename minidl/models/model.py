"""Model: a layer with training, evaluation and prediction."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from minidl import layers
from minidl.core import naming, registry, structures, tracebacks
from minidl.core.functional import of_one_moment
from minidl.core.object_graph import parts
from minidl.core.symbolic import KerasTensor
from minidl.core.typing import PyTree, any_signature
from minidl.core.variables import Variable
from minidl.layers import masks, signatures
from minidl.layers.base import Layer, is_outermost
from minidl.layers.module import HIDDEN, Module
from minidl.models.compiled_call import CompiledCall
from minidl.models.graph import Graph, Run, is_like
from minidl.models.graph_config import graph_config, graph_tensors
from minidl.models.graph_property import of_graph
from minidl.models.state_tree import nested, set_nested
from minidl.models.summary import print_summary
from minidl.saving import export_model, keras_format, pickling
from minidl.training.trainer import Trainer


class Model(Trainer):
    """A model: made from symbolic inputs and outputs, or a subclass with layers and a `call`.

    Args:
        inputs: symbolic tensors (`Input`, or tensors from inside another model): one, or a list or dict of them.
        outputs: results of layers, operators and functions of `minidl.ops` on the inputs: one, or a list or dict.
        name: default "functional", or the snake case of the subclass's name.
        trainable: whether training changes the weights.
        **kwargs: see `Layer`.

    Raises:
        TypeError: only one of inputs and outputs.
        ValueError: outputs that do not depend on the inputs, or two layers with the same name.

    Example:
    >>> from minidl.layers import Dense, Input
    >>> inputs = Input((4,))
    >>> x = Dense(4, activation="relu")(inputs)
    >>> model = Model(inputs, Dense(1)(x + inputs))
    >>> model.output_shape
    (None, 1)

    The same layers in a subclass:

    >>> class Residual(Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.first, self.second = Dense(4, activation="relu"), Dense(1)
    ...
    ...     def call(self, x):
    ...         return self.second(self.first(x) + x)
    >>> import numpy as np
    >>> model = Residual()
    >>> model.compile(optimizer="sgd", loss="mse")
    >>> x = np.random.default_rng(0).normal(size=(64, 4))
    >>> history = model.fit(x, x.sum(1), epochs=20, verbose=0)
    >>> history.history["loss"][-1] < history.history["loss"][0]
    True
    """

    @tracebacks.filtered
    def __init__(
        self,
        inputs: PyTree = None,
        outputs: PyTree = None,
        name: str | None = None,
        trainable: bool = True,
        **kwargs: Any,
    ):
        if (inputs is None) != (outputs is None):
            raise TypeError(f"{type(self).__name__}: give both inputs and outputs, or neither of them.")
        graph = None if inputs is None else Graph(inputs, outputs)
        if graph is not None and name is None and type(self) is Model:
            name = naming.auto_name("functional")
        super().__init__(name=name, trainable=trainable, **kwargs)
        self._graph = graph
        self._compiled_call = CompiledCall(self)
        if graph is not None:
            self._layers = tuple(graph.layers)
            self.output_names = graph.output_names
            self.autocast = False  # inputs have the dtype of their Input, and layers cast to theirs
            self.built = True
            if not trainable:
                self.trainable = False

    @any_signature
    def call(self, inputs: PyTree, training: bool | None = None, mask: PyTree = None) -> PyTree:
        """Run the graph; a subclass without a graph overrides it."""
        if self._graph is None:
            raise NotImplementedError(
                f"{type(self).__name__} is a model without call(). Write `def call(self, x): ...` in it, or give "
                "Model its inputs and outputs."
            )
        arrays = self._graph.standardize(inputs, repr(self.name))
        if mask is not None:
            flat = jax.tree.leaves(mask, is_leaf=lambda leaf: leaf is None)
            arrays = [array if m is None else masks.put(jnp.copy(array), m) for array, m in zip(arrays, flat)]
        run = Run(self._graph, arrays, training)
        for node in run.calls:
            node_args, node_kwargs = run.arguments(node)
            run.finish(node, node.operation(*node_args, **node_kwargs))
        outputs = run.outputs
        is_one = isinstance(outputs, (list, tuple)) and len(outputs) == 1
        return outputs[0] if is_one else outputs  # as in Keras; a call on symbolic tensors returns the list

    # The layers

    @property
    def layers(self) -> list[Layer]:
        """The direct sublayers; those of a graph in its order, those farthest from the outputs first."""
        return self._children(Layer) if self._graph is None else self._graph.layers

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError("The `Model.layers` attribute is reserved for all layers: give yours another name.")

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of a name, or at an index.

        Raises:
            ValueError: no such layer, or not exactly one of the two arguments.
        """
        if (name is None) == (index is None):
            raise ValueError(f"get_layer: give a name or an index, got name={name!r}, index={index!r}.")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"get_layer: no layer at index {index}; {self.name!r} has {len(self.layers)} layers.")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"get_layer: no layer {name!r} in {self.name!r}; it has {[layer.name for layer in self.layers]}."
        )

    # The graph

    @of_graph
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, as a list.

        Raises:
            AttributeError: the model has no graph.
        """
        return self._known_graph("inputs").inputs

    @of_graph
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, as a list; AttributeError without a graph."""
        return self._known_graph("outputs").outputs

    @property
    def input(self) -> PyTree:
        """The symbolic inputs, in their structure."""
        return super().input if self._graph is None else self._graph.input_struct

    @property
    def output(self) -> PyTree:
        """The symbolic outputs, in their structure."""
        return super().output if self._graph is None else self._graph.output_struct

    @of_graph
    def input_names(self) -> list[str]:
        """The names of the inputs; AttributeError without a graph."""
        return self._known_graph("input_names").input_names

    @of_graph
    def input_shape(self) -> Any:
        """The shape of the input, or a list of the shapes of several; AttributeError without a graph."""
        return _shapes(self._known_graph("input_shape").inputs)

    @of_graph
    def output_shape(self) -> Any:
        """The shape of the output, or a list of the shapes of several; AttributeError without a graph."""
        return _shapes(self._known_graph("output_shape").outputs)

    @of_graph
    def operations(self) -> list[Any]:
        """The layers and function calls of the graph, in order; AttributeError without a graph."""
        return self._known_graph("operations").operations

    def get_config(self) -> dict[str, Any]:
        """The layers of the graph and how they are connected; of a subclass, its constructor's arguments."""
        if self._graph is None or not _is_made_of_a_graph(type(self)):
            config = super().get_config()
            return signatures.with_own_arguments(self, config) if type(self).get_config is Model.get_config else config
        return {"name": self.name, "trainable": self.trainable, **graph_config(self._graph)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """A model from its config, with new weights; your own classes are looked up in `custom_objects`.

        Raises:
            ValueError: a config that describes no graph, or a class that is not known.
        """
        with registry.known_names(custom_objects):
            if not ({"layers", "input_layers", "output_layers"} <= config.keys() and _is_made_of_a_graph(cls)):
                return super().from_config(config)
            inputs, outputs = graph_tensors(config, layers.deserialize, calls_in)
        rest = {name: v for name, v in config.items() if name not in ("layers", "input_layers", "output_layers")}
        return cls(inputs=inputs, outputs=outputs, **rest)

    # Files

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """Save the model as a `.keras` file, which Keras opens too; see `saving.save_model`."""
        keras_format.save_model(self, filepath, overwrite, zipped, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None) -> None:
        """Save the weights as `.weights.h5` files, which Keras opens too; see `saving.save_weights`."""
        keras_format.save_weights(self, filepath, overwrite, max_shard_size)

    def load_weights(
        self, filepath: Any, skip_mismatch: bool = False, by_name: bool = False, objects_to_skip: Sequence[Any] = ()
    ) -> None:
        """Set the weights from a file, all of them or none; see `saving.load_weights`."""
        keras_format.load_weights(self, filepath, skip_mismatch, by_name, objects_to_skip)

    def __reduce__(self) -> Any:
        """Pickled and copied as the bytes of a `.keras` file; see `saving.pickling`."""
        return pickling.reduced(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return pickling.copied(self, memo)

    def export(
        self,
        filepath: Any,
        input_signature: Any = None,
        platforms: tuple[str, ...] | None = None,
        format: str = "stablehlo",
    ) -> None:
        """Export the inference as StableHLO, which runs without the model's classes; see `saving.export_model`.

        Raises:
            ValueError: another format, a model that is not built, or one whose inputs are not known.
        """
        if format != "stablehlo":
            raise ValueError(f"{self.name}.export: Unrecognized format={format!r}. There is 'stablehlo' only.")
        export_model(self, filepath, input_signature, platforms)

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, dict[str, Any]]:
        """The values of all variables, as a tree nested by their paths.

        Args:
            value_format: "backend_tensor" for JAX arrays, "numpy_array" for copies of them.

        Returns:
            "trainable_variables", "non_trainable_variables", "optimizer_variables" and "metrics_variables": each a dict
            of dicts, one for each part of the paths.

        Raises:
            ValueError: two variables of one path, or another format.

        Example:
        >>> from minidl.layers import Dense, Input
        >>> x = Input((3,))
        >>> model = Model(x, Dense(1, name="price")(x))
        >>> model.get_state_tree()["trainable_variables"]["price"]["bias"]
        Array([0.], dtype=float32)
        """
        kinds = self._by_kind()
        with of_one_moment([variable for variables in kinds.values() for variable in variables]):
            return {kind: nested(variables, value_format) for kind, variables in kinds.items()}

    def set_state_tree(self, state_tree: dict[str, dict[str, Any]]) -> None:
        """Set variables to values from `get_state_tree`; variables that are not in the tree are unchanged.

        Raises:
            ValueError: a kind or a path that the model has not, or a value of another shape; then nothing is set.
        """
        set_nested(state_tree, self._by_kind())

    def to_json(self, **kwargs: Any) -> str:
        """The configs of the model and of `compile` as JSON, for `models.model_from_json`."""
        return keras_format.to_json(self, **kwargs)

    def saved_parts(self) -> list[tuple[str, Any]]:
        """See `Layer`. The layers of a graph come first, those of a subclass where "layers" stands in the alphabet."""
        if self._lists_its_layers():
            return [("layers", self.layers), *super().saved_parts()]
        return parts(self, HIDDEN, self.saved_names, ["layers"])

    @property
    def serialized_as(self) -> tuple[str, str] | None:
        """The module and class of plain functional models in Keras's files."""
        return ("keras.src.models.functional", "Functional") if type(self) is Model else None

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that the model was built for; a graph needs none."""
        return super().get_build_config() if self._graph is None else {"input_shape": None}

    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """Build the model for the shapes from `get_build_config`."""
        if self._graph is None and config and any(shape is not None for shape in config.values()):
            super().build_from_config(config)

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print a table of the layers with their output shapes and parameters.

        Args:
            line_length: width of the table in characters, default: as needed.
            positions: accepted and ignored; the columns are as wide as needed.
            print_fn: called with the text, default `print`.
            expand_nested: whether to show the layers of nested models.
            show_trainable: whether to show which layers are trainable.
            layer_range: names of the first and the last layer to show.
        """
        print_summary(self, line_length, print_fn, expand_nested, show_trainable, layer_range)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> PyTree:
        """The output for symbolic inputs, as symbolic tensors. Cached for inputs with the shapes of the graph."""
        if self._graph is not None and len(args) == 1:
            given = self._graph.standardize(args[0], repr(self.name))
            if all(x is not None and is_like(x.shape, own.shape) for x, own in zip(given, self._graph.inputs)):
                return structures.map(
                    lambda tensor: KerasTensor(tensor.shape, tensor.dtype, mask=masks.get(tensor)),
                    self._graph.output_struct,
                )
        outputs = super().compute_output_spec(*args, **kwargs)
        if self._graph is None or not _is_made_of_a_graph(type(self)):
            return outputs
        struct = self._graph.output_struct
        return structures.like(struct, jax.tree.unflatten(jax.tree.structure(struct), jax.tree.leaves(outputs)))

    # Inside

    def _lists_its_layers(self) -> bool:
        """Whether the layers are those of a graph or a stack, rather than attributes of a subclass."""
        return self._graph is not None

    def _as_one_program(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not (self.built and is_outermost() and naming.is_own(type(self)) and self._lists_its_layers()):
            return None
        return self._compiled_call(args, kwargs)

    def _by_kind(self) -> dict[str, list[Variable]]:
        return {
            "trainable_variables": self.trainable_variables,
            "non_trainable_variables": self.non_trainable_variables,
            "optimizer_variables": [] if self.optimizer is None else self.optimizer.variables,
            "metrics_variables": self.metrics_variables,
        }

    def _known_graph(self, what: str) -> Graph:
        if self._graph is None:
            raise AttributeError(f"{self.name!r} ({type(self).__name__}) has no {what}: it was not made of a graph.")
        return self._graph


def _is_made_of_a_graph(cls: type) -> bool:
    """Whether a class takes the arguments of `Model`: inputs, outputs, name."""
    parameters = inspect.signature(cls).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    takes_all = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds
    return takes_all or list(parameters)[:2] == ["inputs", "outputs"]


def _shapes(tensors: list[KerasTensor]) -> Any:
    shapes = [tensor.shape for tensor in tensors]
    return shapes[0] if len(shapes) == 1 else shapes


layers.NAMES.update(Model=Model, Functional=Model)


def calls_in(operation: Any) -> int:
    """The number of layers that a call of an operation calls: nested models multiply it at each level."""
    graph = getattr(operation, "_graph", None)
    if graph is not None:
        return sum(calls_in(node.operation) for node in graph.nodes)
    if not isinstance(operation, Module):
        return 1
    inside = operation.layers if isinstance(operation, Model) else operation._children(Module)
    return 1 + sum(map(calls_in, inside))
