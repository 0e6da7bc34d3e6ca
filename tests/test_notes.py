"""Notes: readable about the very array, within the call, and never about another array."""

import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl import activations, notes


def test_a_note_is_read_by_kind_about_the_very_array():
    x = jnp.ones(3)
    with notes.scope():
        assert notes.read(x, "mask") is None
        assert notes.write(x, "mask", "written") is x
        assert notes.read(x, "mask") == "written"
        assert notes.read(x, "softmax logits") is None
        assert notes.read(x + 0, "mask") is None, "an equal array is another array"


def test_a_later_note_replaces_the_earlier_one_and_none_is_no_note():
    x = jnp.ones(3)
    with notes.scope():
        notes.write(x, "mask", 1)
        notes.write(x, "mask", 2)
        assert notes.read(x, "mask") == 2
        assert notes.write(x, "mask", None) is x
        assert notes.read(x, "mask") == 2


def test_nothing_is_kept_outside_of_a_scope_or_after_it():
    x = jnp.ones(3)
    assert notes.write(x, "mask", 1) is x
    assert notes.read(x, "mask") is None
    with notes.scope():
        assert notes.read(x, "mask") is None
        notes.write(x, "mask", 2)
    assert notes.read(x, "mask") is None
    with notes.scope():
        assert notes.read(x, "mask") is None, "a new scope begins empty"


def test_a_scope_inside_another_belongs_to_it():
    x = jnp.ones(3)
    with notes.scope():
        notes.write(x, "outer", 1)
        with notes.scope():
            assert notes.read(x, "outer") == 1
            notes.write(x, "inner", 2)
        assert notes.read(x, "inner") == 2


def test_an_error_ends_the_scope():
    x = jnp.ones(3)
    with pytest.raises(RuntimeError, match="stop"):
        with notes.scope():
            notes.write(x, "mask", 1)
            raise RuntimeError("stop")
    assert notes.write(x, "mask", 1) is x
    assert notes.read(x, "mask") is None


def test_a_new_array_never_has_the_notes_of_one_that_is_gone():
    with notes.scope():
        for number in range(200):  # without a reference to the old ones, Python would use their ids again
            array = np.zeros(number + 1)
            assert notes.read(array, "mask") is None
            notes.write(array, "mask", number)


def test_threads_do_not_see_each_other():
    x = jnp.ones(3)
    seen = []

    def other():
        with notes.scope():
            seen.append(notes.read(x, "mask"))
            notes.write(x, "mask", "other")

    with notes.scope():
        notes.write(x, "mask", "mine")
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert notes.read(x, "mask") == "mine"
    assert seen == [None]


@pytest.mark.parametrize("function", [activations.softmax, activations.sigmoid])
def test_activations_note_their_logits(function):
    kind, other = f"{function.__name__} logits", {"softmax": "sigmoid logits", "sigmoid": "softmax logits"}
    x = jnp.array([[1.0, -2.0]])
    with notes.scope():
        y = function(x)
        assert notes.read(y, kind) is x
        assert notes.read(y, other[function.__name__]) is None


def test_a_softmax_along_another_axis_notes_nothing():
    with notes.scope():
        assert notes.read(activations.softmax(jnp.ones((2, 3, 4)), axis=1), "softmax logits") is None
        assert notes.read(activations.softmax(jnp.ones((2, 3, 4)), axis=2), "softmax logits") is not None


def test_notes_in_traced_functions():
    def difference(x):
        with notes.scope():
            y = activations.sigmoid(x)
            return jnp.sum(notes.read(y, "sigmoid logits") * 2.0)

    x = jnp.array([1.0, 2.0])
    np.testing.assert_array_equal(jax.grad(difference)(x), [2.0, 2.0])
    np.testing.assert_array_equal(jax.jit(jax.grad(difference))(x), [2.0, 2.0])
    np.testing.assert_array_equal(jax.vmap(difference)(x), [2.0, 4.0])
