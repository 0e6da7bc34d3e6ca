"""Preprocessing layers for numbers, categories and images."""

from minidl.layers.preprocessing.category_encoding import CategoryEncoding
from minidl.layers.preprocessing.contrast import (
    AutoContrast,
    ContrastLimitedAdaptiveHistogramEqualization,
    Equalization,
    Solarization,
)
from minidl.layers.preprocessing.discretization import Discretization
from minidl.layers.preprocessing.hashed_crossing import HashedCrossing
from minidl.layers.preprocessing.hashing import Hashing
from minidl.layers.preprocessing.images import CenterCrop, RandomBrightness, RandomContrast, RandomFlip, Resizing
from minidl.layers.preprocessing.integer_lookup import IntegerLookup
from minidl.layers.preprocessing.max_num_bounding_boxes import MaxNumBoundingBoxes
from minidl.layers.preprocessing.mel_spectrogram import MelSpectrogram
from minidl.layers.preprocessing.mixing import CutMix, MixUp, RandomErasing
from minidl.layers.preprocessing.normalization import Normalization
from minidl.layers.preprocessing.pipeline import Pipeline
from minidl.layers.preprocessing.policies import AugMix, RandAugment
from minidl.layers.preprocessing.random_colors import (
    RandomColorDegeneration,
    RandomColorJitter,
    RandomGrayscale,
    RandomHue,
    RandomInvert,
    RandomPosterization,
    RandomSaturation,
    RandomSharpness,
)
from minidl.layers.preprocessing.random_distortion import (
    RandomElasticTransform,
    RandomGaussianBlur,
    RandomPerspective,
    RandomShear,
)
from minidl.layers.preprocessing.random_geometry import RandomCrop, RandomRotation, RandomTranslation, RandomZoom
from minidl.layers.preprocessing.rescaling import Rescaling
from minidl.layers.preprocessing.stft_spectrogram import STFTSpectrogram
from minidl.layers.preprocessing.string_lookup import StringLookup
from minidl.layers.preprocessing.text_vectorization import TextVectorization

__all__ = [
    "AugMix",
    "AutoContrast",
    "CategoryEncoding",
    "CenterCrop",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "CutMix",
    "Discretization",
    "Equalization",
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "MaxNumBoundingBoxes",
    "MelSpectrogram",
    "MixUp",
    "Normalization",
    "Pipeline",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Rescaling",
    "Resizing",
    "STFTSpectrogram",
    "Solarization",
    "StringLookup",
    "TextVectorization",
]
