"""Memory of the host."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def aligned_empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An uninitialised array whose memory the device can use as it is, without a copy (on the CPU)."""
    alignment = 64
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + alignment, np.uint8)
    offset = -memory.ctypes.data % alignment
    return memory[offset : offset + size].view(dtype).reshape(shape)
