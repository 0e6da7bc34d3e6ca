"""Slots: the state of an optimizer's transformation, stored in variables.

A state is a dict from names to lists with one array per weight (None for a weight without that slot), or to one
array that all weights share. `Slots` makes a variable for each array, reads the state for a subset of the weights,
writes it back, and lists the variables in the order of Keras's files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import jax
import numpy as np

from minidl.core.typing import Array, ArrayLike, PyTree
from minidl.core.variables import Variable

State: TypeAlias = dict[str, Any]  # name -> list of an array or None for each weight, or one array for all


class Slots:
    """The variables of a state.

    Args:
        state: the initial state.
        weights: the weights of the state.
        groups: names of slots that `variables` interleaves, weight by weight.
    """

    def __init__(self, state: State, weights: Sequence[Variable], groups: Sequence[tuple[str, ...]] = ()):
        self._weights = weights
        self._groups = groups
        self._slots = {name: self._variables_for(name, values) for name, values in state.items()}

    def read(self, indices: Sequence[int]) -> State:
        """The state of the weights with these indices."""
        return {
            name: slot._value if isinstance(slot, Variable) else [_value(slot[i]) for i in indices]
            for name, slot in self._slots.items()
        }

    def write(self, indices: Sequence[int], state: State) -> None:
        """Store a new state for the weights with these indices."""
        for name, values in state.items():
            slot = self._slots[name]
            if isinstance(slot, Variable):
                slot.assign(values)
                continue
            for i, value in zip(indices, values):
                if slot[i] is not None:
                    slot[i].assign(value)

    def adopt(self, other: Slots) -> None:
        """Use the variables of other slots for the weights that both have."""
        positions = {id(weight): i for i, weight in enumerate(other._weights)}
        for name, slot in self._slots.items():
            known = other._slots[name]
            if isinstance(slot, Variable):
                self._slots[name] = known
                continue
            for i, weight in enumerate(self._weights):
                if id(weight) in positions:
                    slot[i] = known[positions[id(weight)]]

    @property
    def variables(self) -> list[Variable]:
        """All variables, in the order of Keras's files."""
        grouped = [group for group in self._groups if set(group) <= set(self._slots)]
        single = [(name,) for name in self._slots if not any(name in group for group in grouped)]
        found: list[Variable] = []
        for group in (*grouped, *single):
            slots = [self._slots[name] for name in group]
            if isinstance(slots[0], Variable):  # shared by all weights
                found += slots
            else:
                found += [variable for of_weight in zip(*slots) for variable in of_weight if variable is not None]
        return found

    def companions(self) -> list[tuple[Variable, Variable]]:
        """(weight, variable) for each variable that belongs to a single weight."""
        lists = [slot for slot in self._slots.values() if not isinstance(slot, Variable)]
        return [(weight, v) for slot in lists for weight, v in zip(self._weights, slot) if v is not None]

    def _variables_for(self, name: str, values: Any) -> Any:
        if not isinstance(values, list):
            return Variable(values, trainable=False, name=name)
        return [None if v is None else variable_like(weight, v, name) for weight, v in zip(self._weights, values)]


def variable_like(weight: Variable, value: ArrayLike, name: str) -> Variable:
    """A variable for a weight, named after it."""
    return Variable(value, trainable=False, name=f"{weight.path.replace('/', '_')}_{name}", follows=weight)


def zeros_like(params: PyTree) -> PyTree:
    """Zeros of the shapes of params, as NumPy arrays, so that nothing is compiled."""
    return full_like(params, 0)


def full_like(params: PyTree, value: float) -> PyTree:
    """Arrays filled with a value, of the shapes of params, as NumPy arrays, so that nothing is compiled."""
    return jax.tree.map(lambda p: np.full(p.shape, value, p.dtype), params)


def descend_by(directions: PyTree, learning_rate: Array) -> PyTree:
    """The updates of gradient descent along directions: minus the learning rate times each."""
    return jax.tree.map(lambda direction: -learning_rate.astype(direction.dtype) * direction, directions)


def as_single(beta: float) -> float:
    """The number rounded to single precision.

    Keras rounds some decay rates before it computes 1 - decay, which changes the result by up to 1e-5 of itself.
    """
    return float(np.float32(beta))


def _value(variable: Variable | None) -> Any:
    return None if variable is None else variable._value
