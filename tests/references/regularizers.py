"""Penalties and their gradients, zeros among the weights included."""

import jax
import numpy as np

ROWS = {
    "L1": ("L1", {}),
    "L1_factor": ("l1", {"l1": 0.3}),
    "L2": ("L2", {}),
    "L2_factor": ("l2", {"l2": 0.3}),
    "L1L2": ("L1L2", {}),
    "L1L2_first": ("l1_l2", {"l1": 0.3}),
    "L1L2_second": ("L1L2", {"l2": 0.2}),
    "L1L2_both": ("L1L2", {"l1": 0.3, "l2": 0.2}),
    "OrthogonalRegularizer": ("OrthogonalRegularizer", {}),
    "OrthogonalRegularizer_columns": ("orthogonal_regularizer", {"factor": 0.5, "mode": "columns"}),
}


def cases(keras):
    """The penalty of a matrix with zeros in it, and its gradient."""
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    x[0, 1] = x[2, 2] = 0.0
    x[3] = -2 * x[1]  # parallel rows
    numbers = {}
    for case, (name, arguments) in ROWS.items():
        penalty, gradient = jax.value_and_grad(getattr(keras.regularizers, name)(**arguments))(jax.numpy.asarray(x))
        numbers[f"{case}/value"] = penalty
        numbers[f"{case}/gradient"] = gradient
    return numbers
