"""Layers that prepare raw input (Rescaling is in basics.py)."""

import numpy as np

from minidl import layers
from minidl.testing import LayerCase as Row

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(4, 3)).astype("float32")
TOKENS = np.array([[0, 1], [3, 3], [2, 0]], "int32")
IMAGES = RNG.uniform(0, 255, size=(3, 4, 6, 3)).astype("float32")
NOISE = {"differs_in_training": True, "trains_by_default": True}

ROWS = {
    "Normalization": Row(layers.Normalization, {"mean": [1.0, 2.0, 3.0], "variance": [1.0, 4.0, 2.0]}, MATRIX),
    "Normalization adapted": Row(layers.Normalization, {"axis": None, "invert": True}, MATRIX),
    "Discretization": Row(layers.Discretization, {"bin_boundaries": [-0.5, 0.5]}, MATRIX, has_gradient=False),
    "CategoryEncoding": Row(
        layers.CategoryEncoding, {"num_tokens": 4, "output_mode": "count"}, TOKENS, has_gradient=False
    ),
    "Resizing": Row(layers.Resizing, {"height": 3, "width": 8, "crop_to_aspect_ratio": True}, IMAGES),
    "CenterCrop": Row(layers.CenterCrop, {"height": 3, "width": 4}, IMAGES),
    "RandomFlip": Row(layers.RandomFlip, {"seed": 1}, IMAGES, **NOISE),
    "RandomBrightness": Row(layers.RandomBrightness, {"factor": [-0.1, 0.2], "seed": 1}, IMAGES, **NOISE),
    "RandomContrast": Row(layers.RandomContrast, {"factor": [0.3, 0.4], "seed": 1}, IMAGES, **NOISE),
    "RandomTranslation": Row(
        layers.RandomTranslation, {"height_factor": 0.2, "width_factor": [-0.3, 0.1], "seed": 1}, IMAGES, **NOISE
    ),
    "RandomRotation": Row(layers.RandomRotation, {"factor": [-0.1, 0.2], "seed": 1}, IMAGES, **NOISE),
    "RandomZoom": Row(layers.RandomZoom, {"height_factor": 0.3, "fill_mode": "wrap", "seed": 1}, IMAGES, **NOISE),
    "RandomCrop": Row(layers.RandomCrop, {"height": 3, "width": 4, "seed": 1}, IMAGES, **NOISE),
}
