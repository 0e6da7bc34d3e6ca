"""SimpleRNN: the fully connected recurrent layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp  # noqa: F401, used by the examples

from minidl import random
from minidl.core.typing import Array, Config, Identifier
from minidl.layers import weight_options
from minidl.layers.recurrent.cell import Cell
from minidl.layers.recurrent.rnn import StandardRNN


class SimpleRNNCell(Cell):
    """One step of `SimpleRNN`: h = activation(x W + h U + b) (Elman, 1990).

    Args: as for `SimpleRNN`, without the arguments about sequences.

    Input shape: (batch, features), and a list with a state of shape (batch, units).
    Output shape: (batch, units), and the list of the new state.

    Example:
    >>> output, states = SimpleRNNCell(3)(jnp.ones((2, 4)), [jnp.zeros((2, 3))])
    >>> output.shape
    (2, 3)
    """

    gates = 1

    def __init__(
        self,
        units: int,
        activation: Identifier = "tanh",
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
        seed: int | None = None,
        **kwargs: Any,
    ):
        self.seed_generator = random.SeedGenerator(seed)  # before the initializers draw their seeds, as in Keras
        super().__init__(locals())
        self.state_size = self.units

    def build(self, input_shape: Any) -> None:
        self.make_kernels(input_shape[-1])
        self.bias = weight_options.make(self, "bias", (self.units,)) if self.use_bias else None

    def step(
        self, projected: Array, states: list[Array], products: list[Callable[[Array], Array]]
    ) -> tuple[Array, list[Array]]:
        output = projected + self.recur(products, states[0])
        if self.activation is not None:
            output = self.activation(output)
        return output, [output]


class SimpleRNN(StandardRNN):
    """Fully connected recurrent layer: h_t = activation(x_t W + h_(t-1) U + b) (Elman, 1990).

    Args:
        units: the size of the state and output.
        activation: name or function; None for no activation.
        use_bias: whether to add a bias.
        kernel_initializer: of W, (features, units).
        recurrent_initializer: of U, (units, units).
        bias_initializer: of b, (units,).
        kernel_regularizer: function of W that is added to the loss.
        recurrent_regularizer: function of U that is added to the loss.
        bias_regularizer: function of b that is added to the loss.
        activity_regularizer: function of the output that is added to the loss.
        kernel_constraint: function applied to W after each update.
        recurrent_constraint: function applied to U after each update.
        bias_constraint: function applied to b after each update.
        dropout: fraction of the inputs to drop during training.
        recurrent_dropout: fraction of the states to drop during training.
        return_sequences: whether to return the outputs of all steps instead of the last one.
        return_state: whether to return the last state as well.
        go_backwards: whether to process the sequences in reverse order.
        stateful: whether each batch starts from the last states of the previous batch.
        unroll: whether the loop is unrolled: a larger program, the same numbers.
        seed: seed of dropout.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, features).
    Output shape: (batch, units), or (batch, steps, units) with return_sequences.

    Example:
    >>> SimpleRNN(3)(jnp.ones((2, 5, 4))).shape
    (2, 3)
    """

    cell_type = SimpleRNNCell

    def __init__(
        self,
        units: int,
        activation: Identifier = "tanh",
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
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(locals())

    def get_config(self) -> Config:
        config = super().get_config()
        del config["seed"]  # not in Keras's config of this layer
        return config
