"""Host memory."""

from __future__ import annotations

import math

import numpy as np

from minidl.core.typing import DType


def aligned_empty(shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    """An uninitialized array, aligned so that a CPU device can alias its memory instead of copying it."""
    alignment = 64
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + alignment, np.uint8)
    offset = -memory.ctypes.data % alignment
    return memory[offset : offset + size].view(dtype).reshape(shape)
