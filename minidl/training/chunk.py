"""Loops over the batches of a chunk, compiled once per shape of batch.

Python runs once per chunk, not once per step: the loss and the metrics are accumulated in the carry of the loop.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from minidl.training.state import Changes, State
from minidl.training.step import Logs

T = TypeVar("T")
_VALID = {"allow_negative_indices": False}  # an index of a loop is valid: XLA compiles no check of it


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Reported:
    """The logs of a chunk, on the device: scalars in one array, for one transfer, and arrays by name."""

    scalars: Any
    arrays: Logs
    names: tuple[str, ...] = dataclasses.field(metadata={"static": True})  # of the scalars

    @classmethod
    def of(cls, results: Logs, logs: Logs) -> Reported:
        """The results of the metrics; or the logs of the user's own step, if these have other names."""
        reported = logs if logs and logs.keys() != results.keys() else results
        scalars = {name: value for name, value in reported.items() if jnp.shape(value) == ()}
        stacked = jnp.stack([jnp.asarray(value, "float32") for value in scalars.values()]) if scalars else jnp.zeros(0)
        arrays = {name: value for name, value in reported.items() if name not in scalars}
        return cls(stacked, arrays, tuple(scalars))

    def read(self) -> Logs:
        """Transfer from the device: name -> number (or array, for a metric with several)."""
        scalars, arrays = jax.block_until_ready((self.scalars, self.arrays))
        return {**dict(zip(self.names, np.asarray(scalars).tolist())), **jax.tree.map(np.asarray, arrays)}


def train(step: Callable[..., Any], state: State, batches: Any, count: Any) -> tuple[State, Logs]:
    """Train on the first `count` batches of (capacity, batch, ...): the new state, and the logs of the last batch."""

    def one(i: Any, carry: tuple[State, Logs]) -> tuple[State, Logs]:
        return step(carry[0], batch_at(batches, i))

    return _loop(batches, count, one, (state, _empty(step, state, batch_at(batches, 0))[1]))


def test(
    step: Callable[..., Any], weights: State, metrics: list[Any], batches: Any, count: Any
) -> tuple[list[Any], Changes, Logs]:
    """Evaluate batches: the new metrics, the changes of non-trainable variables, the logs of the last batch."""

    def one(i: Any, carry: tuple[list[Any], Changes, Logs]) -> tuple[list[Any], Changes, Logs]:
        return step(weights.with_changes(carry[1]), carry[0], batch_at(batches, i))

    _, changing, logs = _empty(step, weights, metrics, batch_at(batches, 0))
    changes = {index: weights.non_trainable[index] for index in changing}
    return _loop(batches, count, one, (metrics, changes, logs))


def predict(step: Callable[..., Any], weights: State, x: Any, count: Any) -> tuple[Any, Changes]:
    """Outputs (capacity, batch, ...), the first `count` valid, and the changes of non-trainable variables."""
    capacity = jax.tree.leaves(x)[0].shape[0]
    specs, changing = jax.eval_shape(step, weights, batch_at(x, 0))
    empty = jax.tree.map(lambda spec: jnp.zeros((capacity, *spec.shape), spec.dtype), specs)

    def one(i: Any, carry: tuple[Any, Changes]) -> tuple[Any, Changes]:
        outputs, changes = carry
        new, changes = step(weights.with_changes(changes), batch_at(x, i))
        return jax.tree.map(lambda output, value: _with_batch(output, value, i), outputs, new), changes

    return _loop(x, count, one, (empty, {index: weights.non_trainable[index] for index in changing}))


def _loop(batches: Any, count: Any, one: Callable[[Any, T], T], carry: T) -> T:
    """The loop over the first `count` batches. Where there is room for one only, XLA removes the loop."""
    has_one = jax.tree.leaves(batches)[0].shape[0] == 1
    return lax.fori_loop(0, 1 if has_one else count, one, carry)


def batch_at(batches: Any, i: Any) -> Any:
    """One batch of a chunk."""
    if not isinstance(i, jax.core.Tracer):
        return jax.tree.map(lambda array: array[i], batches)
    return jax.tree.map(lambda array: lax.dynamic_index_in_dim(array, i, keepdims=False, **_VALID), batches)


def _with_batch(batches: Any, batch: Any, i: Any) -> Any:
    return lax.dynamic_update_index_in_dim(batches, batch, i, axis=0, **_VALID)


def _empty(step: Callable[..., Any], *args: Any) -> Any:
    """Zeros of the shapes that a step returns."""
    return jax.tree.map(lambda spec: jnp.zeros(spec.shape, spec.dtype), jax.eval_shape(step, *args))
