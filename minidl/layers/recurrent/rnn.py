"""RNN: the base of recurrent layers, which runs a cell over the steps of sequences."""

from __future__ import annotations

import inspect
import operator
import weakref
from collections.abc import Callable
from types import MethodType
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from minidl import regularizers
from minidl.core import serialization
from minidl.core.naming import snake_case
from minidl.core.object_graph import without
from minidl.core.typing import Array, Config, Shape
from minidl.core.variables import Variable, name_scope
from minidl.kernels import over_time, recurrence
from minidl.layers.base import Layer
from minidl.layers.input_spec import InputSpec
from minidl.layers.recurrent.cell import Cell
from minidl.layers.recurrent.stacked import StackedRNNCells

_FLAGS = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask")


class RNN(Layer):
    """Runs a cell over the steps of sequences.

    A cell is a layer with `call(inputs of one step, states) -> (output, new states)` and the attribute `state_size`: an
    integer, or a list with one for each state. It may have `output_size`, and `get_initial_state(batch_size)`.

    Args:
        cell: the cell, or a list of cells to stack.
        return_sequences: whether to return the outputs of all steps instead of the last one.
        return_state: whether to return the last states as well.
        go_backwards: whether to process the sequences in reverse order; the outputs are in that order.
        stateful: whether each batch starts from the last states of the previous batch, until `reset_state`. The
            batch size must be fixed.
        unroll: whether the loop is unrolled: a larger program, the same numbers.
        zero_output_for_mask: whether the outputs of masked steps are 0 instead of the previous output.
        **kwargs: see `Layer`.

    Input shape: (batch, steps, ...).
    Output shape: (batch, output size), or (batch, steps, output size) with return_sequences.

    Raises:
        ValueError: a cell without `call` or `state_size`; stateful with a batch of unknown size.

    Example:
    >>> from minidl.layers import LSTMCell
    >>> RNN([LSTMCell(3), LSTMCell(4)])(jnp.ones((2, 5, 6))).shape
    (2, 4)
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ):
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        if not hasattr(cell, "call") or not hasattr(cell, "state_size"):
            raise ValueError(f"RNN: a cell needs the method `call` and the attribute `state_size`, got {cell!r}.")
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        size = cell.state_size
        if not isinstance(size, (int, list, tuple)):
            raise ValueError(f"RNN: the cell's state_size must be a size or a list of sizes, got {size!r}.")
        self.state_size = [size] if isinstance(size, int) else list(size)
        self.single_state = isinstance(size, int)
        self.states: Any = None

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
        if self.stateful:
            if sequences_shape[0] is None:
                raise ValueError(
                    f"{type(self).__name__}: stateful=True needs a fixed batch size, got sequences of shape "
                    f"{tuple(sequences_shape)}. Give the Input batch_size=."
                )
            with name_scope(self.name):
                zeros = self.get_initial_state(sequences_shape[0])
                self.states = jax.tree.map(self._state_variable, zeros)

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """The initial states: the cell's own, or zeros of shape (batch, size)."""
        if hasattr(self.cell, "get_initial_state"):
            states = self.cell.get_initial_state(batch_size=batch_size)
            return list(states) if isinstance(states, (list, tuple)) else [states]
        return [jnp.zeros((batch_size, size), self.compute_dtype) for size in self.state_size]

    def reset_state(self) -> None:
        """Reset the kept states to zeros."""
        for variable in jax.tree.leaves(self.states):
            variable.assign(jnp.zeros(variable.shape, variable.dtype))

    def reset_states(self) -> None:
        """An alias of `reset_state`."""
        self.reset_state()

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Array | None = None, training: bool | None = False
    ) -> Any:
        states = self._initial_states(sequences, initial_state)
        _each_cell(self.cell, Cell.forget_masks)
        if training:
            self._draw_masks(sequences)
        else:
            _each_cell(self.cell, Cell.skip_masks)
        mask = jax.tree.leaves(mask)[0].astype(bool) if mask is not None else None
        last, outputs, states = self.inner_loop(sequences, states, mask, training)
        _each_cell(self.cell, Cell.forget_masks)
        output = outputs if self.return_sequences else last
        output, states = jax.tree.map(lambda x: x.astype(self.compute_dtype), (output, states))
        if self.stateful:
            for variable, value in zip(jax.tree.leaves(self.states), jax.tree.leaves(states)):
                variable.assign(value)
        return (output, *states) if self.return_state else output

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool | None = False
    ) -> tuple[Any, Any, list[Any]]:
        """The loop over the steps; override it to run the loop differently.

        Args:
            sequences: (batch, steps, ...).
            initial_state: a list of states.
            mask: booleans (batch, steps), or None.
            training: whether dropout is applied.

        Returns:
            The last output, the outputs (batch, steps, ...), and the list of the last states. Without return_sequences
            the outputs may be only the last one.
        """
        by_time = None if mask is None else jnp.swapaxes(mask, 0, 1)
        outputs, states = self._run(jnp.swapaxes(sequences, 0, 1), initial_state, by_time, training)
        return outputs[-1], jnp.swapaxes(outputs, 0, 1) if self.return_sequences else outputs[-1:], states

    def compute_mask(self, inputs: Array, mask: Any = None) -> Any:
        mask = jax.tree.leaves(mask)[0] if jax.tree.leaves(mask) else None
        own = mask if self.return_sequences else None
        return [own, *(None for _ in self.state_size)] if self.return_state else own

    def get_config(self) -> Config:
        return {**self._own_config(), "cell": serialization.serialize(self.cell)}

    @classmethod
    def from_config(cls, config: Config, custom_objects: dict[str, Any] | None = None) -> Any:
        """The layer that `get_config` described, with new weights."""
        if "cell" not in config:
            return super().from_config(config)
        return cls(**{**config, "cell": serialization.deserialize_layer(config["cell"], custom_objects)})

    def _own_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{flag: getattr(self, flag) for flag in _FLAGS}}

    def _initial_states(self, sequences: Array, given: Any) -> list[Any]:
        batch = sequences.shape[0]
        if given is None and self.stateful:
            fixed = jax.tree.leaves(self.states)[0].shape[0]
            if batch != fixed:
                raise ValueError(
                    f"{type(self).__name__} {self.name!r} is stateful with a batch size of {fixed}, but got a batch of "
                    f"{batch}."
                )
            given = jax.tree.map(lambda variable: variable.value, self.states)
        elif given is None:
            given = self.get_initial_state(batch)
        given = list(given) if isinstance(given, (list, tuple)) else [given]
        dtype = getattr(self.cell, "compute_dtype", self.compute_dtype)
        return jax.tree.map(lambda state: jnp.asarray(state, dtype), given)

    def _draw_masks(self, sequences: Any) -> None:
        features = [sequences.shape[-1]]

        def draw(cell: Cell) -> None:
            cell.draw_masks(sequences.shape[0], features[0])
            features[0] = cell.units

        _each_cell(self.cell, draw)

    def _run(self, sequences: Any, states: list[Any], mask: Any, training: bool | None) -> Any:
        """The outputs, time first, and the last states; only the last output without return_sequences."""
        options = self.go_backwards, self.unroll, self.zero_output_for_mask
        if _is_standard(self.cell):
            return self._run_projected(self.cell, sequences, states, mask, options, self.return_sequences)
        if self.cell.call == MethodType(StackedRNNCells.call, self.cell) and all(map(_is_standard, self.cell.cells)):
            return self._run_stack(sequences, states, mask)
        kwargs = {"training": training} if isinstance(self.cell, Layer) else {}

        def step(x: Any, states: Any) -> Any:
            output, new = self.cell(x, states, **kwargs)
            return output, list(new) if isinstance(new, (list, tuple)) else [new]

        return over_time(step, sequences, states, mask, *options)

    def _run_stack(self, sequences: Any, states: list[Any], mask: Any) -> Any:
        """Standard cells in a stack: each over all steps, since none reads the outputs of those after it."""
        if self.go_backwards:
            sequences, mask = jax.tree.map(lambda x: jnp.flip(x, 0), (sequences, mask))
        options = False, self.unroll, self.zero_output_for_mask
        new_states = []
        for number, (cell, own) in enumerate(zip(self.cell.cells, states), 1):
            is_list = isinstance(own, (list, tuple))
            given = sequences, list(own) if is_list else [own]
            sequences, own = jax.tree.map(lambda x, dtype=cell.compute_dtype: x.astype(dtype), given)
            whole = self.return_sequences or number < len(states)
            sequences, new = self._run_projected(cell, sequences, own, mask, options, whole)
            new_states.append(new if is_list else new[0])
        return sequences, new_states

    def _run_projected(
        self, cell: Cell, sequences: Any, states: list[Any], mask: Any, options: Any, whole: bool
    ) -> Any:
        """A standard cell: the inputs of all steps, or of long segments, are projected in one product."""
        kernels, recurrent_biases, dropout = cell.recurrent_weights()
        is_simple = mask is None and dropout is None and not self.unroll
        if is_simple and (loop := cell.fused_loop()) is not None:
            ordered = jnp.flip(sequences, 0) if options[0] else sequences
            (kernel,) = kernels
            zeros = jnp.zeros(kernel.shape[1:], kernel.dtype)
            biases = tuple(zeros if b is None else b for b in (cell.input_bias(), cell.recurrent_bias()))
            return loop(cell.product, ordered, states, kernel, biases, whole=whole)
        step = _WeakStep(cell.step) if isinstance(cell.step, MethodType) else cell.step
        arrays = cell.project(sequences), states, kernels, recurrent_biases, dropout, mask
        return recurrence(step, cell.linear, options, *arrays)

    def _own_weights(self) -> list[Variable]:
        """Without the kept states, so that weights are exchangeable with a stateless layer and with Keras's files."""
        return without(super()._own_weights(), jax.tree.leaves(self.states))

    def _state_variable(self, value: Any) -> Variable:
        return Variable(value, trainable=False, dtype=self.variable_dtype, name="rnn_state")


