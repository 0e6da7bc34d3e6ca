"""The loops of chunk.py without compilation: every operation runs on its own, so that values can be seen.

They are used with `run_eagerly=True`, and where JAX looks for the operation that gave a NaN (`jax_debug_nans`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from minidl.training.chunk import batch_at
from minidl.training.state import Changes, State
from minidl.training.step import Logs


def train(step: Callable[..., Any], state: State, batches: Any, count: int) -> tuple[State, Logs]:
    """Train on the first `count` batches: the new state, and the logs of the last batch."""
    logs: Logs = {}
    for i in range(count):
        state, logs = step(state, batch_at(batches, i))
    return state, logs


def test(
    step: Callable[..., Any], weights: State, metrics: list[Any], batches: Any, count: int
) -> tuple[list[Any], Changes, Logs]:
    """Evaluate batches: the new metrics, the changes of non-trainable variables, the logs of the last batch."""
    changes: Changes = {}
    logs: Logs = {}
    for i in range(count):
        metrics, new, logs = step(weights.with_changes(changes), metrics, batch_at(batches, i))
        changes = {**changes, **new}  # a step that runs eagerly may change others than the one before
    return metrics, changes, logs


def predict(step: Callable[..., Any], weights: State, x: Any, count: int) -> tuple[Any, Changes]:
    """Outputs (count, batch, ...), and the changes of non-trainable variables."""
    each: list[Any] = []
    changes: Changes = {}
    for i in range(count):
        outputs, new = step(weights.with_changes(changes), batch_at(x, i))
        changes = {**changes, **new}
        each.append(outputs)
    return jax.tree.map(lambda *batches: jnp.stack(batches), *each), changes
