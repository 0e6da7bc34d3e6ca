"""Rows of arrays, and the files that memory-mapped arrays lie in."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from minidl.core.arrays import device_dtype, within_device


def read_rows(array: Any, rows: Any) -> Any:
    """Rows of an array. Rows of a memory-mapped file are first read here."""
    found = array[rows]
    if isinstance(array, np.memmap) and within_device(np.asarray(found)).dtype != found.dtype:
        raise ValueError(
            f"The mapped file of dtype {array.dtype} holds integers that {device_dtype(array)} cannot. Write it as "
            "floats."
        )
    return found


def mapping_of(array: Any) -> mmap.mmap | None:
    """The file mapping of an array; None for arrays in memory, and private mappings, whose changes must be kept."""
    if not isinstance(array, np.memmap) or array.mode == "c":
        return None
    base = array.base
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None
