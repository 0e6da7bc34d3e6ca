"""GRU: the gated recurrent unit layer."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

import jax.numpy as jnp

from minidl import activations, kernels, random
from minidl.core.typing import Array, Identifier
from minidl.layers import weight_options
from minidl.layers.recurrent.cell import Cell
from minidl.layers.recurrent.rnn import StandardRNN, require_cudnn_flag


class GRUCell(Cell):
    """One step of `GRU` (Cho et al., 2014).

    z = sigmoid(x Wz + h Uz + bz), r = sigmoid(x Wr + h Ur + br),
    g = tanh(x Wg + r (h Ug + b) + bg), or with reset_after=False tanh(x Wg + (r h) Ug + bg);
    h = z h + (1 - z) g.

    Args: as for `GRU`, without the arguments about sequences.

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
        activation: Identifier = "tanh",
        recurrent_activation: Identifier = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        recurrent_initializer: Identifier = "orthogonal",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        recurrent_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        recurrent_constraint: Identifier = None,
        bias_constraint: Identifier = None,
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

    def input_bias(self) -> Array | None:
        if self.bias is None:
            return None
        return self.bias.value[0] if self.reset_after else self.bias.value

    def recurrent_bias(self) -> Array | None:
        return self.bias.value[1] if self.bias is not None and self.reset_after else None

    @property
    def borders(self) -> list[int]:
        return [] if self.reset_after else [2]

    def fused_loop(self) -> Callable[..., Any] | None:
        is_default = self.activation is activations.tanh and self.recurrent_activation is activations.sigmoid
        is_default = is_default and self.step == MethodType(GRUCell.step, self)  # not overridden by the user
        return kernels.gru if is_default and self.reset_after else None

    def step(
        self, projected: Array, states: list[Array], products: list[Callable[[Array], Array]]
    ) -> tuple[Array, list[Array]]:
        (h,) = states
        inner, gate = self.activation or activations.linear, self.recurrent_activation or activations.linear
        x_z, x_r, x_g = jnp.split(projected, 3, axis=-1)
        if self.reset_after:
            h_z, h_r, h_g = jnp.split(self.recur(products, h), 3, axis=-1)
            z, r = gate(x_z + h_z), gate(x_r + h_r)
            g = inner(x_g + r * h_g)
        else:
            h_z, h_r = jnp.split(self.recur(products[:-1], h), 2, axis=-1)
            z, r = gate(x_z + h_z), gate(x_r + h_r)
            g = inner(x_g + products[-1](r * h))
        output = z * h + (1 - z) * g
        return output, [output]


class GRU(StandardRNN):
    """Gated recurrent unit layer (Cho et al., 2014); see `GRUCell` for the formula.

    Args:
        units: the size of the state and output.
        activation: replaces tanh; None for no activation.
        recurrent_activation: replaces sigmoid; None for no activation.
        use_bias: whether to add a bias.
        kernel_initializer: of W, (features, 3 units).
        recurrent_initializer: of U, (units, 3 units).
        bias_initializer: of the bias: (2, 3 units), one for the input and one for the state, or with
            reset_after=False (3 units,).
        kernel_regularizer: function of W that is added to the loss.
        recurrent_regularizer: function of U that is added to the loss.
        bias_regularizer: function of the bias that is added to the loss.
        activity_regularizer: function of the output that is added to the loss.
        kernel_constraint: function applied to W after each update.
        recurrent_constraint: function applied to U after each update.
        bias_constraint: function applied to the bias after each update.
        dropout: fraction of the inputs to drop during training.
        recurrent_dropout: fraction of the states to drop during training.
        seed: seed of dropout.
        return_sequences: whether to return the outputs of all steps instead of the last one.
        return_state: whether to return the last state as well.
        go_backwards: whether to process the sequences in reverse order.
        stateful: whether each batch starts from the last states of the previous batch.
        unroll: whether the loop is unrolled: a larger program, the same numbers.
        reset_after: whether the reset gate is applied after the product with U, as cuDNN does.
        use_cudnn: accepted and not used: XLA compiles the layer for each device.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, features). Masked steps are skipped.
    Output shape: (batch, units), or (batch, steps, units) with return_sequences.

    Example:
    >>> GRU(3)(jnp.ones((2, 5, 4))).shape
    (2, 3)
    """

    cell_type = GRUCell

    def __init__(
        self,
        units: int,
        activation: Identifier = "tanh",
        recurrent_activation: Identifier = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        recurrent_initializer: Identifier = "orthogonal",
        bias_initializer: Identifier = "zeros",
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
        reset_after: bool = True,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ):
        self.use_cudnn = require_cudnn_flag(use_cudnn)
        super().__init__(locals(), implementation=kwargs.pop("implementation", 2))
