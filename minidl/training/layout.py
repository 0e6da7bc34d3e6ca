"""How the training loop carries arrays: on the CPU, narrow weights are turned round.

A kernel of shape (64, 10) has rows of ten numbers, too short for vector instructions, so
its part of the optimizer's update takes six times as long as it should, and the product that
gives its gradient twice. Carried as (10, 64) through the loop it costs neither: a small
classifier's step is 8% faster. Models, optimizers and users never see it: the arrays are
turned when a chunk begins and turned back when it ends.
"""

from __future__ import annotations

from typing import Any

import jax

from minidl.products import NARROW
from minidl.variables import Variable


class Layout:
    """Which of the arrays of a training state are carried transposed.

    Args:
        variables: the variables of the state, in lists; the first list is the trainable ones.
        optimizer: it says whether the arrays of its state may be turned with their weights.
    """

    def __init__(self, variables: Any, optimizer: Any):
        turned: set[int] = set()
        if optimizer is not None and optimizer.elementwise and jax.default_backend() == "cpu":
            turned = {id(weight) for weight in variables[0] if _is_narrow(weight) and weight.constraint is None}
            turned |= {id(variable) for weight, variable in optimizer.companions() if id(weight) in turned}
        self._turned = [[id(variable) in turned for variable in some] for some in variables]

    def turn(self, state: Any) -> Any:
        """From the arrays of the variables to those of the loop, or back."""
        return type(state)(*(_turn(values, turned) for values, turned in zip(state, self._turned)))

    def specs(self, state: Any) -> Any:
        """The shapes and dtypes of the loop's arrays, given those of the variables."""

        def spec(value: Any, is_turned: bool) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct(value.shape[::-1] if is_turned else value.shape, value.dtype)

        return type(state)(*(list(map(spec, values, turned)) for values, turned in zip(state, self._turned)))

    def turn_trainable(self, values: list[Any]) -> list[Any]:
        """The same for the trainable arrays alone."""
        return _turn(values, self._turned[0])


def _is_narrow(weight: Variable) -> bool:
    return weight.ndim == 2 and weight.shape[1] < NARROW <= weight.shape[0]


def _turn(values: list[Any], turned: list[bool]) -> list[Any]:
    return [value.T if is_turned else value for value, is_turned in zip(values, turned)]
