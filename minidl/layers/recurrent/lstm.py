"""LSTM: long short-term memory."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

import jax.numpy as jnp

from minidl import activations, kernels, random
from minidl.layers import weight_options
from minidl.layers.recurrent.cell import Cell
from minidl.layers.recurrent.rnn import StandardRNN, require_cudnn_flag


class LSTMCell(Cell):
    """One step of `LSTM` (Hochreiter and Schmidhuber, 1997).

    With the gates [i, f, g, o] = x W + h U + b, each of `units` columns:
    c = sigmoid(f) c + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c).

    Args:
        units: the size of each state and of the output.
        activation: in the place of tanh; None for none.
        recurrent_activation: in the place of sigmoid; None for none.
        use_bias: whether there is a bias.
        kernel_initializer: of W, (features, 4 units).
        recurrent_initializer: of U, (units, 4 units).
        bias_initializer: of b, (4 units,).
        unit_forget_bias: whether the bias of f begins with 1 (Jozefowicz et al., 2015).
        kernel_regularizer: function of W that is added to the loss.
        recurrent_regularizer: function of U that is added to the loss.
        bias_regularizer: function of b that is added to the loss.
        kernel_constraint: function applied to W after each update.
        recurrent_constraint: function applied to U after each update.
        bias_constraint: function applied to b after each update.
        dropout: the share of the inputs that is dropped while training.
        recurrent_dropout: the share of the states that is dropped while training.
        seed: of dropout.
        **kwargs: see `Layer`.

    Input shape: (batch, features), and a list of the states h and c of shape (batch, units).
    Output shape: (batch, units), and the list of the new states.

    Example:
    >>> output, states = LSTMCell(3)(jnp.ones((2, 4)), [jnp.zeros((2, 3)), jnp.zeros((2, 3))])
    >>> output.shape, len(states)
    ((2, 3), 2)
    """

    gates = 4
    gate_axis = -1  # of a projected input: the axis along which the gates are concatenated
    recurrent_activation: Callable[..., Any]
    unit_forget_bias: bool

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
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
            self.bias = weight_options.make(self, "bias", (4 * self.units,), self._first_bias)

    def fused_loop(self) -> Callable[..., Any] | None:
        usual = self.activation is activations.tanh and self.recurrent_activation is activations.sigmoid
        usual = usual and self.step == MethodType(LSTMCell.step, self)  # not the user's own
        return kernels.lstm if usual else None

    def step(self, projected: Any, states: list[Any], kernel: Any, added: Any = 0.0) -> tuple[Any, list[Any]]:
        i, f, g, o = jnp.split(projected + self.recur(states[0], kernel, added), 4, axis=self.gate_axis)
        inner, gate = self.activation or activations.linear, self.recurrent_activation or activations.linear
        carry = gate(f) * states[1] + gate(i) * inner(g)
        output = gate(o) * inner(carry)
        return output, [output, carry]

    def _first_bias(self, shape: Any, dtype: Any = None) -> Any:
        if not self.unit_forget_bias:
            return self.bias_initializer(shape, dtype)
        units = self.units
        before, behind = (self.bias_initializer((size,), dtype) for size in (units, 2 * units))
        return jnp.concatenate([before, jnp.ones((units,), dtype), behind])


class LSTM(StandardRNN):
    """Long short-term memory over sequences (Hochreiter and Schmidhuber, 1997); see `LSTMCell` for the formula.

    Args:
        units: the size of each state and of the output.
        activation: in the place of tanh; None for none.
        recurrent_activation: in the place of sigmoid; None for none.
        use_bias: whether there is a bias.
        kernel_initializer: of W, (features, 4 units).
        recurrent_initializer: of U, (units, 4 units).
        bias_initializer: of b, (4 units,).
        unit_forget_bias: whether the bias of f begins with 1.
        kernel_regularizer: function of W that is added to the loss.
        recurrent_regularizer: function of U that is added to the loss.
        bias_regularizer: function of b that is added to the loss.
        activity_regularizer: function of the output that is added to the loss.
        kernel_constraint: function applied to W after each update.
        recurrent_constraint: function applied to U after each update.
        bias_constraint: function applied to b after each update.
        dropout: the share of the inputs that is dropped while training.
        recurrent_dropout: the share of the states that is dropped while training.
        seed: of dropout.
        return_sequences: whether to give the outputs of all steps, rather than of the last.
        return_state: whether to give the last states h and c too.
        go_backwards: whether to begin at the last step.
        stateful: whether a batch begins with the states where the one before ended.
        unroll: whether the loop is written out: larger programs, no difference in numbers.
        use_cudnn: accepted: XLA compiles the layer for the device that there is.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, features). A mask leaves steps out.
    Output shape: (batch, units), or (batch, steps, units) with return_sequences.

    Example:
    >>> LSTM(3, return_sequences=True)(jnp.ones((2, 5, 4))).shape
    (2, 5, 3)
    """

    cell_type = LSTMCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ):
        self.use_cudnn = require_cudnn_flag(use_cudnn)
        super().__init__(locals(), implementation=kwargs.pop("implementation", 2))
