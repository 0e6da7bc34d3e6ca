"""Programs: functions that are compiled once for each shape of their arguments, and the compiler's options."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

LIMIT = 128  # forms that are kept; each takes some 2 MB and a dozen memory maps, of which a process may have 65,530


class Program:
    """A compiled function. It keeps its compiled forms up to a limit; then it begins anew.

    Args:
        function: what to compile.
        **options: of `jax.jit`.

    >>> program = Program(lambda x: 2 * x)
    >>> x = jax.numpy.ones(())
    >>> program.is_new(x), program.will_compile, float(program(x)), program.is_new(x), program.will_compile
    (True, True, 2.0, False, False)
    """

    def __init__(self, function: Callable[..., Any], **options: Any):
        self._function: Any = jax.jit(function, **options)
        self._known: set[Any] = set()
        self.will_compile = True  # whether the next call does, as the last question said

    def __call__(self, *args: Any) -> Any:
        outputs = self._function(*args)
        self.will_compile = False
        if self._function._cache_size() > LIMIT:
            self._function.clear_cache()
            self._known.clear()
        return outputs

    def is_new(self, argument: Any) -> bool:
        """Whether there is no compiled form for an argument of such a structure, shapes and dtypes."""
        leaves, structure = jax.tree.flatten(argument)
        key = structure, *[(leaf.shape, leaf.dtype) for leaf in leaves]
        is_new = key not in self._known
        self._known.add(key)
        self.will_compile |= is_new
        return is_new


def is_same_program(one: Any, other: Any) -> bool:
    """Whether two traced functions compute the same: the same operations on the same constants.

    A text names constant arrays and does not show what is in them, so those are compared by their values.
    """
    if str(one) != str(other):
        return False
    pair = [list(_constants(closed)) for closed in (one, other)]
    return len(pair[0]) == len(pair[1]) and all(map(np.array_equal, *pair))


def _constants(closed: Any) -> Iterator[Any]:
    """The constant arrays of a traced function, and of the functions that it calls."""
    yield from getattr(closed, "consts", ())
    for equation in closed.eqns:
        yield from (var.val for var in equation.invars if hasattr(var, "val"))
        for parameter in jax.tree.leaves(equation.params, is_leaf=lambda leaf: hasattr(leaf, "eqns")):
            if hasattr(parameter, "eqns"):
                yield from _constants(parameter)


@functools.cache
def compiler_options(keeps_barriers: bool = False) -> dict[str, Any]:
    """Options of XLA's that make loops over small steps faster on the CPU; each is left out where XLA lacks it.

    Without region analysis the loop copies its weights at every step (2% of a small one); with the highest level of
    LLVM's optimizations the kernels of small arrays are slower than with the usual one (2%).

    Args:
        keeps_barriers: whether operations on the two sides of a `lax.optimization_barrier` stay apart, as
            convolve.py and dropout need it; XLA drops the barriers before it fuses operations (else a small step is
            2% slower).
    """
    if jax.default_backend() != "cpu":
        return {}
    wanted: dict[str, Any] = {"xla_cpu_copy_insertion_use_region_analysis": True, "xla_backend_optimization_level": 2}
    if keeps_barriers:  # a tiny loop that becomes one function may hold none: XLA could not compile it
        wanted["xla_disable_hlo_passes"] = "cse_barrier_expander,small-while-loop-hoisting"
    if _are_known(wanted):  # asked first, since each question compiles
        return wanted
    return {name: value for name, value in wanted.items() if _are_known({name: value})}


def _are_known(options: dict[str, Any]) -> bool:
    """Whether XLA has all of the options."""
    try:
        jax.jit(lambda: 0, compiler_options=options).lower().compile()
    except jax.errors.JaxRuntimeError as error:
        if "No such compile option" not in str(error):
            raise
        return False
    return True
