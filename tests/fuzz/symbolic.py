"""Cases of symbolic calls: shapes and dtypes of the results of layers and functions, with sizes that are not known."""

import keras
import numpy as np

from tests.fuzz import functions, layers
from tests.fuzz.values import build, call

KINDS = [functions._elementwise, functions._activation, functions._binary, functions._reduction, functions._one_axis]
KINDS += [functions._moving, functions._lists, functions._products, functions._windows]


def _tensors(spec, unknown):
    """A description with each array as a KerasTensor, its first sizes unknown."""
    if isinstance(spec, list):
        return [_tensors(item, unknown) for item in spec]
    if not isinstance(spec, dict):
        return spec
    if "array" not in spec:
        return {key: _tensors(value, unknown) for key, value in spec.items()}
    shape = [None] * min(unknown, len(spec["array"])) + spec["array"][unknown:]
    dtype = {"float64": "float32", "int64": "int32"}.get(spec["dtype"], spec["dtype"])
    return call("KerasTensor", {"tuple": shape}, dtype=dtype)


def _arrays(spec, _):
    """A description with each array as an array, also where it is a list."""
    if isinstance(spec, list):
        return [_arrays(item, _) for item in spec]
    if not isinstance(spec, dict):
        return spec
    return {key: _arrays(value, _) for key, value in spec.items() if key != "as"}


def draw(d):
    if d.chance(0.4):
        case = layers.draw(d)
        return {**case, "unknown": d.choice([0, 1, 1, 2])}
    return {"program": d.choice(KINDS)(d), "unknown": d.choice([0, 0, 1, 2])}


def _specs(result):
    """Shapes and dtypes of a result, symbolic or not."""
    if isinstance(result, dict):
        return {key: _specs(value) for key, value in result.items()}
    if hasattr(result, "shape") and hasattr(result, "dtype"):
        return {"shape": list(result.shape), "dtype": str(np.dtype(result.dtype))}
    if isinstance(result, (list, tuple)):
        return [_specs(item) for item in result]
    return None  # a size, or nothing


def agrees(spec, other):
    """Whether specs are the same, up to sizes that the first one does not know."""
    if isinstance(spec, dict) and isinstance(other, dict):
        return spec.keys() == other.keys() and all(agrees(spec[key], other[key]) for key in spec)
    if isinstance(spec, list) and isinstance(other, list):
        return len(spec) == len(other) and all(agrees(*pair) for pair in zip(spec, other))
    return spec is None or spec == other


def eager(case):
    """What Keras makes of arrays; None for an error."""
    try:
        return run(keras, case, _arrays)
    except Exception:  # whatever it is
        return None


def run(library, case, convert=_tensors):
    given = convert(case, case["unknown"])
    if "program" in case:
        return _specs(build(library, given["program"]))
    layer = build(library, case["layer"])
    more = {key: value for key, value in case["more"].items() if key != "mask"}
    return _specs(layer(*build(library, given["inputs"]), **more))
