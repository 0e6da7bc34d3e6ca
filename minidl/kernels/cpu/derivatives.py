"""A form of a computation for where it is differentiated, and another for where it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.custom_derivatives import SymbolicZero


def where_differentiated(form: Callable[..., Any], otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """A function that computes `form` where derivatives are computed, of any order and mode, and `otherwise` elsewhere.

    Args:
        form: of arrays, which is differentiated with respect to those that derivatives are asked for.
        otherwise: the same function in another form.
    """
    function = jax.custom_jvp(otherwise)

    def derivative(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
        flat, tree = jax.tree.flatten(primals)
        moving = {i: t for i, t in enumerate(jax.tree.leaves(tangents)) if not isinstance(t, SymbolicZero)}

        def of_moving(*arrays: Any) -> Any:
            given = dict(zip(moving, arrays))
            return form(*jax.tree.unflatten(tree, [given.get(i, array) for i, array in enumerate(flat)]))

        return jax.jvp(of_moving, [flat[i] for i in moving], list(moving.values()))

    function.defjvp(derivative, symbolic_zeros=True)
    return function
