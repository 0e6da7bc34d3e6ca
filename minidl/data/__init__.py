"""Data sets that are read, changed and batched while the device computes."""

from minidl.data.dataset import Dataset
from minidl.data.elements import TensorSpec
from minidl.data.stages import INFINITE as INFINITE_CARDINALITY
from minidl.data.stages import UNKNOWN as UNKNOWN_CARDINALITY
from minidl.data.threads import AUTOTUNE

__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Dataset", "TensorSpec"]
