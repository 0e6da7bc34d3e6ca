"""Programs: functions that are compiled once for each shape of their arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from minidl import kernels

LIMIT = 128  # forms that are kept; each takes some 2 MB and a dozen memory maps, of which a process may have 65,530


class Program:
    """A function that is compiled as the kernels in it need it. Its compiled forms are kept up to a limit.

    Args:
        function: what to compile.
        has_loop: whether it is a loop over small steps.
        **options: of `jax.jit`.

    >>> program = Program(lambda x: 2 * x)
    >>> x = jax.numpy.ones(())
    >>> float(program(x)), program.is_new(x), program.is_new(x)
    (2.0, True, False)
    """

    def __init__(self, function: Callable[..., Any], has_loop: bool = False, **options: Any):
        self._jit = functools.partial(jax.jit, function, **options)
        self._has_loop = has_loop
        self._function: Any = None
        self._known: set[Any] = set()
        self._compiled: set[Any] = set()

    def __call__(self, *args: Any) -> Any:
        if self._function is None:
            traced = self._jit().trace(*args)  # which is not traced again below
            needs = kernels.compiler_options(self._has_loop, kernels.needs_barriers(traced.jaxpr))
            self._function = self._jit(compiler_options=needs)
        outputs = self._function(*args)
        if self._function._cache_size() > LIMIT:
            self._function.clear_cache()
            self._compiled.clear()
        return outputs

    def is_new(self, argument: Any) -> bool:
        """Whether this was not asked before about an argument of the same structure, shapes and dtypes."""
        return _is_added(argument, self._known)

    def will_compile(self, argument: Any) -> bool:
        """Whether a call with such an argument compiles, if it is made now."""
        return _is_added(argument, self._compiled)


def _is_added(argument: Any, known: set[Any]) -> bool:
    """Whether the structure, shapes and dtypes of an argument were not in a set, in which they then are."""
    leaves, structure = jax.tree.flatten(argument)
    key = structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)
    is_added = key not in known
    known.add(key)
    return is_added


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
    for jaxpr in kernels.jaxprs(closed):
        yield from getattr(jaxpr, "consts", ())
        yield from (var.val for equation in jaxpr.eqns for var in equation.invars if hasattr(var, "val"))
