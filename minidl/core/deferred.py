"""Lazily imported packages: `deferred.h5py.File(...)`.

Importing h5py takes a tenth of the time of what minidl imports besides JAX, and only saving needs it.
"""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name != "h5py":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(name)
