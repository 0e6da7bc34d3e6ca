"""The loop over time.

`over_time` runs any step along a sequence. `recurrence` is the same for cells whose states meet one matrix at
every step, `h @ U`: its gradient is quicker. Differentiating a scan adds a part of dU at each step, which reads and
writes the whole of dU each time. But with r_t = h_(t-1) U, dU = sum over t of h_(t-1)^T dr_t, which is one product of
matrices after the loop, given all dr_t. They are had as the gradient with respect to a bias that is added to r_t, a
copy of it for each time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Step = Callable[[Any, Any], tuple[Any, Any]]


def over_time(
    step: Step,
    inputs: Any,
    states: Any,
    mask: Any = None,
    backwards: bool = False,
    unroll: bool = False,
    zero_masked: bool = False,
) -> tuple[Any, Any]:
    """Run a step along sequences.

    Args:
        step: (inputs of one time, states) -> (output, new states).
        inputs: arrays with the time first: (time, batch, ...).
        states: where it starts: a list, of lists if cells are stacked.
        mask: (time, batch); where it is False the states stay, and the output is the one before.
        backwards: whether it runs from the last time to the first.
        unroll: whether the loop is written out.
        zero_masked: whether masked outputs are 0 instead.

    Returns:
        (outputs (time, batch, ...) in the order in which they were computed, the last states).
    """
    (outputs, _), last = _loop(
        lambda x, states: (*step(x, states), None), inputs, states, mask, backwards, unroll, zero_masked
    )
    return outputs, last


def _loop(
    step: Callable[[Any, Any], tuple[Any, Any, Any]],
    inputs: Any,
    states: Any,
    mask: Any,
    backwards: bool,
    unroll: bool,
    zero_masked: bool,
) -> tuple[Any, Any]:
    """As `over_time`, for a step that gives something more: it comes beside the outputs, in the order of time."""

    def masked_step(states: Any, now: Any) -> tuple[Any, Any]:
        x, counts = now
        output, new, more = step(x, states)
        new = jax.tree.map(lambda value, old: value.astype(old.dtype), new, states)
        if counts is not None:
            before = jnp.zeros_like(output) if zero_masked else _last_output(states)
            new = jax.tree.map(lambda value, old: jnp.where(_behind(counts, value), value, old), new, states)
            output = jnp.where(_behind(counts, output), output, before)
        return new, (output, more)

    last, (outputs, more) = lax.scan(masked_step, states, (inputs, mask), reverse=backwards, unroll=unroll or 1)
    return (jnp.flip(outputs, 0) if backwards else outputs, more), last


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def recurrence(
    step: Callable[..., Any], options: Any, projected: Any, states: Any, kernel: Any, bias: Any, mask: Any
) -> Any:
    """Run a cell along sequences whose inputs are projected already; see above for its gradient.

    Args:
        step: (projected inputs of one time, states, kernel, bias) -> (output, new states); the states meet the kernel
            only as `states[0] @ kernel + bias`.
        options: (backwards, unroll, zero_masked) as in `over_time`.
        projected: (time, batch, gates).
        states: where it starts; the first is the one that meets the kernel.
        kernel: (units, gates).
        bias: (gates,).
        mask: (time, batch) or None.

    Returns:
        as `over_time`.
    """
    return over_time(lambda x, states: step(x, states, kernel, bias), projected, states, mask, *options)


def _forward(step: Any, options: Any, projected: Any, states: Any, kernel: Any, bias: Any, mask: Any) -> Any:
    def run(projected: Any, biases: Any, states: Any) -> Any:
        def one(now: Any, states: Any) -> Any:
            return *step(now[0], states, kernel, now[1]), lax.stop_gradient(states[0])

        (outputs, met), last = _loop(one, (projected, biases), states, mask, *options)
        return (outputs, last), met

    biases = jnp.broadcast_to(bias, (*projected.shape[:2], kernel.shape[1]))
    results, backward, met = jax.vjp(run, projected, biases, states, has_aux=True)
    return results, (backward, met, kernel)


def _backward(step: Any, options: Any, kept: Any, gradients: Any) -> Any:
    backward, met, kernel = kept
    projected, met_kernel, states = backward(gradients)
    units, gates = kernel.shape
    weights = met.reshape(-1, units).T @ met_kernel.reshape(-1, gates)
    return projected, states, weights.astype(kernel.dtype), jnp.sum(met_kernel, (0, 1)).astype(kernel.dtype), None


recurrence.defvjp(_forward, _backward)


def _last_output(states: Any) -> Any:
    """The first state is what the cell gave before; of stacked cells, that of the last."""
    return states[-1][0] if isinstance(states[-1], (list, tuple)) else states[0]


def _behind(mask: Any, x: Any) -> Any:
    """A mask (batch,) with as many axes as an array."""
    return mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim))
