"""The operations of one layer, as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jax._src.core import Jaxpr, Literal  # for the reason in minidl/kernels/cpu/products.py

from minidl.profiling.flops import called, joined


def text_of(jaxpr: Any, owner: Callable[[str], Any], wanted: Any) -> str:
    """The equations of a layer, as functions of what they read; one for each function of the program that has any.

    Args:
        jaxpr: of the step.
        owner: the name of an operation -> what it belongs to.
        wanted: the layer.
    """
    return "\n".join(str(part) for part in _parts(jaxpr, "", owner, wanted))


def _parts(jaxpr: Any, stack: str, owner: Callable[[str], Any], wanted: Any) -> Iterator[Any]:
    own: list[Any] = []
    others: list[Any] = []
    for equation in jaxpr.eqns:
        (own if owner(joined(stack, equation)) == wanted else others).append(equation)
    if own:
        yield _function(jaxpr, own, others)
    for equation in others:
        for inner in _inner(equation):
            yield from _parts(inner, joined(stack, equation), owner, wanted)


def _inner(equation: Any) -> list[Any]:
    if equation.primitive.name == "cond":
        return [branch.jaxpr for branch in equation.params["branches"]]
    if equation.primitive.name == "while":
        return [equation.params["body_jaxpr"].jaxpr]
    return [] if (inner := called(equation)) is None else [inner]


def _function(jaxpr: Any, equations: list[Any], others: list[Any]) -> Any:
    """Some equations of a jaxpr as a jaxpr: it takes what they read, and returns what the others read of them."""
    made = {variable for equation in equations for variable in equation.outvars}
    read = dict.fromkeys(v for equation in equations for v in equation.invars if not isinstance(v, Literal))
    used = {v for equation in others for v in equation.invars if not isinstance(v, Literal)}
    used |= {v for v in jaxpr.outvars if not isinstance(v, Literal)}
    returned = [v for equation in equations for v in equation.outvars if v in used]
    taken = [v for v in read if v not in made]
    return Jaxpr((), taken, returned, equations, debug_info=jaxpr.debug_info.with_unknown_names())
