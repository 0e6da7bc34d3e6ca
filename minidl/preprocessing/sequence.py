"""Sequences of numbers."""

from minidl.utils import pad_sequences

__all__ = ["pad_sequences"]
