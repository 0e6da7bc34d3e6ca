"""Cell: the base of the standard recurrent cells, with their arguments, weights and dropout.

A step of a cell has two parts: a projection of the input, which needs no state and so is computed for all steps in one
product, and the update of the states with it.
"""

from __future__ import annotations

import contextvars
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from minidl import activations, random
from minidl.core import serialization
from minidl.core.typing import Array, Config
from minidl.core.variables import Variable
from minidl.kernels import matmul, products_of
from minidl.layers import weight_options
from minidl.layers.base import Layer
from minidl.layers.data_format import sizes_of

# Dropout masks, drawn once per sequence, in the current context: id of the cell -> (of inputs, of states)
_dropout_masks: contextvars.ContextVar[Mapping[int, tuple[Any, Any]]] = contextvars.ContextVar(
    "dropout_masks", default=types.MappingProxyType({})
)


class Cell(Layer):
    """The base of `SimpleRNNCell`, `GRUCell` and `LSTMCell`.

    The arguments of each cell stand in one place, its constructor's signature, as Keras has them. The constructor
    passes on its `locals()`; the attributes and the config follow from these.

    Attributes:
        gates: how many blocks of `units` columns the kernels have.
        output_size: the size of an output.
        state_size: the size of the state, or a list of sizes.
    """

    gates: ClassVar[int]
    gate_axis = -1  # of a projected input: the axis along which the gates are concatenated
    linear: Callable[[Any, Any], Any] = staticmethod(jnp.matmul)  # of a state and columns of the recurrent kernel
    units: int
    activation: Callable[..., Any]
    use_bias: bool
    bias: Variable | None
    bias_initializer: Callable[..., Any]
    dropout: float
    recurrent_dropout: float
    state_size: int | list[int]
    seed_generator: random.SeedGenerator

    def __init__(self, arguments: dict[str, Any]):
        options = {name: value for name, value in arguments.items() if name not in ("self", "kwargs", "__class__")}
        kwargs = arguments["kwargs"]
        implementation = kwargs.pop("implementation", 2)
        super().__init__(**kwargs)
        self._options = tuple(options)
        for name, value in options.items():
            is_activation = name.endswith("activation")
            setattr(self, name, activations.get(value) if is_activation else weight_options.get(name, value))
        self.units = sizes_of(self.units, 1, f"{type(self).__name__}: units")[0]
        self.dropout = min(1.0, max(0.0, self.dropout))
        self.recurrent_dropout = min(1.0, max(0.0, self.recurrent_dropout))
        self.output_size = self.units
        self.implementation = 1 if self.recurrent_dropout else implementation

    def make_kernels(self, features: int) -> None:
        """Add both kernels: (features, gates * units) and (units, gates * units)."""
        width = self.gates * self.units
        self.kernel = weight_options.make(self, "kernel", (features, width))
        self.recurrent_kernel = weight_options.make(self, "recurrent_kernel", (self.units, width), options="recurrent")

    def get_initial_state(self, batch_size: int | None = None) -> list[Array]:
        """Zeros, (batch, units) for each state."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [jnp.zeros((batch_size, size), self.compute_dtype) for size in sizes]

    def call(self, inputs: Array, states: Any, training: bool | None = False) -> tuple[Array, Any]:
        is_list = isinstance(states, (list, tuple))
        draws = self._masks is None and bool(training)
        if draws:
            self.draw_masks(inputs.shape[0], inputs.shape[-1])
        old = list(states) if is_list else [states]
        output, new = self.step(self.project(inputs), old, products_of(self.linear, *self.recurrent_weights()))
        if draws:
            self.forget_masks()
        return output, new if is_list else new[0]

    def project(self, inputs: Array) -> Array:
        """The projection of the input: (..., features) -> (..., gates * units)."""
        product, bias = self.product(inputs), self.input_bias()
        return product if bias is None else product + bias

    def product(self, inputs: Array) -> Array:
        """`inputs @ kernel`; with dropout, each block of columns may have its own mask of the inputs."""
        masks = self._masks[0] if self._masks else None
        kernel = self.kernel.value
        if masks is None:
            return matmul(inputs, kernel)
        if len(masks) == 1:
            return matmul(inputs * _over_time(masks[0], inputs), kernel)
        parts = jnp.split(kernel, self.gates, axis=1)
        return jnp.concatenate([matmul(inputs * _over_time(m, inputs), part) for m, part in zip(masks, parts)], axis=-1)

    def input_bias(self) -> Array | None:
        """The bias of the projection, (gates * units,), or None."""
        return self.bias.value if self.bias is not None else None

    def recurrent_bias(self) -> Array | None:
        """The bias of `state @ recurrent_kernel`, (gates * units,), or None."""
        return None

    def recurrent_weights(self) -> tuple[list[Array], list[Array], list[Array] | None]:
        """The kernels of the products of a step, their biases, and the dropout masks of what they multiply, or None.

        With dropout, each block of columns may have its own mask of the state, and so is a product by itself.
        """
        kernel, bias = self.recurrent_kernel.value, self.recurrent_bias()
        masks = self._masks[1] if self._masks else None
        has_many = masks is not None and len(masks) > 1
        borders = [i * self.units for i in (range(1, self.gates) if has_many else self.borders)]
        kernels = jnp.split(kernel, borders, axis=-1) if borders else [kernel]
        if bias is None:
            return kernels, [jnp.zeros((), kernel.dtype)] * len(kernels), masks
        return kernels, jnp.split(bias, borders) if borders else [bias], masks

    def recur(self, products: list[Callable[[Array], Array]], state: Array) -> Array:
        """The products of a state with several blocks of columns, side by side."""
        parts = [product(state) for product in products]
        return jnp.concatenate(parts, axis=self.gate_axis) if len(parts) > 1 else parts[0]

    def step(
        self, projected: Array, states: list[Array], products: list[Callable[[Array], Array]]
    ) -> tuple[Array, list[Array]]:
        """The output and the new states, given the projected input and the products with the recurrent weights."""
        raise NotImplementedError

    @property
    def borders(self) -> list[int]:
        """The gates before which the columns of the recurrent kernel are split, without dropout."""
        return []

    def fused_loop(self) -> Callable[..., Any] | None:
        """The kernel that runs this cell's whole loop over time, or None."""
        return None

    def draw_masks(self, batch: int, features: int) -> None:
        """Draw the dropout masks of a sequence: of the inputs, then of the states."""
        count = self._masks_per_rate

        def draw(rate: float, shape: Sequence[int]) -> Any:
            if rate == 0:
                return None
            ones = jnp.ones((batch, *shape), self.compute_dtype)
            masks = [random.dropout(ones, rate, seed=self.seed_generator) for _ in range(count)]
            return masks if rate < 1 else None

        of_inputs, of_states = self.mask_shapes(features)
        masks = draw(self.dropout, of_inputs), draw(self.recurrent_dropout, of_states)
        _dropout_masks.set({**_dropout_masks.get(), id(self): masks})

    def skip_masks(self) -> None:
        """Advance the seed generator as `draw_masks` does: Keras draws in inference too."""
        draws = self._masks_per_rate * ((self.dropout > 0) + (self.recurrent_dropout > 0))
        if draws:
            state = self.seed_generator.state
            state.assign(state.value + np.array([0, draws], "uint32"))

    @property
    def _masks_per_rate(self) -> int:
        return self.gates if self.implementation == 1 and self.gates > 1 else 1

    def mask_shapes(self, features: int) -> tuple[Sequence[int], Sequence[int]]:
        """The shapes of one example's input and state, which are those of the dropout masks."""
        return (features,), (self.units,)

    def forget_masks(self) -> None:
        """Discard the dropout masks: the next sequence has new ones."""
        _dropout_masks.set({cell: masks for cell, masks in _dropout_masks.get().items() if cell != id(self)})

    @property
    def _masks(self) -> Any:
        """The dropout masks of the current sequence in this context, or None."""
        return _dropout_masks.get().get(id(self))

    def get_config(self) -> Config:
        values = {name: getattr(self, name) for name in self._options}
        own = {
            name: activations.serialize(value) if name.endswith("activation") else serialization.serialize(value)
            for name, value in values.items()
        }
        return {**super().get_config(), **own}


def _over_time(mask: Array, inputs: Array) -> Array:
    """A dropout mask (batch, features), broadcast over the time axis of inputs (time, batch, features)."""
    return mask[None] if inputs.ndim == 3 else mask
