"""LSTM: the long short-term memory layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import jax.numpy as jnp

from minidl import activations, kernels, random
from minidl.core.typing import Array, DType, Identifier
from minidl.layers import weight_options
from minidl.layers.recurrent.cell import Cell
from minidl.layers.recurrent.rnn import StandardRNN, require_cudnn_flag


class LSTMCell(Cell):
    """One step of `LSTM` (Hochreiter and Schmidhuber, 1997).

    With the gates [i, f, g, o] = x W + h U + b, each of `units` columns:
    c = sigmoid(f) c + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c).

    Args: as for `LSTM`, without the arguments about sequences.

    Input shape: (batch, features), and a list of the states h and c of shape (batch, units).
    Output shape: (batch, units), and the list of the new states.

    Example:
    >>> output, states = LSTMCell(3)(jnp.ones((2, 4)), [jnp.zeros((2, 3)), jnp.zeros((2, 3))])
    >>> output.shape, len(states)
    ((2, 3), 2)
    """

    gates = 4
    recurrent_activation: Callable[..., Any]
    unit_forget_bias: bool

    def __init__(
        self,
        units: int,
        activation: Identifier = "tanh",
        recurrent_activation: Identifier = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        recurrent_initializer: Identifier = "orthogonal",
        bias_initializer: Identifier = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Identifier = None,
        recurrent_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        recurrent_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(locals())
        self.seed_generator = random.SeedGenerator(seed)
        self.state_size = [self.units, self.units]

    def build(self, input_shape: Any) -> None:
        self.make_kernels(input_shape[-1])
        self.bias = None
        if self.use_bias:
            self.bias = weight_options.make(self, "bias", (4 * self.units,), self._initial_bias)

    def fused_loop(self) -> Callable[..., Any] | None:
        is_default = self.activation is activations.tanh and self.recurrent_activation is activations.sigmoid
        is_default = is_default and self.step == MethodType(LSTMCell.step, self)  # not overridden by the user
        return kernels.lstm if is_default else None

    def step(
        self, projected: Array, states: list[Array], products: list[Callable[[Array], Array]]
    ) -> tuple[Array, list[Array]]:
        i, f, g, o = jnp.split(projected + self.recur(products, states[0]), 4, axis=self.gate_axis)
        inner, gate = self.activation or activations.linear, self.recurrent_activation or activations.linear
        carry = gate(f) * states[1] + gate(i) * inner(g)
        output = gate(o) * inner(carry)
        return output, [output, carry]

    def _initial_bias(self, shape: Sequence[int], dtype: DType | None = None) -> Array:
        if not self.unit_forget_bias:
            return self.bias_initializer(shape, dtype)
        units = self.units
        first, last = (self.bias_initializer((size,), dtype) for size in (units, 2 * units))
        return jnp.concatenate([first, jnp.ones((units,), dtype), last])


class LSTM(StandardRNN):
    """Long short-term memory layer (Hochreiter and Schmidhuber, 1997); see `LSTMCell` for the formula.

    Args:
        units: the size of each state and of the output.
        activation: replaces tanh; None for no activation.
        recurrent_activation: replaces sigmoid; None for no activation.
        use_bias: whether to add a bias.
        kernel_initializer: of W, (features, 4 units).
        recurrent_initializer: of U, (units, 4 units).
        bias_initializer: of b, (4 units,).
        unit_forget_bias: whether the bias of f is initialized to 1 (Jozefowicz et al., 2015).
        kernel_regularizer: function of W that is added to the loss.
        recurrent_regularizer: function of U that is added to the loss.
        bias_regularizer: function of b that is added to the loss.
        activity_regularizer: function of the output that is added to the loss.
        kernel_constraint: function applied to W after each update.
        recurrent_constraint: function applied to U after each update.
        bias_constraint: function applied to b after each update.
        dropout: fraction of the inputs to drop during training.
        recurrent_dropout: fraction of the states to drop during training.
        seed: seed of dropout.
        return_sequences: whether to return the outputs of all steps instead of the last one.
        return_state: whether to return the last states h and c as well.
        go_backwards: whether to process the sequences in reverse order.
        stateful: whether each batch starts from the last states of the previous batch.
        unroll: whether the loop is unrolled: a larger program, the same numbers.
        use_cudnn: accepted and not used: XLA compiles the layer for each device.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, features). Masked steps are skipped.
    Output shape: (batch, units), or (batch, steps, units) with return_sequences.

    Example:
    >>> LSTM(3, return_sequences=True)(jnp.ones((2, 5, 4))).shape
    (2, 5, 3)
    """

    cell_type = LSTMCell

    def __init__(
        self,
        units: int,
        activation: Identifier = "tanh",
        recurrent_activation: Identifier = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        recurrent_initializer: Identifier = "orthogonal",
        bias_initializer: Identifier = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Identifier = None,
        recurrent_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        recurrent_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ):
        self.use_cudnn = require_cudnn_flag(use_cudnn)
        super().__init__(locals(), implementation=kwargs.pop("implementation", 2))
