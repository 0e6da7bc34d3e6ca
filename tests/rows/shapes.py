"""Regularization, reshaping and merging."""

import numpy as np

from minidl import layers
from minidl.testing import LayerCase as Row

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(3, 4)).astype("float32")
CUBE = RNG.normal(size=(3, 4, 6)).astype("float32")
IMAGES = RNG.normal(size=(2, 4, 5, 3)).astype("float32")
VOLUMES = RNG.normal(size=(2, 3, 4, 3, 2)).astype("float32")
PAIR = [CUBE, RNG.normal(size=(3, 4, 6)).astype("float32")]
NOISE = {"differs_in_training": True}

ROWS = {
    "SpatialDropout1D": Row(layers.SpatialDropout1D, {"rate": 0.5, "seed": 1}, CUBE, **NOISE),
    "SpatialDropout2D": Row(
        layers.SpatialDropout2D, {"rate": 0.5, "seed": 1, "data_format": "channels_first"}, IMAGES, **NOISE
    ),
    "SpatialDropout3D": Row(layers.SpatialDropout3D, {"rate": 0.5, "seed": 1}, VOLUMES, **NOISE),
    "GaussianNoise": Row(layers.GaussianNoise, {"stddev": 0.5, "seed": 1}, CUBE, **NOISE),
    "GaussianDropout": Row(layers.GaussianDropout, {"rate": 0.5, "seed": 1}, CUBE, **NOISE),
    "AlphaDropout": Row(layers.AlphaDropout, {"rate": 0.5, "seed": 1, "noise_shape": [None, 1, None]}, CUBE, **NOISE),
    "ActivityRegularization": Row(layers.ActivityRegularization, {"l1": 0.1, "l2": 0.2}, CUBE),
    "Reshape": Row(layers.Reshape, {"target_shape": [2, -1]}, CUBE),
    "Permute": Row(layers.Permute, {"dims": [3, 1, 2]}, IMAGES),
    "RepeatVector": Row(layers.RepeatVector, {"n": 3}, MATRIX),
    "Cropping1D": Row(layers.Cropping1D, {"cropping": [1, 2]}, CUBE),
    "Cropping2D": Row(layers.Cropping2D, {"cropping": 1}, IMAGES),
    "Cropping3D": Row(layers.Cropping3D, {"cropping": [1, 0, 0], "data_format": "channels_first"}, VOLUMES),
    "ZeroPadding1D": Row(layers.ZeroPadding1D, {"padding": 2}, CUBE),
    "ZeroPadding2D": Row(layers.ZeroPadding2D, {"padding": [[1, 0], [0, 2]]}, IMAGES),
    "ZeroPadding3D": Row(layers.ZeroPadding3D, {"data_format": "channels_first"}, VOLUMES),
    "UpSampling1D": Row(layers.UpSampling1D, {"size": 3}, CUBE),
    "UpSampling2D": Row(layers.UpSampling2D, {"size": [2, 3]}, IMAGES),
    "UpSampling2D bilinear": Row(
        layers.UpSampling2D, {"interpolation": "bilinear", "data_format": "channels_first"}, IMAGES
    ),
    "UpSampling3D": Row(layers.UpSampling3D, {}, VOLUMES),
    "Add": Row(layers.Add, {}, [*PAIR, CUBE[:, :1]]),
    "Subtract": Row(layers.Subtract, {}, PAIR),
    "Multiply": Row(layers.Multiply, {}, PAIR),
    "Average": Row(layers.Average, {}, PAIR),
    "Maximum": Row(layers.Maximum, {}, PAIR),
    "Minimum": Row(layers.Minimum, {}, PAIR),
    "Concatenate": Row(layers.Concatenate, {"axis": 1}, [CUBE, CUBE[:, :2]]),
    "Dot": Row(layers.Dot, {"axes": [2, 2], "normalize": True}, PAIR),
    "Dot vectors": Row(layers.Dot, {"axes": 1}, [MATRIX, MATRIX + 1]),
}
