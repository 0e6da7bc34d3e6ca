"""Numbers computed by Keras, and the programs that compute them.

Each module here holds one program, `cases(keras) -> {name: array}`, that knows nothing of
which library it is given. `python -m tests.references` runs every program with the real
Keras on its JAX backend and writes `<module>.npz` beside it; the tests run the same
program with minidl and compare. Numbers whose name holds "exact" are compared bit for bit; those whose name
begins with "machine" differ from one kind of CPU to another, so they are compared live only.
"""

from __future__ import annotations

import importlib
import pathlib
import pkgutil
from typing import Any

import numpy as np

COMPILE_FAST = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}  # of large programs
FOLDER = pathlib.Path(__file__).parent
AREAS = sorted(m.name for m in pkgutil.iter_modules([str(FOLDER)]) if not m.name.startswith("_"))


def compute(area: str, keras: Any) -> dict[str, np.ndarray]:
    """Run an area's program with a library and give its numbers."""
    module = importlib.import_module(f"tests.references.{area}")
    return {name: np.asarray(value) for name, value in module.cases(keras).items()}


def committed(area: str) -> dict[str, np.ndarray]:
    """The numbers that Keras gave, from the committed file."""
    with np.load(FOLDER / f"{area}.npz") as file:
        return dict(file)