class StandardRNN(RNN):
    """The base of `SimpleRNN`, `GRU`, `LSTM` and the ConvLSTM layers, whose configs hold the cell's arguments as well.

    A subclass sets `cell_type`. Its constructor has the arguments of that cell among its own and passes on its
    `locals()`; the cell, its read-only attributes here, and the config follow from these.
    """

    input_advice = (
        " The axes are (batch, steps, features); a recurrent layer has them in its output with return_sequences=True."
    )
    cell: Cell
    cell_type: ClassVar[type[Any]]  # of Cell
    cell_options: ClassVar[tuple[str, ...]]  # the arguments of the constructor that are the cell's

    def __init__(self, arguments: dict[str, Any], **more: Any):
        kwargs = arguments["kwargs"]
        cell = self.cell_type(
            **{name: arguments[name] for name in self.cell_options},
            **more,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name=snake_case(self.cell_type.__name__),
        )
        flags = {name: arguments[name] for name in (*_FLAGS, "activity_regularizer") if name in arguments}
        super().__init__(cell, **flags, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def get_config(self) -> Config:
        shared = ("name", "trainable", "dtype")
        of_cell = {key: value for key, value in self.cell.get_config().items() if key not in shared}
        activity_regularizer = regularizers.serialize(self.activity_regularizer)
        return {**self._own_config(), **of_cell, "activity_regularizer": activity_regularizer}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "cell_type" not in vars(cls):
            return
        others = ("self", "kwargs", "activity_regularizer", "use_cudnn", *_FLAGS)
        cls.cell_options = tuple(name for name in inspect.signature(cls.__init__).parameters if name not in others)
        for name in (*cls.cell_options, "implementation"):
            setattr(cls, name, property(operator.attrgetter(f"cell.{name}"), doc=f"The cell's `{name}`."))


def require_cudnn_flag(value: bool | str) -> bool | str:
    """The argument use_cudnn; ValueError if it is invalid."""
    if value not in ("auto", True, False):
        raise ValueError(f"use_cudnn must be 'auto', True or False, got {value!r}.")
    return value


class _WeakStep:
    """A cell's step that does not keep the cell: compiled programs keep the functions that were traced into them."""

    def __init__(self, step: MethodType):
        self._step = weakref.WeakMethod(step)

    def __call__(self, *args: Any) -> Any:
        step = self._step()
        assert step is not None, "it is called while a model is traced, which has the cell"
        return step(*args)


def _is_standard(cell: Any) -> bool:
    """Whether it is a `Cell`, and its `call` is not overridden."""
    return isinstance(cell, Cell) and cell.call == MethodType(Cell.call, cell)


def _each_cell(cell: Any, function: Callable[[Cell], None]) -> None:
    """Call a function on every standard cell, in order."""
    for inner in getattr(cell, "cells", [cell]):
        if isinstance(inner, Cell):
            function(inner)
