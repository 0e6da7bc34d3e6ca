"""Layers that prepare raw input (Rescaling is in basics.py)."""

import numpy as np

from minidl import layers
from minidl.testing import LayerCase as Row

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(4, 3)).astype("float32")
TOKENS = np.array([[0, 1], [3, 3], [2, 0]], "int32")
WORDS = np.array([["a", "b"], ["c", "d"], ["z", "a"]])
INTEGERS = np.array([[12, 36], [36, 7], [0, 12]], "int32")
SIGNALS = RNG.normal(size=(2, 200, 2)).astype("float32")
IMAGES = RNG.uniform(0, 255, size=(3, 4, 6, 3)).astype("float32")
NOISE = {"differs_in_training": True, "trains_by_default": True}

ROWS = {
    "Normalization": Row(layers.Normalization, {"mean": [1.0, 2.0, 3.0], "variance": [1.0, 4.0, 2.0]}, MATRIX),
    "Normalization adapted": Row(layers.Normalization, {"axis": None, "invert": True}, MATRIX),
    "Discretization": Row(layers.Discretization, {"bin_boundaries": [-0.5, 0.5]}, MATRIX, has_gradient=False),
    "CategoryEncoding": Row(
        layers.CategoryEncoding, {"num_tokens": 4, "output_mode": "count"}, TOKENS, has_gradient=False
    ),
    "StringLookup": Row(
        layers.StringLookup, {"vocabulary": ["a", "b"], "num_oov_indices": 3}, WORDS, has_gradient=False
    ),
    "StringLookup count": Row(
        layers.StringLookup, lambda: {"vocabulary": ["a", "b"], "output_mode": "count"}, WORDS, has_gradient=False
    ),
    "IntegerLookup": Row(
        layers.IntegerLookup, {"vocabulary": [12, 36], "num_oov_indices": 2}, INTEGERS, has_gradient=False
    ),
    "IntegerLookup hashed": Row(
        layers.IntegerLookup,
        lambda: {
            "vocabulary": [12, 36],
            "num_oov_indices": 2,
            "oov_method": "farmhash",
            "output_mode": "tf_idf",
            "idf_weights": [1.0, 2.0],
        },
        INTEGERS,
        has_gradient=False,
    ),
    "Hashing": Row(layers.Hashing, {"num_bins": 5, "salt": 3, "output_mode": "one_hot"}, WORDS, has_gradient=False),
    "Hashing integers": Row(layers.Hashing, lambda: {"num_bins": 5, "mask_value": 12}, INTEGERS, has_gradient=False),
    "HashedCrossing": Row(
        layers.HashedCrossing,
        {"num_bins": 5, "output_mode": "one_hot"},
        [WORDS[:, :1], INTEGERS[:, :1]],
        has_gradient=False,
    ),
    "TextVectorization": Row(
        layers.TextVectorization,
        {"vocabulary": ["a", "b"], "output_sequence_length": 3, "ngrams": 2},
        WORDS[:, :1],
        has_gradient=False,
    ),
    "TextVectorization multi_hot": Row(
        layers.TextVectorization,
        lambda: {"vocabulary": ["a", "b"], "split": None, "output_mode": "multi_hot"},
        WORDS,
        has_gradient=False,
    ),
    "Pipeline": Row(
        layers.Pipeline,
        lambda: {"layers": [layers.Rescaling(2.0, name="twice"), layers.Normalization(mean=1.0, variance=4.0)]},
        MATRIX,
    ),
    "STFTSpectrogram": Row(layers.STFTSpectrogram, {"frame_length": 32, "padding": "same"}, SIGNALS),
    "MelSpectrogram": Row(
        layers.MelSpectrogram, {"fft_length": 64, "num_mel_bins": 8, "top_db": 1000.0}, SIGNALS[..., 0]
    ),
    "Resizing": Row(layers.Resizing, {"height": 3, "width": 8, "crop_to_aspect_ratio": True}, IMAGES),
    "CenterCrop": Row(layers.CenterCrop, {"height": 3, "width": 4}, IMAGES),
    "MaxNumBoundingBoxes": Row(  # boxes are in test_boxes.py
        layers.MaxNumBoundingBoxes, {"max_number": 3, "fill_value": -2, "bounding_box_format": "xyxy"}, IMAGES
    ),
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
