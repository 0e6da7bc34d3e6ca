"""Layers that vary images in training, and those that change their contrast."""

import numpy as np

from minidl import layers
from minidl.testing import LayerCase as Row

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, size=(3, 8, 6, 3)).astype("float32")
LABELLED = {"images": IMAGES, "labels": np.eye(3, dtype="float32")}
NOISE = {"differs_in_training": True, "trains_by_default": True}
DRAWS = {**NOISE, "draws_in_inference": True}
WHOLE_BATCH = {**NOISE, "any_batch": False}

ROWS = {
    "RandomSaturation": Row(layers.RandomSaturation, {"factor": [0.1, 0.9], "seed": 1}, IMAGES, **DRAWS),
    "RandomHue": Row(layers.RandomHue, {"factor": [0.2, 0.5], "seed": 1}, IMAGES, **DRAWS),
    "RandomColorDegeneration": Row(layers.RandomColorDegeneration, {"factor": [0.2, 0.5], "seed": 1}, IMAGES, **DRAWS),
    "RandomSharpness": Row(layers.RandomSharpness, {"factor": [0.7, 0.9], "seed": 1}, IMAGES, **DRAWS),
    "RandomPosterization": Row(layers.RandomPosterization, {"factor": [2, 4], "seed": 1}, IMAGES, **DRAWS),
    "RandomGrayscale": Row(layers.RandomGrayscale, {"factor": 0.9, "seed": 1}, IMAGES, **DRAWS),
    "RandomInvert": Row(layers.RandomInvert, {"factor": [0.9, 1.0], "seed": 1}, IMAGES, **NOISE),
    "RandomColorJitter": Row(
        layers.RandomColorJitter, {"brightness_factor": 0.3, "hue_factor": [0.1, 0.2], "seed": 1}, IMAGES, **NOISE
    ),
    "RandomShear": Row(
        layers.RandomShear, {"x_factor": [0.1, 0.3], "y_factor": [0.1, 0.2], "seed": 1}, IMAGES, **NOISE
    ),
    "RandomPerspective": Row(
        layers.RandomPerspective, {"factor": [0.9, 1.0], "scale": 0.4, "seed": 1}, IMAGES, **NOISE
    ),
    "RandomElasticTransform": Row(
        layers.RandomElasticTransform, {"factor": [0.9, 1.0], "scale": [0.9, 1.0], "seed": 1}, IMAGES, **NOISE
    ),
    "RandomGaussianBlur": Row(
        layers.RandomGaussianBlur, {"factor": [0.9, 1.0], "kernel_size": 5, "seed": 1}, IMAGES, **NOISE
    ),
    "RandomErasing": Row(layers.RandomErasing, {"factor": [0.9, 1.0], "fill_value": 3.0, "seed": 1}, IMAGES, **NOISE),
    "MixUp": Row(layers.MixUp, {"alpha": 2.0, "seed": 1}, IMAGES, **WHOLE_BATCH, draws_in_inference=True),
    "CutMix": Row(layers.CutMix, {"factor": [0.9, 1.0], "seed": 1}, IMAGES, **WHOLE_BATCH),
    "Solarization": Row(
        layers.Solarization, {"addition_factor": [0.0, 0.2], "threshold_factor": [0.1, 0.9], "seed": 1}, IMAGES, **NOISE
    ),
    "AutoContrast": Row(layers.AutoContrast, {}, 100 + IMAGES / 4, trains_by_default=True),
    "Equalization": Row(layers.Equalization, {"bins": 32}, IMAGES, **WHOLE_BATCH),
    "ContrastLimitedAdaptiveHistogramEqualization": Row(
        layers.ContrastLimitedAdaptiveHistogramEqualization,
        {"tile_grid_size": [2, 2], "clip_limit": 2.0},
        IMAGES,
        trains_by_default=True,
    ),
    "RandAugment": Row(layers.RandAugment, {"factor": [0.1, 0.5], "num_ops": 3, "seed": 1}, IMAGES, **WHOLE_BATCH),
    "AugMix": Row(layers.AugMix, {"factor": [0.2, 0.4], "chain_depth": 2, "seed": 1}, IMAGES, **WHOLE_BATCH),
}
