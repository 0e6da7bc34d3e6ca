"""Preprocessing layers for numbers, categories and images."""

from minidl.layers.preprocessing.category_encoding import CategoryEncoding
from minidl.layers.preprocessing.discretization import Discretization
from minidl.layers.preprocessing.hashed_crossing import HashedCrossing
from minidl.layers.preprocessing.hashing import Hashing
from minidl.layers.preprocessing.images import CenterCrop, RandomBrightness, RandomContrast, RandomFlip, Resizing
from minidl.layers.preprocessing.integer_lookup import IntegerLookup
from minidl.layers.preprocessing.mel_spectrogram import MelSpectrogram
from minidl.layers.preprocessing.normalization import Normalization
from minidl.layers.preprocessing.pipeline import Pipeline
from minidl.layers.preprocessing.random_geometry import RandomCrop, RandomRotation, RandomTranslation, RandomZoom
from minidl.layers.preprocessing.rescaling import Rescaling
from minidl.layers.preprocessing.stft_spectrogram import STFTSpectrogram
from minidl.layers.preprocessing.string_lookup import StringLookup
from minidl.layers.preprocessing.text_vectorization import TextVectorization

__all__ = [
    "CategoryEncoding",
    "CenterCrop",
    "Discretization",
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "MelSpectrogram",
    "Normalization",
    "Pipeline",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "Rescaling",
    "Resizing",
    "STFTSpectrogram",
    "StringLookup",
    "TextVectorization",
]
