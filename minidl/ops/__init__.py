"""Functions of arrays under Keras's names, for symbolic tensors and variables too."""

import types

from minidl.ops import core, image, linalg, math, nn, numpy
from minidl.ops.core import *  # noqa: F403
from minidl.ops.image import *  # noqa: F403
from minidl.ops.linalg import *  # noqa: F403
from minidl.ops.math import *  # noqa: F403
from minidl.ops.nn import *  # noqa: F403
from minidl.ops.numpy import *  # noqa: F403

_FAMILIES = {"numpy": numpy, "nn": nn, "core": core, "math": math, "linalg": linalg, "image": image}
# name -> function, for saved graphs
NAMES = {
    name: function
    for module in _FAMILIES.values()
    for name, function in vars(module).items()
    if isinstance(function, types.FunctionType)
    and not name.startswith("_")
    and name not in ("operation", "unary", "binary", "bitwise", "reduction")
}
# name -> the module in which Keras has the class of that name
MODULES = {
    name: f"keras.src.ops.{family}"
    for family, module in _FAMILIES.items()
    for name in NAMES
    if NAMES[name] is vars(module).get(name)
}

for _module in _FAMILIES.values():
    _module.__all__ = sorted(name for name in NAMES if NAMES[name] is vars(_module).get(name))  # type: ignore[attr-defined]

# Not by assignment: type checkers, which take `__all__` as it is written, would see no name.
globals()["__all__"] = sorted([*NAMES, "image", "linalg", "nn", "numpy"])
