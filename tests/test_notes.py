"""Notes: readable about the very array, as long as it lives, and never about another array."""

import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl import activations, notes


def test_a_note_is_read_by_kind_about_the_very_array():
    x = jnp.ones(3)
    assert notes.read(x, "mask") is None
    assert notes.write(x, "mask", "written") is x
    assert notes.read(x, "mask") == "written"
    assert notes.read(x, "softmax logits") is None
    assert notes.read(x + 0, "mask") is None, "an equal array is another array"


def test_a_later_note_replaces_the_earlier_one_and_none_is_no_note():
    x = jnp.ones(3)
    notes.write(x, "mask", 1)
    notes.write(x, "mask", 2)
    assert notes.read(x, "mask") == 2
    assert notes.write(x, "mask", None) is x
    assert notes.read(x, "mask") == 2


def test_notes_go_along_to_another_array():
    x, y = jnp.ones(3), jnp.zeros(3)
    notes.write(x, "mask", 1)
    notes.write(x, "linear", True)
    notes.write_all([y], notes.of([x]))
    assert (notes.read(y, "mask"), notes.read(y, "linear")) == (1, True)


@pytest.mark.parametrize("kind", ["mask", "linear"])
def test_a_note_ends_with_its_array(kind):
    class Value:
        pass

    x, value = jnp.ones(3), Value()
    notes.write(x, kind, value)
    kept = weakref.ref(value)
    del value
    gc.collect()
    assert kept() is notes.read(x, kind) is not None
    del x
    gc.collect()
    assert kept() is None


def test_a_new_array_never_has_the_notes_of_one_that_is_gone():
    for number in range(200):  # Python uses the ids of old arrays again
        array = np.zeros(number + 1)
        assert notes.read(array, "mask") is None
        notes.write(array, "mask", number)


def test_an_array_of_values_keeps_no_traced_one():
    x = jnp.ones(3)
    jax.jit(lambda y: notes.write(x, "mask", y) + y)(jnp.zeros(3))
    assert notes.read(x, "mask") is None


@pytest.mark.parametrize("function", [activations.softmax, activations.sigmoid])
def test_activations_note_their_logits(function):
    kind, other = f"{function.__name__} logits", {"softmax": "sigmoid logits", "sigmoid": "softmax logits"}
    x = jnp.array([[1.0, -2.0]])
    y = function(x)
    assert notes.read(y, kind) is x
    assert notes.read(y, other[function.__name__]) is None


def test_a_softmax_along_another_axis_notes_nothing():
    assert notes.read(activations.softmax(jnp.ones((2, 3, 4)), axis=1), "softmax logits") is None
    assert notes.read(activations.softmax(jnp.ones((2, 3, 4)), axis=2), "softmax logits") is not None


def test_notes_in_traced_functions():
    def difference(x):
        y = activations.sigmoid(x)
        return jnp.sum(notes.read(y, "sigmoid logits") * 2.0)

    x = jnp.array([1.0, 2.0])
    np.testing.assert_array_equal(jax.grad(difference)(x), [2.0, 2.0])
    np.testing.assert_array_equal(jax.jit(jax.grad(difference))(x), [2.0, 2.0])
    np.testing.assert_array_equal(jax.vmap(difference)(x), [2.0, 4.0])
