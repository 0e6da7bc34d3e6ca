"""`keras.preprocessing`: the older names, and `smart_resize`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minidl
from minidl.preprocessing.image import smart_resize

RANDOM = np.random.default_rng(0)


def test_older_names_are_the_functions_of_utils():
    parts = (minidl.preprocessing, minidl.preprocessing.image, minidl.preprocessing.sequence)
    same = [(getattr(part, name), name) for part in parts for name in part.__all__ if hasattr(minidl.utils, name)]
    assert len(same) == 8 and all(function is getattr(minidl.utils, name) for function, name in same)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic", "lanczos3"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "size", "data_format"),
    [
        ((37, 53, 3), (20, 20), "channels_last"),
        ((2, 37, 53, 3), (20, 30), "channels_last"),
        ((3, 10, 40), (5, 5), "channels_first"),
        ((10, 11, 3), (30, 20), "channels_last"),
    ],
)
def test_smart_resize_as_keras_live(shape, size, data_format, dtype, interpolation):
    keras = pytest.importorskip("keras")
    images = (RANDOM.random(shape) * 255).astype(dtype)
    expected = keras.preprocessing.image.smart_resize(images, size, interpolation, data_format)
    found = smart_resize(images, size, interpolation, data_format)
    assert (found.dtype, found.shape, type(found)) == (expected.dtype, expected.shape, np.ndarray)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_smart_resize_of_jax_arrays_and_what_it_refuses():
    assert isinstance(smart_resize(jnp.zeros((6, 4, 3)), (2, 2)), jax.Array)
    for images, size in ((np.zeros((6, 4)), (2, 2)), (np.zeros((6, 4, 3)), (2, 2, 2))):
        with pytest.raises(ValueError, match="smart_resize"):
            smart_resize(images, size)
