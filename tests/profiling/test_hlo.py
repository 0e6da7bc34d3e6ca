"""The text of a compiled program: instructions, bytes, names."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from minidl.profiling import hlo


def chunk(step):
    """A loop over the batches of a chunk, as `fit` compiles it."""

    def run(state, batches, count):
        return lax.fori_loop(0, count, lambda i, state: step(state, batches[i]), state)

    return run


def dense(weights, x):
    with jax.named_scope("first"):
        h = jnp.tanh(x @ weights[0])
    with jax.named_scope("second"):
        y = h @ weights[1]
    return [weights[0] + y.sum(), weights[1] * 0.5]


@pytest.fixture(scope="module")
def program():
    args = [jnp.ones((64, 96)), jnp.ones((96, 32))], jnp.ones((10, 128, 64)), 10
    compiled = jax.jit(chunk(dense)).lower(*args).compile()
    return hlo.Program(compiled.as_text()), compiled.cost_analysis()["bytes accessed"]


def test_all_instructions_are_read(program):
    parsed, _ = program
    assert parsed.entry in parsed.computations
    assert {name for one in parsed.instructions.values() for name in one.called} <= parsed.computations.keys()
    known = parsed.instructions.keys()
    assert all(set(one.operands) <= known for one in parsed.instructions.values() if one.opcode != "fusion")


def test_bytes_are_those_of_the_analysis_of_xla(program):
    """XLA counts the loop once, too. It also counts the copies outside of it."""
    parsed, expected = program
    counted = sum(times * parsed.bytes_of(one) for one, times in parsed.executed())
    outside = sum(parsed.bytes_of(one) for one in parsed.computations[parsed.entry])
    assert counted + outside == pytest.approx(expected, rel=0.05)


def test_a_batch_is_read_not_the_chunk(program):
    parsed, _ = program
    whole = 10 * 128 * 64 * 4
    assert max(parsed.bytes_of(one) for one, _ in parsed.executed()) < whole


def test_products_belong_to_their_layers(program):
    parsed, _ = program
    owners = parsed.owners(lambda stack: stack.rpartition("/")[2] or "rest", "rest")
    text = parsed.text_of([one.name for one, _ in parsed.executed() if owners[one.name] == "first"])
    assert "dot" in text and "tanh" in text


def test_a_loop_inside_counts_as_often_as_it_runs():
    def step(state, x):
        return lax.scan(lambda c, _: (jnp.tanh(c @ state), None), x, None, length=6)[0]

    compiled = jax.jit(chunk(step)).lower(jnp.ones((32, 32)), jnp.ones((5, 32, 32)), 5).compile()
    parsed = hlo.Program(compiled.as_text())
    times = {times for one, times in parsed.executed() if one.opcode in ("dot", "fusion") and "dot" in one.line}
    assert 6 in times
    assert any(one.opcode == "while" for one, _ in parsed.executed())
    assert parsed.containers() >= {one.name for one, _ in parsed.executed() if one.opcode == "while"}
