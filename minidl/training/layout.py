"""The layout of arrays in the carry of the training loop: `kernels.is_carried_transposed` weights are transposed.

Models, optimizers and users never see it: arrays are transposed at the beginning and the end of a chunk.
"""

from __future__ import annotations

from typing import Any

import jax

from minidl.kernels import is_carried_transposed


class Layout:
    """Selects the arrays of a training state that are carried transposed.

    Args:
        variables: the variables of the state, as lists; the first has the trainable ones.
        optimizer: determines whether its state may be transposed with the weights.
    """

    def __init__(self, variables: Any, optimizer: Any):
        transposed: set[int] = set()
        if optimizer is not None and optimizer.elementwise:
            free = [weight for weight in variables[0] if weight.constraint is None]
            transposed = {id(weight) for weight in free if is_carried_transposed(weight._value)}
            transposed |= {id(variable) for weight, variable in optimizer.companions() if id(weight) in transposed}
        self._transposed = [[id(variable) in transposed for variable in some] for some in variables]

    def transpose(self, state: Any) -> Any:
        """Convert the arrays of the variables to those of the loop, or back."""
        return type(state)(*(_transposed(values, transposed) for values, transposed in zip(state, self._transposed)))

    def specs(self, state: Any) -> Any:
        """The shapes and dtypes of the loop's arrays, given those of the variables."""

        def spec(value: Any, is_transposed: bool) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct(value.shape[::-1] if is_transposed else value.shape, value.dtype)

        return type(state)(
            *(list(map(spec, values, transposed)) for values, transposed in zip(state, self._transposed))
        )

    def transpose_trainable(self, values: list[Any]) -> list[Any]:
        """As `transpose`, for the trainable arrays."""
        return _transposed(values, self._transposed[0])


def _transposed(values: list[Any], transposed: list[bool]) -> list[Any]:
    return [value.T if is_transposed else value for value, is_transposed in zip(values, transposed)]
