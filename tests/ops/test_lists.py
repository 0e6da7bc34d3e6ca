"""Lists of Python numbers in the place of each array of each function: Keras's values and dtypes."""

import jax
import numpy as np
import pytest

from minidl import ops
from tests.references.ops import BOOL, CALLS, IMAGES, INT, SQUARE, UNIT, X, Y

ON_X = """
    angle array conjugate dstack empty_like round rot90 nanargmax nanargmin nanmedian nanprod trapezoid shape pinv svd
    convert_to_numpy nonzero
""".split()
ON_TWO_INTEGERS = """
    bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift left_shift right_shift gcd lcm
""".split()
IDS = np.array([0, 0, 1], "int32")
MORE = {
    **{name: [((X,), {})] for name in ON_X},
    **{name: [((INT, INT), {})] for name in ON_TWO_INTEGERS},
    **{name: [((BOOL, BOOL), {})] for name in ("logical_or", "logical_xor")},
    **{name: [((INT,), {})] for name in ("bitwise_invert", "bitwise_not")},
    **{name: [((X, IDS, 2), {})] for name in ("segment_min", "segment_prod")},
    **{name: [((X[0], Y[0]), {"num": 3})] for name in ("linspace", "logspace")},
    "argpartition": [((X, 2), {})],
    "array_split": [((X, 2), {"axis": 1})],
    "bincount": [((INT[0],), {"weights": UNIT[0], "minlength": 6})],
    "correlate": [((X[0], Y[0]), {})],
    "eigh": [((SQUARE,), {})],
    "fft": [(((X, Y),), {})],
    "full_like": [((X, 2.0), {})],
    "geomspace": [((UNIT[0], UNIT[1]), {"num": 3})],
    "histogram": [((X[0],), {})],
    "irfft": [(((X, Y),), {})],
    "kron": [((X, Y), {})],
    "ldexp": [((X, INT), {})],
    "logaddexp2": [((X, Y), {})],
    "lstsq": [((SQUARE, X), {})],
    "percentile": [((X, 100 * UNIT[0]), {})],
    "separable_conv": [((IMAGES, np.ones((2, 2, 3, 1), "float32"), np.ones((1, 1, 3, 2), "float32")), {})],
    "slogdet": [((SQUARE,), {})],
    "solve_triangular": [((SQUARE, X), {"lower": True})],
    "threshold": [((X, 0.1, 0.0), {})],
    "unravel_index": [((INT, (3, 4)), {})],
    "vdot": [((X[0], Y[0]), {})],
    "view": [((X, "int32"), {})],
}
# Without an array to convert, or tested elsewhere: control flow and stop_gradient take structures, images have tests of
# their own, Keras's sparsemax need not sum to 1.
WITHOUT = """
    arange compute_output_spec cond custom_gradient dtype eig empty eye fori_loop full get_keras_mask identity is_tensor
    jvp ones scan switch tri vectorize while_loop zeros associative_scan map vectorized_map affine_transform
    map_coordinates resize rgb_to_grayscale hsv_to_rgb rgb_to_hsv pad_images crop_images perspective_transform
    gaussian_blur elastic_transform scale_and_translate extract_patches extract_patches_3d sobel_edges ssim sparsemax
    stop_gradient
""".split()
TABLE = {name: CALLS.get(name, [])[:1] + MORE.get(name, []) for name in {**CALLS, **MORE} if name not in WITHOUT}


def test_every_function_has_a_row():
    assert set(ops.NAMES) <= set(TABLE) | set(WITHOUT)


def outcome(function, args, kwargs):
    return [leaf if leaf is None else np.asarray(leaf) for leaf in jax.tree.leaves(function(*args, **kwargs))]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(TABLE) & set(ops.NAMES)))
def test_lists_give_what_keras_gives(name):
    """Each array alone as nested lists, and all together. Keras's own answer for arrays where it refuses the lists."""
    theirs = getattr(pytest.importorskip("keras").ops, name)
    for args, kwargs in TABLE[name]:
        leaves, structure = jax.tree.flatten((args, kwargs))
        kinds = (np.float32, np.int32, np.bool_)
        places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, np.ndarray) and leaf.dtype in kinds]
        for chosen in [[place] for place in places] + [places] * (len(places) > 1):
            lists = [leaf.tolist() if i in chosen else leaf for i, leaf in enumerate(leaves)]
            args_of_lists, kwargs_of_lists = jax.tree.unflatten(structure, lists)
            try:
                want = outcome(theirs, args_of_lists, kwargs_of_lists)
            except (TypeError, AttributeError):
                want = outcome(theirs, args, kwargs)
            got = outcome(getattr(ops, name), args_of_lists, kwargs_of_lists)
            for one, other in zip(got, want, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=f"{name}, lists for {chosen}")
                assert one.dtype == other.dtype, f"{name}, lists for {chosen}"
