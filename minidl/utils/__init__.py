"""Helpers around models and arrays."""

from minidl.random import set_random_seed
from minidl.utils.arrays import normalize, to_categorical
from minidl.utils.session import clear_session

__all__ = ["clear_session", "normalize", "set_random_seed", "to_categorical"]
