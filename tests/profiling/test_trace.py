"""Times of operations from traces."""

import jax
import jax.numpy as jnp
import pytest

from minidl.profiling import hlo, trace
from minidl.profiling.trace import Event, overhead, times


def test_time_between_operations_belongs_to_the_last_that_began():
    """On a pool of threads an operation computes after its event, until the next begins."""
    seconds, counts = times([Event(0, 10, "a"), Event(100, 120, "b"), Event(120, 150, "a")], set())
    assert {name: round(value * 1e9) for name, value in seconds.items()} == {"a": 130, "b": 20}
    assert counts == {"a": 2, "b": 1}


def test_operations_at_the_same_time_share_it():
    seconds, _ = times([Event(0, 100, "a"), Event(20, 60, "b")], set())
    assert {name: round(value * 1e9) for name, value in seconds.items()} == {"a": 80, "b": 20}


def test_no_operations():
    assert times([Event(0, 10, "loop")], {"loop"}) == ({}, {})
    assert overhead({}, {}, 1.0) == 0.0


def test_tracing_takes_no_more_than_the_shortest_operation():
    assert overhead({"a": 8.0, "b": 0.5}, {"a": 1, "b": 1}, total=4.5) == 0.5
    assert overhead({"a": 8.0, "b": 0.5}, {"a": 1, "b": 1}, total=9.0) == 0.0


def test_names_in_a_trace_are_those_of_the_program():
    function = jax.jit(lambda x: jnp.tanh(x @ x))
    x = jnp.ones((256, 256))
    compiled = function.lower(x).compile()
    compiled(x).block_until_ready()
    events = trace.recorded(lambda: compiled(x).block_until_ready())
    assert events and {event.name for event in events} <= hlo.Program(compiled.as_text()).instructions.keys()


def test_a_trace_in_a_trace_is_an_error(tmp_path):
    with jax.profiler.trace(tmp_path), pytest.raises(RuntimeError, match="profile"):
        trace.recorded(lambda: None)
