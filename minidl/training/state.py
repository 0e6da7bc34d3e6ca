"""The state of a model's steps: variables, and their values as lists of arrays for pure functions."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from minidl.core.functional import bound
from minidl.core.variables import Variable

Changes = dict[int, Any]  # new values of non-trainable variables, by their index


class State(NamedTuple):
    """All values that a step reads and changes, as lists of arrays, in the order of Keras's train steps."""

    trainable: list[Any]
    non_trainable: list[Any]
    optimizer: list[Any]
    metrics: list[Any]

    def flat(self) -> list[Any]:
        """All values as one list."""
        return [item for part in self for item in part]

    def with_changes(self, changes: Changes) -> State:
        """The state with other values of some non-trainable variables."""
        return self._replace(non_trainable=[changes.get(i, value) for i, value in enumerate(self.non_trainable)])


class StepVariables:
    """The variables of a model's steps.

    Args:
        model: a built model; its optimizer is built for its weights if it is not.
        outside: variables outside of the model that the user's functions read in its steps. They are the last
            of the non-trainable ones.
    """

    def __init__(self, model: Any, outside: Sequence[Variable] = ()):
        optimizer = model.optimizer
        metrics = [variable for metric in model.metrics for variable in metric.variables]
        of_metrics = set(map(id, metrics))
        self.outside = list(outside)
        self.of = State(
            model.trainable_variables,
            [*(v for v in model.non_trainable_variables if id(v) not in of_metrics), *outside],
            optimizer.variables if optimizer is not None else [],
            metrics,
        )

    def flat(self) -> list[Variable]:
        """All variables, in order."""
        return self.of.flat()

    def held(self) -> State:
        """The values, for their shapes and dtypes, or while they are bound."""
        return State(*map(held, self.of))

    def as_state(self, values: Sequence[Any]) -> State:
        """A flat list of values as a state."""
        rest = iter(values)
        return State(*([next(rest) for _ in variables] for variables in self.of))

    def holding(self, state: State) -> contextlib.AbstractContextManager[None]:
        """Bind the values of a state to the variables; variables whose list is empty are not bound."""
        given = [variables for variables, values in zip(self.of, state) if values]
        return bound([variable for variables in given for variable in variables], state.flat())

    def holding_outside(self, state: State) -> contextlib.AbstractContextManager[None]:
        """Bind the values of the variables that are not the model's."""
        return bound(self.outside, state.non_trainable[len(state.non_trainable) - len(self.outside) :])

    def without_outside(self, state: State) -> State:
        """The state of the model's own variables."""
        return state._replace(non_trainable=state.non_trainable[: len(state.non_trainable) - len(self.outside)])

    def with_outside(self, state: State) -> State:
        """The state of the model's own variables, with the values of the outside ones added."""
        return state._replace(non_trainable=[*state.non_trainable, *held(self.outside)])


def held(variables: Sequence[Variable]) -> list[Any]:
    """The values of variables in this context."""
    return [variable._value for variable in variables]


def changes(old: list[Any], new: list[Any]) -> Changes:
    """The new values that are not the same objects as the old ones, by index."""
    pairs = enumerate(zip(old, new, strict=True))
    return {index: like(before, after) for index, (before, after) in pairs if after is not before}


def like(old: Any, new: Any) -> Any:
    """New values in the dtypes of the old ones, as the carry of a loop must keep its dtypes."""
    return jax.tree.map(lambda before, after: jnp.asarray(after, before.dtype), old, new)
