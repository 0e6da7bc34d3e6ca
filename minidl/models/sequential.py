"""Sequential: a model that is a stack of layers."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minidl.core import budget, input_ranges, registry, structures, tracebacks
from minidl.core.host_arrays import DTYPE
from minidl.core.naming import auto_name
from minidl.core.symbolic import KerasTensor, Node
from minidl.core.typing import PyTree, Shape
from minidl.layers import NAMES, InputLayer, deserialize, masks, serialize
from minidl.layers.base import Layer
from minidl.layers.input_spec import axes_advice
from minidl.layers.module import building
from minidl.models.graph import fits, is_like
from minidl.models.model import Model, calls_in


class Sequential(Model):
    """A stack of layers, each called on the output of the previous one.

    With an `Input` first, or `input_shape=` in the first layer, the model is built at once; otherwise when it first
    sees data. Later inputs may have other sizes where all layers can take them: sequences may be longer, images larger.

    Args:
        layers: layers to add.
        trainable: whether training changes the weights.
        name: default "sequential".

    Raises:
        ValueError: something that is not a layer.

    Example:
    >>> from minidl.layers import Dense, Input
    >>> model = Sequential([Input((100,)), Dense(64, activation="relu"), Dense(10)])
    >>> model.output_shape, model.count_params()
    ((None, 10), 7114)
    """

    @tracebacks.filtered
    def __init__(self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None):
        super().__init__(trainable=trainable, name=name)
        self._layers: tuple[Layer, ...] = ()
        self._tensors: tuple[Any, ...] = ()  # the symbolic input and the output of each layer, once built
        self._calls: tuple[tuple[Layer, Node], ...] = ()  # that returned them
        self._has_input = False  # whether the first layer is the user's Input
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._rebuild()

    @tracebacks.filtered
    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Add a layer at the end.

        Raises:
            ValueError: not a layer, one that takes several inputs, a layer of this name is there already, or a second
                input.
        """
        if isinstance(layer, KerasTensor) and isinstance(producer := getattr(layer.producer, "operation", None), Layer):
            layer = producer if isinstance(producer, InputLayer) else layer
        if not isinstance(layer, Layer):
            other = "A layer of another library has its equivalent in minidl.layers; a function needs Lambda(function)."
            hint = f"Write {layer.__name__}(...) to make one." if isinstance(layer, type) else other
            raise ValueError(f"Sequential.add: expected a layer, got {tracebacks.described(layer)}. {hint}")
        if any(layer.name == other.name and layer is not other for other in self._layers):
            raise ValueError(
                f"Sequential: layers should have unique names, and there is a layer named {layer.name!r} in "
                f"{self.name!r} already; give this one another name=."
            )
        if isinstance(layer, InputLayer) and self._layers:
            raise ValueError(
                f"Sequential.add: {self.name!r} begins with {self._layers[0]!r} already. An Input can only come first, "
                "and only once."
            )
        if further := _further_inputs(layer):
            raise ValueError(
                f"Sequential: each layer is called with one input, but {layer.name!r} ({type(layer).__name__}) also "
                f"requires {further}. Build a functional model, which can pass them."
            )
        self._has_input |= isinstance(layer, InputLayer)
        if not self._layers and layer.given_input_shape is not None:
            self._layers = (InputLayer(batch_shape=layer.given_input_shape, dtype=layer.compute_dtype),)
        self._layers += (layer,)
        if rebuild and self._tensors:
            self._connect(layer)
            auto_name("Functional")
            self._forget()
        elif rebuild:
            self._rebuild()

    def pop(self, rebuild: bool = True) -> Layer:
        """Remove the last layer and return it.

        Raises:
            IndexError: the model has no layers.
        """
        if not self.layers:
            raise IndexError(f"Sequential: {self.name!r} has no layer to pop.")
        self._layers, layer = self._layers[:-1], self._layers[-1]
        if self._tensors and self.layers:
            self._tensors = self._tensors[:-1]
            self._disconnect(1)
            auto_name("Functional")
            self._forget()
        elif rebuild:
            self._rebuild()
        return layer

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError("Sequential.layers cannot be set: add layers with add(), remove the last with pop().")

    def build(self, input_shape: Shape | None = None) -> None:
        """Build every layer for an input of this shape (with the batch, None where unknown).

        A layer whose `compute_output_spec` raises NotImplementedError is built by the first call on data.

        Raises:
            ValueError: there are no layers, there is no shape, or the layers were made for another one.
        """
        if not self.layers:
            raise ValueError(f"Sequential: {self.name!r} has no layers yet. Call add().")
        if not isinstance(self._layers[0], InputLayer):
            if input_shape is None:
                raise ValueError(f"Sequential: the input shape of {self.name!r} is not known: give build() one.")
            if not _is_shape(input_shape):
                return  # a structure of inputs: the layers are built by the first call
            self._layers = (InputLayer(batch_shape=input_shape, dtype=self._layers[0].compute_dtype), *self._layers)
        self._check_same_build(input_shape)
        self._connect_all()
        auto_name("Functional")  # Keras makes a functional model of the stack, so that later ones have other names

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> PyTree:
        """The output for symbolic inputs, as symbolic tensors; cached for an input with the model's input shape."""
        if not self.built:
            self._build_for(args, kwargs)
        if self._tensors and hasattr(args[0], "shape") and is_like(args[0].shape, self.input_shape):
            return structures.map(
                lambda tensor: KerasTensor(tensor.shape, tensor.dtype, mask=masks.get(tensor)), self._tensors[-1]
            )
        return super().compute_output_spec(*args, **kwargs)

    def call(self, inputs: PyTree, training: bool | None = None, mask: PyTree = None) -> PyTree:
        """Call each layer on the output of the previous one."""
        outputs = fitted = self._in_dtype(self._with_axes(inputs))
        if mask is not None:
            outputs = masks.put(jnp.copy(outputs), mask)
        try:
            for layer in self.layers:
                outputs = layer(outputs, training=training)
        except (TypeError, ValueError) as error:
            if self._expects(fitted):
                raise
            raise self._refusal(fitted) from error
        return outputs

    @property
    def input_shape(self) -> Shape:
        """The shape of the input; AttributeError until it is known."""
        return self._known_tensors()[0].shape

    @property
    def output_shape(self) -> Any:
        """The shape of the output, or a list of the shapes of several; AttributeError until it is known."""
        shapes = [tensor.shape for tensor in self.outputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def input(self) -> Any:
        """The symbolic input; AttributeError until its shape is known."""
        return self._known_tensors()[0]

    @property
    def output(self) -> Any:
        """The symbolic output; AttributeError until it is known."""
        return self._known_tensors()[-1]

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic input, in a list; AttributeError until its shape is known."""
        return [self.input]

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, in a list; AttributeError until they are known."""
        return jax.tree.leaves(self.output)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "layers": [serialize(layer) for layer in self._layers]}
        if self._tensors:
            config["build_input_shape"] = self.input_shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Sequential:
        """A model from its config, with new weights."""
        with registry.known_names(custom_objects):
            layers = [deserialize(layer) for layer in config["layers"]]
        budget.charge_calls(sum(map(calls_in, layers)))
        model = cls(layers, trainable=config.get("trainable", True), name=config.get("name"))
        if not model.built and config.get("build_input_shape"):
            model.build(config["build_input_shape"])
        return model

    def correct_build_shapes(self, given: dict[str, Any], right: dict[str, Any]) -> None:
        super().correct_build_shapes(given, right)
        shape = (self._build_shapes or {}).get("input_shape")
        if self._tensors and shape != self.input_shape:
            first = InputLayer(batch_shape=shape, dtype=self.input.dtype, name=self._layers[0].name)
            self._layers = (first, *self.layers)
            self._disconnect(len(self._calls))
            self._connect_all()
            self._forget()

    def _lists_its_layers(self) -> bool:
        return True

    def _rebuild(self) -> None:
        """Build as far as the shapes are known; layers that are built are not changed."""
        self.built = False
        self._forget()
        self._tensors = ()
        self._disconnect(len(self._calls))
        if self.layers:
            first = self._layers[0]
            # A model as first layer has an input shape too, once it is built.
            shape = first.batch_shape if isinstance(first, InputLayer) else getattr(first, "input_shape", None)
            if shape is not None:
                self.build(shape)

    def _check_same_build(self, input_shape: Shape | None = None) -> None:
        first = self._layers[0]
        if isinstance(first, InputLayer) and input_shape is not None and not fits(input_shape, first.batch_shape):
            raise ValueError(
                f"Sequential: {self.name!r} takes inputs of shape {first.batch_shape}, so it cannot be built for "
                f"{tuple(input_shape)}."
            )

    def _connect_all(self) -> None:
        """Call each layer on the output of the previous one, from the symbolic input on."""
        self._tensors = (self._layers[0].output,)
        try:
            for layer in self.layers:
                self._connect(layer)
        except NotImplementedError:
            self._tensors = ()
            self._disconnect(len(self._calls))

    def _connect(self, layer: Layer) -> None:
        """Call a layer on the symbolic output so far."""
        self._tensors += (layer(self._tensors[-1]),)
        self._calls += ((layer, layer._nodes[-1]),)

    def _disconnect(self, count: int) -> None:
        """Remove the last recorded calls."""
        with building:  # another thread may call the layer, too
            for layer, node in self._calls[len(self._calls) - count :]:
                layer._nodes = tuple(other for other in layer._nodes if other is not node)
        self._calls = self._calls[: len(self._calls) - count]

    def _with_axes(self, inputs: PyTree) -> Any:
        """The inputs with the rank of the known input; (n,) and (n, 1) are interchangeable."""
        if not self._tensors:
            return inputs
        if not hasattr(inputs, "shape"):
            if len(jax.tree.leaves(inputs)) > 1:
                raise self._refusal(inputs)
            return inputs
        expected = self.input_shape
        if len(inputs.shape) == len(expected) - 1 and expected[-1] == 1:
            return inputs[..., None]
        if len(inputs.shape) == len(expected) + 1 and inputs.shape[-1] == 1:
            inputs = inputs[..., 0]
        if len(inputs.shape) != len(expected):
            raise self._refusal(inputs)
        return inputs

    def _in_dtype(self, inputs: PyTree) -> Any:
        """The inputs cast to the dtype of the model's Input, as in a functional model."""
        wanted = self._tensors[0].dtype if self._has_input and self._tensors else None
        if wanted in (None, DTYPE) or not hasattr(inputs, "dtype") or inputs.dtype == wanted:
            return inputs
        return input_ranges.carry(inputs, masks.put(jnp.asarray(inputs).astype(wanted), masks.get(inputs)))

    def _expects(self, inputs: PyTree) -> bool:
        """Whether the shape of the inputs is compatible with the known input shape."""
        is_known = bool(self._tensors) and hasattr(inputs, "shape")
        return not is_known or fits((None, *inputs.shape[1:]), self.input_shape)

    def _refusal(self, inputs: PyTree) -> ValueError:
        if not hasattr(inputs, "shape"):
            return ValueError(
                f"{self.name!r} takes one array of shape {self.input_shape}, but got a {type(inputs).__name__} of "
                f"{len(jax.tree.leaves(inputs))}. Pass inputs as x and targets as y: fit(x, y)."
            )
        known, given = (str(("examples", *shape[1:])).replace("'", "") for shape in (self.input_shape, inputs.shape))
        advice = axes_advice((None, *inputs.shape[1:]), self.input_shape)
        return ValueError(
            f"{self.name!r} takes inputs of shape {known}, but got {given}.{advice}"
            + ("" if advice else f" Give x that shape, or build the model with input_shape={tuple(inputs.shape[1:])}.")
        )

    def _known_tensors(self) -> list[Any]:
        if not self._tensors:
            raise AttributeError(f"{self.name!r} is not built, so its shapes are not known: give it an Input, or data.")
        return list(self._tensors)


def _further_inputs(layer: Layer) -> list[str]:
    """The required arguments of a layer's `call` besides the first one and the common ones."""
    parameters = list(inspect.signature(layer.call).parameters.values())[1:]
    required = [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    return [name for name in required if name not in ("training", "mask")]


def _is_shape(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(
        size is None or isinstance(size, (int, np.integer)) for size in value
    )


NAMES["Sequential"] = Sequential
