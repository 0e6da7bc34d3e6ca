"""Optimizers: every one with every option, beyond the rows of optimizers.py."""

from __future__ import annotations

from typing import Any

from tests.references.optimizers import FIRST, OPTIONS, ROWS, of_rows

# LAMB at the rate that this option sets moves a fifth of the weights a step: rounding errors grow tenfold in ten steps.
LEFT_OUT = [*ROWS, ("lamb", "learning_rate")]


def cases(keras: Any) -> dict[str, Any]:
    """A compiled loop for each optimizer."""
    numbers: dict[str, Any] = {}
    for name in FIRST.values():
        numbers |= of_rows(keras, [(name, option) for option in OPTIONS if (name, option) not in LEFT_OUT])
    return numbers
