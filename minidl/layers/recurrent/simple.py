"""SimpleRNN: the fully connected recurrence."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp  # noqa: F401, used by the examples

from minidl import random
from minidl.layers import weight_options
from minidl.layers.recurrent.cell import Cell
from minidl.layers.recurrent.rnn import StandardRNN


class SimpleRNNCell(Cell):
    """One step of `SimpleRNN`: h = activation(x W + h U + b) (Elman, 1990).

    Args:
        units: the size of the state and output.
        activation: name or function; None for none.
        use_bias: whether there is a bias.
        kernel_initializer: of W, (features, units).
        recurrent_initializer: of U, (units, units).
        bias_initializer: of b, (units,).
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
        activation: Any = "tanh",
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
        seed: int | None = None,
        **kwargs: Any,
    ):
        self.seed_generator = random.SeedGenerator(seed)  # before the initializers take their seeds, as in Keras
        super().__init__(locals())
        self.state_size = self.units

    def build(self, input_shape: Any) -> None:
        self.make_kernels(input_shape[-1])
        self.bias = weight_options.make(self, "bias", (self.units,)) if self.use_bias else None

    def step(self, projected: Any, states: list[Any], kernel: Any, added: Any = 0.0) -> tuple[Any, list[Any]]:
        output = projected + self.recur(states[0], kernel, added)
        if self.activation is not None:
            output = self.activation(output)
        return output, [output]


class SimpleRNN(StandardRNN):
    """A recurrence over sequences: h_t = activation(x_t W + h_(t-1) U + b) (Elman, 1990).

    Args:
        units: the size of the state and output.
        activation: name or function; None for none.
        use_bias: whether there is a bias.
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
        dropout: the share of the inputs that is dropped while training.
        recurrent_dropout: the share of the states that is dropped while training.
        return_sequences: whether to give the outputs of all steps, rather than of the last.
        return_state: whether to give the last state too.
        go_backwards: whether to begin at the last step.
        stateful: whether a batch begins with the states where the one before ended.
        unroll: whether the loop is written out: larger programs, no difference in numbers.
        seed: of dropout.
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
        activation: Any = "tanh",
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
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(locals())

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["seed"]  # Keras writes none for this layer
        return config
