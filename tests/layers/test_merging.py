"""Layers that make one array of several: what masks of the inputs do. Their numbers without are in references/."""

import numpy as np
import pytest

from minidl import layers
from minidl.layers import masks

A = np.array([[[0, 0], [-1, -2], [0, 0], [-3, -4]]], "float32")
B = np.array([[[0, 0], [0, 0], [-1, -2], [-3, -4]]], "float32")

# What Keras gives: the first input masked, then both.
EXPECTED = {
    "Maximum": ([[0, 0], [0, 0], [-1, -2], [-3, -4]], [[0, 0], [-1, -2], [-1, -2], [-3, -4]]),
    "Minimum": ([[0, 0], [-1, -2], [-1, -2], [-3, -4]], [[0, 0], [-1, -2], [-1, -2], [-3, -4]]),
    "Multiply": ([[0, 0], [0, 0], [-1, -2], [9, 16]], [[0, 0], [-1, -2], [-1, -2], [9, 16]]),
    "Add": ([[0, 0], [-1, -2], [-1, -2], [-6, -8]], [[0, 0], [-1, -2], [-1, -2], [-6, -8]]),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_masked_steps_are_ignored(name):
    masking, layer = layers.Masking(), getattr(layers, name)()
    one, both = EXPECTED[name]
    output = layer([masking(A), B])
    np.testing.assert_array_equal(output[0], one)
    assert masks.get(output) is None
    output = layer([masking(A), masking(B)])
    np.testing.assert_array_equal(output[0], both)
    np.testing.assert_array_equal(masks.get(output), [[False, True, True, True]])


@pytest.mark.parametrize("layer", [layers.Add(), layers.Concatenate()])
def test_masks_that_do_not_go_with_the_inputs(layer):
    with pytest.raises(ValueError, match="mask must be a list, got ndarray"):
        layer.compute_mask([A, B], A[..., 0] != 0)
    with pytest.raises(ValueError, match="inputs must be a list, got ndarray"):
        layer.compute_mask(A, [None, None])
    with pytest.raises(ValueError, match="expected one mask for each of 2 inputs, got 1"):
        layer.compute_mask([A, B], [None])
    assert layer.compute_mask([A, B]) is None and layer.compute_mask([A, B], [None, None]) is None
