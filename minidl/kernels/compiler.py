"""XLA compiler options: for loops over small steps, for training, and those that the kernels in a program need."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import jax
from jax import lax

from minidl.kernels import choice

_SCOPE = "keep_barrier"
_LOOP = {"xla_cpu_copy_insertion_use_region_analysis": True, "xla_backend_optimization_level": 2}
# XLA fails on barriers in tiny loops that it outlines into one function.
_BARRIERS = {"xla_disable_hlo_passes": "cse_barrier_expander,small-while-loop-hoisting"}
# XLA's second library is for products and, in training, for sums: not for convolutions, many of which it computes on a
# single thread. A sum takes along what it is computed from, up to products and convolutions, where no gradient needs
# these values: as one slow function, for which inference of WaveNet took 1.7 times as long, of residual networks 1.4.
_LIBRARY = "xla_cpu_experimental_ynn_fusion_type"
_PRODUCTS = {_LIBRARY: "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}
_PRODUCTS_AND_SUMS = {_LIBRARY: "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_REDUCE"}
_RARE = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}


def keep_barrier(x: Any) -> Any:
    """A `lax.optimization_barrier` that XLA must keep until operations are fused.

    XLA's CPU compiler drops barriers before that. A program with this barrier is compiled with options that keep it:
    see `needs_barriers`.
    """
    with jax.named_scope(_SCOPE):
        return lax.optimization_barrier(x)


def needs_barriers(traced: Any) -> bool:
    """Whether a traced function, or one that it calls, has a `keep_barrier`.

    >>> needs_barriers(jax.make_jaxpr(keep_barrier)(1.0)), needs_barriers(jax.make_jaxpr(lax.optimization_barrier)(1.0))
    (True, False)
    """
    return any(
        equation.primitive is lax.optimization_barrier_p and _SCOPE in str(equation.source_info.name_stack)
        for jaxpr in jaxprs(traced)
        for equation in jaxpr.eqns
    )


def jaxprs(traced: Any) -> Iterator[Any]:
    """A jaxpr, and those that it calls."""
    yield traced
    for equation in traced.eqns:
        for parameter in jax.tree.leaves(equation.params, is_leaf=lambda leaf: hasattr(leaf, "eqns")):
            if hasattr(parameter, "eqns"):
                yield from jaxprs(parameter)


def compiler_options(mode: str | None, keeps_barriers: bool, is_rare: bool = False) -> dict[str, Any]:
    """The options for XLA on the CPU; options that it does not have are left out.

    Args:
        mode: "train", "test" or "predict" for a loop over small steps, None for a single call. Without region analysis
            a loop copies its weights at every step (2% of a small one); with the highest level of LLVM's optimizations
            the kernels of small arrays are slower than with the usual one (2%).
        keeps_barriers: whether barriers are kept until operations are fused. Without it, a
            small step is 2% faster.
        is_rare: whether the program runs so rarely that a short compilation counts for more than speed. XLA's older
            code generator takes two thirds of the time to compile, and its code twice the time to run.
    """
    return _options(mode, keeps_barriers, is_rare) if choice.platform() == "cpu" and choice.mode() == "auto" else {}


def _options(mode: str | None, keeps_barriers: bool, is_rare: bool) -> dict[str, Any]:
    wanted: dict[str, Any] = _PRODUCTS_AND_SUMS if mode == "train" else _PRODUCTS
    wanted = wanted | (_LOOP if mode else {}) | (_BARRIERS if keeps_barriers else {}) | (_RARE if is_rare else {})
    return {name: value for name, value in wanted.items() if name in _known()}


@functools.cache
def _known() -> frozenset[str]:
    """The names of these options that XLA has. All at once first, since each check compiles."""
    every: dict[str, Any] = _PRODUCTS_AND_SUMS | _LOOP | _BARRIERS | _RARE
    if _are_known(every):
        return frozenset(every)
    return frozenset(name for name, value in every.items() if _are_known({name: value}))


def _are_known(options: dict[str, Any]) -> bool:
    """Whether XLA has all of the options."""
    try:
        jax.jit(lambda: 0, compiler_options=options).lower().compile()
    except jax.errors.JaxRuntimeError as error:
        if "No such compile option" not in str(error):
            raise
        return False
    return True
