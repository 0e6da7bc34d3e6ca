"""Arguments of cases: plain descriptions of arrays, objects and functions, and how each library makes them.

{"array": shape, "dtype": ..., "fill": ..., "seed": ...}   NumPy array (`"as": "list"` a nested list)
{"call": "layers.Dense", "args": [...], "kwargs": {...}}     object of the library under test
{"get": "ops.relu"}                                          function or class itself
{"tuple": [...]}, {"slice": [start, stop, step]}, {"dict": [[key, value], ...]}
"""

import functools

import ml_dtypes
import numpy as np

FLOATS = ["float16", "bfloat16", "float32", "float64"]
INTEGERS = ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64"]
DTYPES = ["bool", *INTEGERS, *FLOATS]
SIZES = [0, 1, 1, 2, 3, 3, 4, 5, 7]


def array(shape, dtype="float32", fill="normal", seed=0, high=3, **_):
    """The array of a description."""
    rng = np.random.default_rng(seed)
    shape = tuple(shape)
    if fill == "labels":
        values = rng.integers(0, max(high, 1), shape)
    elif fill == "onehot":
        values = np.eye(max(shape[-1], 1))[rng.integers(0, max(shape[-1], 1), shape[:-1])][..., : shape[-1]]
    elif fill == "probabilities":
        values = rng.uniform(0.05, 1, shape)
        values = values / values.sum(-1, keepdims=True)
    elif fill == "unit":
        values = rng.uniform(0.02, 0.98, shape)
    elif fill == "weights":
        values = rng.choice([0.0, 0.5, 1.0, 2.0], shape)
    elif fill == "special":
        values = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -2.5, 100.0], shape)
    else:
        values = rng.normal(size=shape) * 2
    if dtype == "bool":
        return np.asarray(values) > (0.5 if fill in ("unit", "labels", "weights", "onehot") else 0)
    if dtype in INTEGERS:
        values = rng.integers(0 if dtype[0] == "u" else -5, 6, shape) if fill in ("normal", "special") else values
        return np.asarray(values).astype(dtype)
    return np.asarray(values).astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


def find(library, name):
    """The attribute with a dotted name."""
    return functools.reduce(getattr, name.split("."), library)


def build(library, spec):
    """The value of a description, in one of the libraries."""
    if isinstance(spec, list):
        return [build(library, item) for item in spec]
    if not isinstance(spec, dict):
        return spec
    if "array" in spec:
        made = array(spec["array"], **spec)
        return made.astype(object).tolist() if spec.get("as") == "list" else made
    if "tuple" in spec:
        return tuple(build(library, spec["tuple"]))
    if "slice" in spec:
        return slice(*spec["slice"])
    if "dict" in spec:
        return {key: build(library, value) for key, value in spec["dict"]}
    if "get" in spec:
        return find(library, spec["get"])
    if "call" not in spec:
        return {key: build(library, value) for key, value in spec.items()}
    return find(library, spec["call"])(
        *build(library, spec.get("args", [])), **{k: build(library, v) for k, v in spec.get("kwargs", {}).items()}
    )


class Draw:
    """Draws of descriptions from a seeded `random.Random`."""

    def __init__(self, rng):
        self.rng = rng
        self.choice, self.randint, self.random = rng.choice, rng.randint, rng.random

    def chance(self, probability):
        return self.rng.random() < probability

    def shape(self, least=0, most=4):
        return [self.choice(SIZES) for _ in range(self.randint(least, most))]

    def dtype(self):
        return self.choice(DTYPES) if self.chance(0.6) else "float32"

    def array(self, shape=None, dtype=None, fill=None, lists=0.1, **more):
        shape = self.shape() if shape is None else list(shape)
        spec = {
            "array": shape,
            "dtype": dtype or self.dtype(),
            "fill": fill or ("special" if self.chance(0.08) else "normal"),
            "seed": self.randint(0, 9999),
            **more,
        }
        if self.chance(lists) and spec["dtype"] in ("bool", "int64", "float64", "float32", "int32"):
            spec["as"] = "list"
        return spec

    def axis(self, rank):
        return self.randint(-rank, rank - 1) if rank else 0

    def axes(self, rank):
        """None, one axis or several."""
        kind = self.random()
        if kind < 0.3 or not rank:
            return None
        if kind < 0.75:
            return self.axis(rank)
        return {"tuple": self.rng.sample(range(rank), self.randint(1, rank))}

    def options(self, **choices):
        """Some of the options, each with one of its values."""
        return {name: self.choice(values) for name, values in choices.items() if self.chance(0.5)}


def call(name, *args, **kwargs):
    """Description of a call."""
    return {"call": name, "args": list(args), "kwargs": kwargs}
