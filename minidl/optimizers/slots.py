"""Slots: the state of a transformation, kept in variables.

A state is a dict. For each name it holds a list with one array for each weight (None for a weight that
needs none), or one array that all weights share. `Slots` makes a variable of each array, reads
the state of some of the weights, writes it back, and lists the variables in the order of
Keras's files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from minidl.core.variables import Variable

State = dict[str, Any]  # name -> one array (or None) for each weight, or one array for all


class Slots:
    """The variables of a state.

    Args:
        state: the state at the start.
        weights: the weights that it is for.
        groups: names of slots that `variables` lists by turns, weight by weight.
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
        """Put a new state where `read` took it from."""
        for name, values in state.items():
            slot = self._slots[name]
            if isinstance(slot, Variable):
                slot.assign(values)
                continue
            for i, value in zip(indices, values):
                if slot[i] is not None:
                    slot[i].assign(value)

    def adopt(self, other: Slots) -> None:
        """Take over the variables of other slots, for the weights that both have."""
        places = {id(weight): i for i, weight in enumerate(other._weights)}
        for name, slot in self._slots.items():
            known = other._slots[name]
            if isinstance(slot, Variable):
                self._slots[name] = known
                continue
            for i, weight in enumerate(self._weights):
                if id(weight) in places:
                    slot[i] = known[places[id(weight)]]

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
                found += [variable for turn in zip(*slots) for variable in turn if variable is not None]
        return found

    def companions(self) -> list[tuple[Variable, Variable]]:
        """(weight, variable) for each variable that belongs to one weight."""
        lists = [slot for slot in self._slots.values() if not isinstance(slot, Variable)]
        return [(weight, v) for slot in lists for weight, v in zip(self._weights, slot) if v is not None]

    def _variables_for(self, name: str, values: Any) -> Any:
        if not isinstance(values, list):
            return Variable(values, trainable=False, name=name)
        return [None if v is None else variable_like(weight, v, name) for weight, v in zip(self._weights, values)]


def variable_like(weight: Variable, value: Any, name: str) -> Variable:
    """A variable that belongs to a weight, which its name says."""
    return Variable(value, trainable=False, name=f"{weight.path.replace('/', '_')}_{name}")


def zeros_like(params: Any) -> Any:
    """Zeros of the shapes of params, made on the host: nothing is compiled."""
    return full_like(params, 0)


def full_like(params: Any, value: float) -> Any:
    """Arrays of one value, of the shapes of params, made on the host: nothing is compiled."""
    return jax.tree.map(lambda p: np.full(p.shape, value, p.dtype), params)


def descend_by(directions: Any, learning_rate: Any) -> Any:
    """The changes of the weights that go down along directions: minus the learning rate times each."""
    return jax.tree.map(lambda direction: -learning_rate.astype(direction.dtype) * direction, directions)


def as_single(beta: float) -> float:
    """The nearest number of single precision.

    Where Keras rounds a decay before it takes 1 - decay, that is off by up to 1e-5 of itself, and so are we.
    """
    return float(np.float32(beta))


def _value(variable: Variable | None) -> Any:
    return None if variable is None else variable._value
