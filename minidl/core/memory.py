"""Host memory."""

from __future__ import annotations

import math
import threading

import numpy as np

from minidl.core.typing import DType


def aligned_empty(shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    """An uninitialized array, aligned so that a CPU device can alias its memory instead of copying it."""
    alignment = 64
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + alignment, np.uint8)
    offset = -memory.ctypes.data % alignment
    return memory[offset : offset + size].view(dtype).reshape(shape)


_kept = threading.local()


def scratch(name: str, shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    """Memory of this thread for one step: the next call with this name gives the same memory again.

    Arrays that are allocated for each image cost as much as the arithmetic on them, as the system clears their pages.
    """
    kept = vars(_kept)
    memory = kept.get(name)
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if memory is None or memory.size < size:
        memory = kept[name] = aligned_empty((size,), np.uint8)
    return np.ndarray(shape, dtype, memory)
