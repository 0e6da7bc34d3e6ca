"""GRU: the gated recurrent unit."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

import jax.numpy as jnp

from minidl import activations, kernels, random
from minidl.layers import weight_options
from minidl.layers.recurrent.cell import Cell
from minidl.layers.recurrent.rnn import StandardRNN, require_cudnn_flag


class GRUCell(Cell):
    """One step of `GRU` (Cho et al., 2014).

    z = sigmoid(x Wz + h Uz + bz), r = sigmoid(x Wr + h Ur + br),
    g = tanh(x Wg + r (h Ug + b) + bg), or with reset_after=False tanh(x Wg + (r h) Ug + bg);
    h = z h + (1 - z) g.

    Args:
        units: the size of the state and output.
        activation: in the place of tanh; None for none.
        recurrent_activation: in the place of sigmoid; None for none.
        use_bias: whether there is a bias.
        kernel_initializer: of W, (features, 3 units).
        recurrent_initializer: of U, (units, 3 units).
        bias_initializer: of the bias: (2, 3 units), one for the input and one for the state, or with
            reset_after=False (3 units,).
        kernel_regularizer: function of W that is added to the loss.
        recurrent_regularizer: function of U that is added to the loss.
        bias_regularizer: function of the bias that is added to the loss.
        kernel_constraint: function applied to W after each update.
        recurrent_constraint: function applied to U after each update.
        bias_constraint: function applied to the bias after each update.
        dropout: the share of the inputs that is dropped while training.
        recurrent_dropout: the share of the states that is dropped while training.
        reset_after: whether r is applied after the product with U, as cuDNN does.
        seed: of dropout.
        **kwargs: see `Layer`.

    Input shape: (batch, features), and a list with a state of shape (batch, units).
    Output shape: (batch, units), and the list of the new state.

    Example:
    >>> output, states = GRUCell(3)(jnp.ones((2, 4)), [jnp.zeros((2, 3))])
    >>> output.shape
    (2, 3)
    """

    gates = 3
    recurrent_activation: Callable[..., Any]
    reset_after: bool

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(locals())
        self.seed_generator = random.SeedGenerator(seed)
        self.state_size = self.units

    def build(self, input_shape: Any) -> None:
        self.make_kernels(input_shape[-1])
        width = 3 * self.units
        self.bias = None
        if self.use_bias:
            self.bias = weight_options.make(self, "bias", (2, width) if self.reset_after else (width,))

    def input_bias(self) -> Any:
        if self.bias is None:
            return None
        return self.bias.value[0] if self.reset_after else self.bias.value

    def recurrent_bias(self) -> Any:
        return self.bias.value[1] if self.bias is not None and self.reset_after else None

    @property
    def is_plain(self) -> bool:
        return self.reset_after and super().is_plain

    def fused_loop(self) -> Callable[..., Any] | None:
        usual = self.activation is activations.tanh and self.recurrent_activation is activations.sigmoid
        usual = usual and self.step == MethodType(GRUCell.step, self)  # not the user's own
        return kernels.gru if usual else None

    def step(self, projected: Any, states: list[Any], kernel: Any, added: Any = 0.0) -> tuple[Any, list[Any]]:
        h, units = states[0], self.units
        inner, gate = self.activation or activations.linear, self.recurrent_activation or activations.linear
        x_z, x_r, x_g = jnp.split(projected, 3, axis=-1)
        if self.reset_after:
            h_z, h_r, h_g = jnp.split(self.recur(h, kernel, added), 3, axis=-1)
            z, r = gate(x_z + h_z), gate(x_r + h_r)
            g = inner(x_g + r * h_g)
        else:
            h_z, h_r = jnp.split(self.recur(h, kernel[:, : 2 * units]), 2, axis=-1)
            z, r = gate(x_z + h_z), gate(x_r + h_r)
            drawn = self._masks[1] if self._masks else None
            g = inner(x_g + (r * (h if drawn is None else h * drawn[2])) @ kernel[:, 2 * units :])
        output = z * h + (1 - z) * g
        return output, [output]


class GRU(StandardRNN):
    """The gated recurrent unit over sequences (Cho et al., 2014); see `GRUCell` for the formula.

    Args:
        units: the size of the state and output.
        activation: in the place of tanh; None for none.
        recurrent_activation: in the place of sigmoid; None for none.
        use_bias: whether there is a bias.
        kernel_initializer: of W, (features, 3 units).
        recurrent_initializer: of U, (units, 3 units).
        bias_initializer: of the bias.
        kernel_regularizer: function of W that is added to the loss.
        recurrent_regularizer: function of U that is added to the loss.
        bias_regularizer: function of the bias that is added to the loss.
        activity_regularizer: function of the output that is added to the loss.
        kernel_constraint: function applied to W after each update.
        recurrent_constraint: function applied to U after each update.
        bias_constraint: function applied to the bias after each update.
        dropout: the share of the inputs that is dropped while training.
        recurrent_dropout: the share of the states that is dropped while training.
        seed: of dropout.
        return_sequences: whether to give the outputs of all steps, rather than of the last.
        return_state: whether to give the last state too.
        go_backwards: whether to begin at the last step.
        stateful: whether a batch begins with the states where the one before ended.
        unroll: whether the loop is written out: larger programs, no difference in numbers.
        reset_after: whether the reset gate is applied after the product with U, as cuDNN does.
        use_cudnn: accepted: XLA compiles the layer for the device that there is.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, features). A mask leaves steps out.
    Output shape: (batch, units), or (batch, steps, units) with return_sequences.

    Example:
    >>> GRU(3)(jnp.ones((2, 5, 4))).shape
    (2, 3)
    """

    cell_type = GRUCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ):
        self.use_cudnn = require_cudnn_flag(use_cudnn)
        super().__init__(locals(), implementation=kwargs.pop("implementation", 2))
