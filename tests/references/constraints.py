"""Weights after each constraint, with norms below, inside and above the bounds, and zero."""

import numpy as np

ROWS = {
    "MaxNorm": ("MaxNorm", {}),
    "MaxNorm_axis_1": ("max_norm", {"max_value": 1.5, "axis": 1}),
    "NonNeg": ("NonNeg", {}),
    "NonNeg_alias": ("non_neg", {}),
    "UnitNorm": ("UnitNorm", {}),
    "UnitNorm_axis_1": ("unit_norm", {"axis": 1}),
    "MinMaxNorm": ("MinMaxNorm", {}),
    "MinMaxNorm_rate": ("min_max_norm", {"min_value": 0.5, "max_value": 1.5, "rate": 0.7}),
}
AXES = {
    "MaxNorm": {"axis": [0, 1, 2]},
    "UnitNorm": {"axis": [0, 1, 2]},
    "MinMaxNorm": {"min_value": 0.3, "axis": [0, 1, 2]},
}


def cases(keras):
    """The projections of a matrix, and of the kernel of a convolution."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(4, 5)).astype("float32") * [0.01, 0.3, 1.0, 5.0, 0.0]
    kernel = rng.normal(size=(3, 3, 2, 4)).astype("float32") * [0.01, 0.1, 1.0, 5.0]
    numbers = {}
    for case, (name, arguments) in ROWS.items():
        numbers[case] = getattr(keras.constraints, name)(**arguments)(matrix.astype("float32"))
    for name, arguments in AXES.items():
        numbers[f"{name}_kernel"] = getattr(keras.constraints, name)(**arguments)(kernel.astype("float32"))
    return numbers
