"""The orders of rows in the epochs of array data, drawn from NumPy's global generator as Keras does."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


class Orders:
    """Draws from NumPy's global generator, the next of which can be made early.

    A draw made early counts only if the generator is then as it was: if a callback has used or
    seeded it meanwhile, the draw is made again, so that the numbers do not depend on when it was made.

    Args:
        draw: draws one order from a generator.
    """

    def __init__(self, draw: Callable[[Any], Any]):
        self.before: Any = None  # the state of the generator that the newest order was drawn from
        self._draw = draw
        self._ahead: tuple[Any, Any, Any] | None = None  # the state before, the order, the state after

    def look_ahead(self) -> None:
        """Make the next draw now."""
        before = np.random.get_state(legacy=False)
        if before["bit_generator"] == "MT19937":
            random = _generator()
            random.set_state(before)
            self._ahead = before, self._draw(random), random.get_state(legacy=False)

    def next(self) -> Any:
        """The next order."""
        ahead, self._ahead = self._ahead, None
        self.before = np.random.get_state(legacy=False)
        if ahead is not None:
            before, order, after = ahead
            if _same_state(self.before, before):
                np.random.set_state(after)
                return order
        return self._draw(np.random)


@functools.cache
def _generator() -> np.random.RandomState:
    """One to draw ahead with, which takes the state of the global one before each use."""
    return np.random.RandomState(0)


def _same_state(one: Any, other: Any) -> bool:
    """Whether two states of NumPy's generator are the same."""
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))
