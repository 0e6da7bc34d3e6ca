"""First weights, bit for bit.

Orthogonal alone is compared to rounding here: LAPACK multiplies in another order on another
kind of processor. tests/initializers/test_initializers.py compares it bit for bit on one machine.
"""

import itertools

import numpy as np

SHAPES = ((), (6,), (7, 5), (3, 2, 4, 6))

DETERMINISTIC = {
    "Zeros": ("Zeros", {}, (2, 3)),
    "Ones": ("Ones", {}, (2, 3)),
    "Constant": ("Constant", {"value": 0.3}, (2, 3)),
    "Constant_array": ("constant", {"value": np.arange(3.0)}, (2, 3)),
    "Identity": ("Identity", {}, (3, 3)),
    "Identity_gain": ("identity", {"gain": 0.3}, (2, 4)),
}
STFT = {
    "STFT": {},
    "STFT_imag": {"side": "imag", "window": "hamming", "scaling": "spectrum", "periodic": True},
    "STFT_plain": {"window": None},
    "STFT_given": {"window": [0.5, 1.0, 2.0, 1.0, 0.5, 0.1, 0.2, 0.3], "scaling": None},
}
RANDOM = {
    "RandomNormal": {"mean": 0.5, "stddev": 2.0},
    "RandomUniform": {"minval": -0.3, "maxval": 2.0},
    "TruncatedNormal": {"mean": 0.5, "stddev": 2.0},
    "VarianceScaling": {},
    "GlorotUniform": {},
    "GlorotNormal": {},
    "LecunUniform": {},
    "LecunNormal": {},
    "HeUniform": {},
    "HeNormal": {},
    "Orthogonal": {"gain": 0.7},
}
MODES = ("fan_in", "fan_out", "fan_avg")
DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")


def cases(keras):
    """Draws of every initializer, seeded, unseeded, and from a generator."""
    return {**deterministic(keras), **seeded(keras), **scaled(keras), **unseeded(keras), **streams(keras)}


def deterministic(keras):
    """What needs no seed."""
    numbers = {}
    for case, (name, arguments, shape) in DETERMINISTIC.items():
        initializer = getattr(keras.initializers, name)(**arguments)
        for dtype in ("float32", "float16") if name in ("Identity", "identity") else ("float32", "float16", "int32"):
            numbers[f"exact_{case}_{dtype}"] = initializer(shape, dtype=dtype)
    for case, arguments in STFT.items():
        numbers[case] = keras.initializers.STFT(**arguments)((8, 1, 5))
    numbers["exact_get_array"] = keras.initializers.get(np.arange(6.0).reshape(2, 3))((2, 3))
    return numbers


def seeded(keras):
    """Each random initializer with a seed, for each rank, and in 16 bits."""
    numbers = {}
    for (name, arguments), shape in itertools.product(RANDOM.items(), SHAPES):
        if name == "Orthogonal" and len(shape) < 2:
            continue
        initializer = getattr(keras.initializers, name)(**arguments, seed=1234567)
        numbers[f"{exact(name)}{name}_{shape}"] = initializer(shape)
        if shape == (7, 5) and name != "Orthogonal":
            for dtype in ("float16", "bfloat16"):
                kind = (
                    "machine_" if dtype == "float16" else ""
                )  # some CPUs have float16 arithmetic, some only emulate it
                numbers[f"{kind}exact_{name}_{dtype}"] = np.asarray(initializer(shape, dtype=dtype)).astype("float32")
    numbers["Orthogonal_wide"] = keras.initializers.Orthogonal(seed=3)((3, 8))
    return numbers


def scaled(keras):
    """Every mode and distribution of VarianceScaling."""
    numbers = {}
    for mode, distribution, shape in itertools.product(MODES, DISTRIBUTIONS, SHAPES):
        initializer = keras.initializers.VarianceScaling(1.7, mode, distribution, seed=2**32 - 1)
        numbers[f"exact_VarianceScaling_{mode}_{distribution}_{shape}"] = initializer(shape)
    for mode in MODES:
        axes = {"input_axes": (0, 2), "output_axes": (1,)}
        initializer = keras.initializers.VarianceScaling(mode=mode, distribution="Normal", seed=99, **axes)
        numbers[f"exact_VarianceScaling_axes_{mode}"] = initializer((3, 4, 5))
    numbers["exact_GlorotUniform_axes"] = keras.initializers.GlorotUniform(1, (0, 2), (1,))((3, 4, 5))
    return numbers


def unseeded(keras):
    """Seeds that come from Python's `random`, one for each initializer, in the order they are made."""
    keras.utils.set_random_seed(11)
    made = {name: getattr(keras.initializers, name)() for name in RANDOM}
    made |= {f"{name}_again": keras.initializers.get(name) for name in ("uniform", "glorot_uniform", "he_normal")}
    made["from_config"] = keras.initializers.get({"class_name": "LecunUniform", "config": {"seed": None}})
    made["from_class"] = keras.initializers.get(keras.initializers.HeUniform)
    numbers = {f"{exact(name)}unseeded_{name}": made[name]((7, 5)) for name in reversed(made)}
    numbers["exact_unseeded_RandomNormal_second_call"] = made["RandomNormal"]((7, 5))
    return numbers


def streams(keras):
    """A generator as seed: another draw at each call, the generator shared."""
    generator = keras.random.SeedGenerator(5)
    normal = keras.initializers.RandomNormal(seed=generator)
    uniform = keras.initializers.GlorotUniform(seed=generator)
    return {f"exact_stream_{i}": draw((7, 5)) for i, draw in enumerate([normal, normal, uniform, normal])}


def exact(name):
    """The prefix that asks for equal bits."""
    return "" if "Orthogonal" in name else "exact_"
