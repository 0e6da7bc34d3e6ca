"""Functions of integers, booleans and small floats: dtypes, rounding, sums beyond what the dtype holds."""

import jax
import numpy as np

RNG = np.random.default_rng(0)
DTYPES = ("bool", "uint8", "int8", "int16", "int32", "float16", "float32")
PIXELS = RNG.integers(0, 256, (2, 7, 9, 3))
HUNDREDS = np.full((2, 3), 100)
BENT = np.array([[0.5, 3.0, -1.2, 5.7], [0.0, 1.0, 2.2, -2.5]], "float32")
COUNTS = np.array([[1, 1, 2], [0, 3, 3]])

# (function, arguments, keyword arguments); every array of integers is given in each of the dtypes
CALLS = {
    "ceil": [((HUNDREDS,), {})],
    "floor": [((HUNDREDS,), {})],
    "trunc": [((HUNDREDS,), {})],
    "round": [((HUNDREDS,), {}), ((HUNDREDS + 5,), {"decimals": -1})],
    "matmul": [((HUNDREDS, HUNDREDS.T), {})],
    "einsum": [(("ij,kj->ik", HUNDREDS, HUNDREDS), {}), (("ij->j", HUNDREDS), {})],
    "dot": [((HUNDREDS, HUNDREDS.T), {})],
    "inner": [((HUNDREDS, HUNDREDS), {})],
    "tensordot": [((HUNDREDS, HUNDREDS.T), {"axes": 1})],
    "sum": [((HUNDREDS,), {})],
    "mean": [((HUNDREDS,), {})],
    "view": [((np.arange(8), "uint8"), {})],
    "rgb_to_grayscale": [((PIXELS,), {})],
    "map_coordinates": [
        ((PIXELS[0, ..., 0], BENT, 1), {"fill_value": 2.5}),
        ((PIXELS[0, ..., 0], BENT, 0), {"fill_mode": "nearest"}),
        ((PIXELS[0, ..., 0], BENT, 1), {"fill_mode": "reflect"}),
    ],
    "resize": [
        ((PIXELS, (4, 6)), {}),
        ((PIXELS[0], (4, 6)), {"interpolation": "bicubic"}),
        ((PIXELS, (4, 6)), {"interpolation": "lanczos3", "crop_to_aspect_ratio": True}),
        ((PIXELS, (4, 6)), {"pad_to_aspect_ratio": True, "fill_value": 7.6}),
        ((PIXELS, (9, 3)), {"pad_to_aspect_ratio": True, "data_format": "channels_first", "antialias": True}),
        ((PIXELS, (6, 6)), {"pad_to_aspect_ratio": True, "interpolation": "nearest", "fill_value": 3}),
    ],
}
INTEGERS_ONLY = {
    "bincount": [((COUNTS[0],), {}), ((COUNTS[1],), {"minlength": 6}), ((COUNTS,), {"minlength": 5})],
}


def calls(name):
    """(dtype, arguments, keyword arguments) for a name of either table; no images of bool."""
    for dtype in DTYPES[1:5] if name in INTEGERS_ONLY else DTYPES:
        if dtype == "bool" and name in ("round", "view", "rgb_to_grayscale", "map_coordinates", "resize"):
            continue
        for args, kwargs in {**CALLS, **INTEGERS_ONLY}[name]:
            yield dtype, tuple(_as(value, dtype) for value in args), kwargs


def cases(keras):
    """What each function gives, by the number of the call."""
    numbers = {}
    for name in (*CALLS, *INTEGERS_ONLY):
        function = getattr(keras.ops, name, None) or getattr(keras.ops.image, name)
        for i, (dtype, args, kwargs) in enumerate(calls(name)):
            for j, value in enumerate(jax.tree.leaves(function(*args, **kwargs))):
                numbers[f"{name}/{i}/{dtype}/{j}"] = np.asarray(value)
    return numbers


def _as(value, dtype):
    if not isinstance(value, np.ndarray) or value.dtype.kind != "i":
        return value
    return value.astype(dtype)
