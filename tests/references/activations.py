"""Activations and their gradients, at ordinary points, at every kink, and far out."""

import jax
import numpy as np

# Keras 3.15 sums the wrong numbers in sparsemax (keras-team/keras issue 23425) unless one value wins
# everything: its rows here have a clear winner, and tests/test_activations.py checks the rest against the paper.

ELEMENTWISE = {
    "celu": ("celu", {}),
    "celu_alpha": ("celu", {"alpha": 0.3}),
    "elu": ("elu", {}),
    "elu_alpha": ("elu", {"alpha": 0.3}),
    "exponential": ("exponential", {}),
    "gelu": ("gelu", {}),
    "gelu_approximate": ("gelu", {"approximate": True}),
    "hard_shrink": ("hard_shrink", {}),
    "hard_shrink_threshold": ("hard_shrink", {"threshold": 1.0}),
    "hard_sigmoid": ("hard_sigmoid", {}),
    "hard_silu": ("hard_silu", {}),
    "hard_swish": ("hard_swish", {}),
    "hard_tanh": ("hard_tanh", {}),
    "leaky_relu": ("leaky_relu", {}),
    "leaky_relu_slope": ("leaky_relu", {"negative_slope": 0.5}),
    "linear": ("linear", {}),
    "log_sigmoid": ("log_sigmoid", {}),
    "mish": ("mish", {}),
    "relu": ("relu", {}),
    "relu_slope": ("relu", {"negative_slope": 0.1}),
    "relu_max": ("relu", {"max_value": 2.0}),
    "relu_max_6": ("relu", {"max_value": 6.0}),
    "relu_max_6_slope": ("relu", {"max_value": 6, "negative_slope": 0.1}),
    "relu_max_slope": ("relu", {"max_value": 3.0, "negative_slope": 0.1}),
    "relu_threshold": ("relu", {"threshold": 1.0}),
    "relu_threshold_max_6": ("relu", {"threshold": 1.0, "max_value": 6.0}),
    "relu_threshold_slope": ("relu", {"threshold": 1.0, "negative_slope": 0.1}),
    "relu_threshold_negative": ("relu", {"threshold": -1.0, "max_value": 3.0, "negative_slope": 0.1}),
    "relu6": ("relu6", {}),
    "selu": ("selu", {}),
    "sigmoid": ("sigmoid", {}),
    "silu": ("silu", {}),
    "soft_shrink": ("soft_shrink", {}),
    "soft_shrink_threshold": ("soft_shrink", {"threshold": 1.0}),
    "softplus": ("softplus", {}),
    "softsign": ("softsign", {}),
    "sparse_plus": ("sparse_plus", {}),
    "sparse_sigmoid": ("sparse_sigmoid", {}),
    "squareplus": ("squareplus", {}),
    "squareplus_b": ("squareplus", {"b": 0.5}),
    "swish": ("swish", {}),
    "tanh": ("tanh", {}),
    "tanh_shrink": ("tanh_shrink", {}),
    "threshold": ("threshold", {"threshold": 1.0, "default_value": 7.0}),
}

ALONG_AN_AXIS = {
    "glu": ("glu", {}),
    "glu_axis": ("glu", {"axis": 1}),
    "log_softmax": ("log_softmax", {}),
    "log_softmax_axis": ("log_softmax", {"axis": 1}),
    "softmax": ("softmax", {}),
    "softmax_axis": ("softmax", {"axis": 1}),
    "softmax_axes": ("softmax", {"axis": (1, 2)}),
    "sparsemax": ("sparsemax", {}),
    "sparsemax_axis": ("sparsemax", {"axis": 1}),
}

# Each kink of the functions above, its neighbours, both zeros, and points where exp vanishes or is huge. In
# regions, because numbers are compared relative to the largest of their array.
REGIONS = {
    "near": [-1, -0.999, -0.5, -0.499, -0.1, -1e-6, -0.0, 0.0, 1e-6, 0.1, 0.25, 0.5, 0.501, 1, 1.001],
    "middle": [-7, -6, -5, -3.001, -3, -2, -1.001, 2, 2.5, 3, 3.001, 5, 6, 6.001, 7],
    "far": [-200, -90, -30, -12, 12, 30, 80],
}


def cases(keras):
    """Values and gradients of every activation."""
    numbers = {}
    for case, (name, arguments) in ELEMENTWISE.items():
        function = getattr(keras.activations, name)

        def value(x, function=function, arguments=arguments):
            return function(x, **arguments)

        points = np.concatenate(list(REGIONS.values())).astype("float32")
        values, slopes = jax.jit(jax.vmap(jax.value_and_grad(value)))(points)
        ends = np.cumsum([len(region) for region in REGIONS.values()])[:-1]
        parts = zip(REGIONS, np.split(values, ends), np.split(slopes, ends), strict=True)
        for region, some_values, some_slopes in parts:
            numbers[f"{case}/{region}/value"] = some_values
            numbers[f"{case}/{region}/gradient"] = some_slopes

    for case, (name, arguments) in ALONG_AN_AXIS.items():
        function = getattr(keras.activations, name)
        x = np.random.default_rng(0).normal(size=(3, 4, 6)).astype("float32") * 2
        if name == "sparsemax":
            x[:, 1, :] += 20 if arguments else 0
            x[..., 2] += 0 if arguments else 20

        def weighted(x, function=function, arguments=arguments):
            y = function(x, **arguments)
            weights = np.cos(np.arange(y.size, dtype="float32")).reshape(y.shape)
            return (y * weights).sum(), y

        gradient, values = jax.jit(jax.grad(weighted, has_aux=True))(x)
        numbers[f"{case}/value"] = values
        numbers[f"{case}/gradient"] = gradient
    return numbers
