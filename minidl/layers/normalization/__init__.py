"""Normalization layers."""

from minidl.layers.normalization.batch import BatchNormalization
from minidl.layers.normalization.group import GroupNormalization
from minidl.layers.normalization.layer import LayerNormalization
from minidl.layers.normalization.rms import RMSNormalization
from minidl.layers.normalization.spectral import SpectralNormalization
from minidl.layers.normalization.unit import UnitNormalization

__all__ = [
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "SpectralNormalization",
    "UnitNormalization",
]
