"""Waiting for results that are about to come.

A thread that sleeps until a result is there has to be woken up, and in a virtual machine that takes longer than a small
model computes. A thread that looks for the result again and again for a short while gets it at once, and the thread
that computes finds the next call before it falls asleep.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import jax

from minidl.core.typing import PyTree

SECONDS = 50e-6  # of a wait without sleep


def awake(results: PyTree) -> PyTree:
    """The results of one computation, when they are ready or `SECONDS` have passed.

    Args:
        results: a structure of arrays.

    >>> awake(jax.numpy.ones(2) + 1).tolist()
    [2.0, 2.0]
    """
    arrays: list[Any] = [results] if isinstance(results, jax.Array) else jax.tree.leaves(results)
    end = perf_counter() + SECONDS
    while arrays and not arrays[0].is_ready() and perf_counter() < end:
        pass
    return results
