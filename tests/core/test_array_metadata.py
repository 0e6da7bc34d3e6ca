"""Metadata: that of the very array, as long as it lives, and never that of another array."""

import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minidl import activations
from minidl.core import array_metadata


def test_metadata_is_that_of_the_very_array():
    x = jnp.ones(3)
    assert array_metadata.of(x).mask is None
    assert array_metadata.annotate(x, mask="written") is x
    assert array_metadata.of(x).mask == "written"
    assert array_metadata.of(x).softmax_logits is None
    assert array_metadata.of(x + 0).mask is None, "an equal array is another array"


def test_a_later_value_replaces_the_earlier_one_and_none_changes_nothing():
    x = jnp.ones(3)
    array_metadata.annotate(x, mask=1)
    array_metadata.annotate(x, mask=2)
    assert array_metadata.of(x).mask == 2
    assert array_metadata.annotate(x, mask=None) is x
    assert array_metadata.of(x).mask == 2


def test_metadata_is_copied_to_another_array():
    x, y = jnp.ones(3), jnp.zeros(3)
    array_metadata.annotate(x, mask=1)
    array_metadata.annotate(x, is_linear=True)
    array_metadata.annotate_all([y], [array_metadata.of(x)])
    assert (array_metadata.of(y).mask, array_metadata.of(y).is_linear) == (1, True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mask", "softmax_logits"])
def test_metadata_ends_with_its_array(kind):
    class Value:
        pass

    x, value = jnp.ones(3), Value()
    array_metadata.annotate(x, **{kind: value})
    kept = weakref.ref(value)
    del value
    gc.collect()
    assert kept() is getattr(array_metadata.of(x), kind) is not None
    del x
    gc.collect()
    assert kept() is None


def test_a_new_array_never_has_the_metadata_of_one_that_is_gone():
    for number in range(200):  # Python uses the ids of old arrays again
        array = np.zeros(number + 1)
        assert array_metadata.of(array).mask is None
        array_metadata.annotate(array, mask=number)


def test_an_array_of_values_keeps_no_traced_one():
    x = jnp.ones(3)
    jax.jit(lambda y: array_metadata.annotate(x, mask=y) + y)(jnp.zeros(3))
    assert array_metadata.of(x).mask is None


@pytest.mark.parametrize("function", [activations.softmax, activations.sigmoid])
def test_activations_keep_their_logits(function):
    x = jnp.array([[1.0, -2.0]])
    known = array_metadata.of(function(x))
    logits = {"softmax": known.softmax_logits, "sigmoid": known.sigmoid_logits}
    assert logits.pop(function.__name__) is x and list(logits.values()) == [None]


def test_a_softmax_along_another_axis_keeps_none():
    assert array_metadata.of(activations.softmax(jnp.ones((2, 3, 4)), axis=1)).softmax_logits is None
    assert array_metadata.of(activations.softmax(jnp.ones((2, 3, 4)), axis=2)).softmax_logits is not None


def test_metadata_in_traced_functions():
    def difference(x):
        y = activations.sigmoid(x)
        return jnp.sum(array_metadata.of(y).sigmoid_logits * 2.0)

    x = jnp.array([1.0, 2.0])
    np.testing.assert_array_equal(jax.grad(difference)(x), [2.0, 2.0])
    np.testing.assert_array_equal(jax.jit(jax.grad(difference))(x), [2.0, 2.0])
    np.testing.assert_array_equal(jax.vmap(difference)(x), [2.0, 4.0])
