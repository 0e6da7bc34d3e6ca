"""Dense, activations, and what else the first models are made of."""

import numpy as np

from minidl import layers
from minidl.testing import LayerCase as Row

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(4, 6)).astype("float32")
WIDE = RNG.normal(size=(4, 20)).astype("float32")
CUBE = RNG.normal(size=(2, 3, 5)).astype("float32")
IMAGES = RNG.integers(0, 256, (2, 4, 5, 3)).astype("uint8")

ROWS = {
    "Activation": Row(layers.Activation, {"activation": "gelu"}, CUBE),
    "Activation none": Row(layers.Activation, {"activation": None}, CUBE),
    "Dense": Row(layers.Dense, {"units": 3, "activation": "tanh", "bias_initializer": "ones"}, MATRIX),
    "Dense narrow": Row(layers.Dense, {"units": 3, "bias_initializer": "ones"}, WIDE),  # computed transposed
    "Dense cube": Row(layers.Dense, {"units": 1, "use_bias": False, "kernel_regularizer": "l2"}, CUBE),
    "Dense constrained": Row(layers.Dense, {"units": 2, "kernel_constraint": "max_norm", "trainable": False}, MATRIX),
    "Dropout": Row(layers.Dropout, {"rate": 0.5, "seed": 3}, CUBE, differs_in_training=True),
    "Dropout noise_shape": Row(
        layers.Dropout, {"rate": 0.5, "noise_shape": (2, None, 1)}, CUBE, differs_in_training=True, any_batch=False
    ),
    "Dropout 0": Row(layers.Dropout, {"rate": 0}, CUBE),
    "Dropout 1": Row(layers.Dropout, {"rate": 1.0}, CUBE, differs_in_training=True),
    "ELU": Row(layers.ELU, {"alpha": 0.5}, CUBE),
    "Identity": Row(layers.Identity, {}, CUBE),
    "LeakyReLU": Row(layers.LeakyReLU, {"negative_slope": 0.1}, CUBE),
    "PReLU": Row(layers.PReLU, {"alpha_initializer": "ones", "alpha_regularizer": "l2"}, CUBE),
    "PReLU shared": Row(
        layers.PReLU, {"alpha_initializer": "ones", "alpha_constraint": "non_neg", "shared_axes": [1]}, CUBE
    ),
    "ReLU": Row(layers.ReLU, {"max_value": 0.5, "negative_slope": 0.1, "threshold": 0.2}, CUBE),
    "Softmax": Row(layers.Softmax, {}, CUBE),
    "Softmax axes": Row(layers.Softmax, {"axis": [1, 2]}, CUBE),
    "Flatten": Row(layers.Flatten, {}, IMAGES),
    "Flatten channels_first": Row(layers.Flatten, {"data_format": "channels_first"}, CUBE),
    "Rescaling": Row(layers.Rescaling, {"scale": 1 / 255}, IMAGES),
    "Rescaling per channel": Row(layers.Rescaling, {"scale": np.array([1.0, 2, 3]), "offset": [0, -1, 0.5]}, IMAGES),
}
