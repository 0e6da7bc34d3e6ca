"""Small real data sets that ship inside the package."""

from minidl.datasets import digits

__all__ = ["digits"]
