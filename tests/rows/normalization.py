"""Normalizations."""

import numpy as np

from minidl import layers
from minidl.testing import LayerCase as Row

RNG = np.random.default_rng(0)
CUBE = RNG.normal(size=(3, 4, 6)).astype("float32")
IMAGES = RNG.normal(size=(2, 3, 3, 4)).astype("float32")

ROWS = {
    "BatchNormalization": Row(layers.BatchNormalization, {"momentum": 0.5}, IMAGES, differs_in_training=True),
    "BatchNormalization first": Row(
        layers.BatchNormalization, {"axis": 1, "center": False, "scale": False}, IMAGES, differs_in_training=True
    ),
    "BatchNormalization renorm": Row(
        layers.BatchNormalization,
        {"renorm": True, "renorm_clipping": {"rmax": 3.0, "dmax": 5.0}},
        IMAGES,
        differs_in_training=True,
    ),
    "GroupNormalization": Row(layers.GroupNormalization, {"groups": 2}, IMAGES),
    "GroupNormalization first": Row(layers.GroupNormalization, {"groups": -1, "axis": 1, "scale": False}, IMAGES),
    "LayerNormalization": Row(layers.LayerNormalization, {"gamma_regularizer": "l2"}, CUBE),
    "LayerNormalization axes": Row(layers.LayerNormalization, {"axis": [1, 2], "center": False}, CUBE),
    "RMSNormalization": Row(layers.RMSNormalization, {}, CUBE),
    "UnitNormalization": Row(layers.UnitNormalization, {"axis": [1, 2]}, CUBE),
    "SpectralNormalization": Row(
        layers.SpectralNormalization,
        lambda: {"layer": layers.Dense(3, name="inner"), "power_iterations": 2},
        CUBE,
        differs_in_training=True,
    ),
}
