"""Comparison of what two libraries returned: structure, shapes, dtypes and values."""

import numpy as np

TOLERANCES = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 2e-5, "float64": 2e-5, "complex64": 2e-5}


def plain(value):
    """A result as NumPy arrays, lists and dicts, so that results of two libraries are of the same types."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (str, bool, int, float, complex, type)):
        return value
    if hasattr(value, "numpy") and not hasattr(value, "__array__"):
        value = value.numpy()
    return np.asarray(value)


def differences(theirs, ours, tolerance=1.0, where=""):
    """Yield a sentence for each difference."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        if list(theirs) != list(ours):
            yield f"{where}: keys {list(theirs)} in Keras, {list(ours)} in minidl"
        for key in theirs.keys() & ours.keys():
            yield from differences(theirs[key], ours[key], tolerance, f"{where}[{key!r}]")
    elif isinstance(theirs, list) and isinstance(ours, list):
        if len(theirs) != len(ours):
            yield f"{where}: {len(theirs)} values in Keras, {len(ours)} in minidl"
        for number, pair in enumerate(zip(theirs, ours)):
            yield from differences(*pair, tolerance, f"{where}[{number}]")
    elif isinstance(theirs, np.ndarray) or isinstance(ours, np.ndarray):
        yield from _arrays(theirs, ours, tolerance, where)
    elif isinstance(theirs, (float, complex)) and isinstance(ours, (float, complex)):
        yield from _arrays(np.float32(theirs), np.float32(ours), tolerance, where)
    elif type(theirs) is not type(ours) or theirs != ours:
        yield f"{where}: {theirs!r} in Keras, {ours!r} in minidl"


def fill_nan(theirs, ours):
    """Their result with the values of ours where theirs is NaN."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return {key: fill_nan(value, ours.get(key)) for key, value in theirs.items()}
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        return [fill_nan(*pair) for pair in zip(theirs, ours)]
    if isinstance(theirs, np.ndarray) and isinstance(ours, np.ndarray) and theirs.shape == ours.shape:
        return (
            np.where(np.isnan(theirs), ours, theirs).astype(theirs.dtype) if theirs.dtype.kind not in "OSU" else theirs
        )
    return theirs


def _arrays(theirs, ours, tolerance, where):
    if not (isinstance(theirs, (np.ndarray, np.generic)) and isinstance(ours, (np.ndarray, np.generic))):
        yield f"{where}: {type(theirs).__name__} in Keras, {type(ours).__name__} in minidl"
    elif theirs.dtype != ours.dtype or theirs.shape != ours.shape:
        yield f"{where}: {theirs.dtype}{theirs.shape} in Keras, {ours.dtype}{ours.shape} in minidl"
    elif theirs.dtype.kind in "biuOSU":
        if not np.array_equal(theirs, ours):
            yield f"{where}: {_short(theirs)} in Keras, {_short(ours)} in minidl"
    else:
        bound = TOLERANCES.get(str(theirs.dtype), 2e-5) * tolerance
        wide = np.complex128 if theirs.dtype.kind == "c" else np.float64
        theirs, ours = theirs.astype(wide), ours.astype(wide)
        finite = np.abs(theirs[np.isfinite(theirs)])
        scale = min(finite.max(initial=0), 1.0 if wide is np.float64 else 10.0)  # a sum of few terms, not of thousands
        if not np.allclose(ours, theirs, rtol=bound, atol=bound * max(scale, 1e-3), equal_nan=True):
            yield f"{where}: {_short(theirs)} in Keras, {_short(ours)} in minidl"


def _short(values):
    return np.array2string(values, threshold=8, edgeitems=4, precision=6).replace("\n", "")
