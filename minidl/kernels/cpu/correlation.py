"""Correlation along an axis on the CPU: the sum of shifted slices of an array that is computed before.

XLA fuses what computes the array into each slice, so that it is computed once for each place of the kernel: before a
3 x 3 filter nine times. Its own convolution of each channel takes thirty times as long as the slices.
"""

from __future__ import annotations

from typing import Any

from minidl.kernels import reference
from minidl.kernels.compiler import keep_barrier


def correlate(x: Any, kernel: Any, axis: int) -> Any:
    return reference.correlate(keep_barrier(x), kernel, axis)
